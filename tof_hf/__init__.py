"""Zero-resource named entity recognition by target-oriented fine-tuning (TOF), on the Hugging Face stack."""

from typing import TYPE_CHECKING

import lazy_loader

from tof_hf.algorithm import recipes as _recipes  # noqa: F401  # registers the systems that run files can name
from tof_hf.utils.versions import __version__ as __version__

if TYPE_CHECKING:  # what type checkers and editors see; heavy packages are imported when a name is first used
    from tof_hf.config import TofConfig as TofConfig
    from tof_hf.config import load_config as load_config
    from tof_hf.errors import TargetLabelLeak as TargetLabelLeak
    from tof_hf.errors import TofError as TofError
    from tof_hf.evaluation.entity_scores import entity_scores as entity_scores
    from tof_hf.inference.tagger import load_tagger as load_tagger
    from tof_hf.pipeline import TofPipeline as TofPipeline
    from tof_hf.pipeline import TofResult as TofResult
    from tof_hf.pipeline import run_tof as run_tof

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["TofConfig", "load_config"],
        "errors": ["TargetLabelLeak", "TofError"],
        "evaluation.entity_scores": ["entity_scores"],
        "inference.tagger": ["load_tagger"],
        "pipeline": ["TofPipeline", "TofResult", "run_tof"],
    },
)
