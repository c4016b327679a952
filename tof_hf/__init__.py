"""Zero-resource named entity recognition by target-oriented fine-tuning (TOF), on the Hugging Face stack."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tof_hf.config import TofConfig, load_config
    from tof_hf.errors import TargetLabelLeak, TofError
    from tof_hf.metrics import entity_scores
    from tof_hf.pipeline import TofPipeline, TofResult, run_tof
    from tof_hf.tagger import load_tagger

__version__ = "0.1.0"

__all__ = [
    "TargetLabelLeak",
    "TofConfig",
    "TofError",
    "TofPipeline",
    "TofResult",
    "entity_scores",
    "load_config",
    "load_tagger",
    "run_tof",
]

_HOME = {
    "TargetLabelLeak": "errors",
    "TofConfig": "config",
    "TofError": "errors",
    "TofPipeline": "pipeline",
    "TofResult": "pipeline",
    "entity_scores": "metrics",
    "load_config": "config",
    "load_tagger": "tagger",
    "run_tof": "pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
