"""Zero-resource named entity recognition by target-oriented fine-tuning (TOF), on the Hugging Face stack."""

import lazy_loader

from tof_hf.algorithm import recipes as _recipes  # noqa: F401  # registers the systems that run files can name

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
