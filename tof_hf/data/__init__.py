"""Data operations: functions from Dataset to Dataset, each usable alone; heavy imports wait until first use."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
