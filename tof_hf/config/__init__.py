"""The run file: frozen pydantic models, presets, and loading with `base` and overrides."""

from tof_hf.config.data import DataFile, SourceConfig, TargetConfig, TranslationConfig
from tof_hf.config.loading import load_config
from tof_hf.config.run_file import ReleaseConfig, TofConfig
from tof_hf.config.stages import (
    DistillationConfig,
    ForgettingConfig,
    LabellingConfig,
    MlmConfig,
    MrcConfig,
    NerConfig,
    StageConfig,
    TaggerConfig,
)

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
