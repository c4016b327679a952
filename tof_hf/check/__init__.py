"""Mistakes in a run found before a GPU is used, without training or writing anything; torch waits until first use."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
