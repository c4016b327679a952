"""A run as nested frozen dataclasses <-> YAML."""

from tof_hf.config.data import DataFile, SourceConfig, TargetConfig, TranslationConfig
from tof_hf.config.labelling import ForgettingConfig, LabellingConfig
from tof_hf.config.release import ReleaseConfig
from tof_hf.config.run_file import TofConfig, load_config
from tof_hf.config.stages import DistillationConfig, MlmConfig, MrcConfig, NerConfig, StageConfig, TaggerConfig

__all__ = [
    "DataFile",
    "DistillationConfig",
    "ForgettingConfig",
    "LabellingConfig",
    "MlmConfig",
    "MrcConfig",
    "NerConfig",
    "ReleaseConfig",
    "SourceConfig",
    "StageConfig",
    "TaggerConfig",
    "TargetConfig",
    "TofConfig",
    "TranslationConfig",
    "load_config",
]
