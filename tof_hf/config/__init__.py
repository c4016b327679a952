"""The run file: frozen pydantic models, presets, and loading with `base` and overrides."""

from tof_hf.config.data import DataFile as DataFile
from tof_hf.config.data import LabelFile as LabelFile
from tof_hf.config.data import LabellingConfig as LabellingConfig
from tof_hf.config.data import SourceConfig as SourceConfig
from tof_hf.config.data import TargetConfig as TargetConfig
from tof_hf.config.data import TranslationConfig as TranslationConfig
from tof_hf.config.loading import load_config as load_config
from tof_hf.config.run_file import ForgettingConfig as ForgettingConfig
from tof_hf.config.run_file import ReleaseConfig as ReleaseConfig
from tof_hf.config.run_file import TofConfig as TofConfig
from tof_hf.config.stages import DistillationConfig as DistillationConfig
from tof_hf.config.stages import MlmConfig as MlmConfig
from tof_hf.config.stages import MrcConfig as MrcConfig
from tof_hf.config.stages import NerConfig as NerConfig
from tof_hf.config.stages import StageConfig as StageConfig
from tof_hf.config.stages import TaggerConfig as TaggerConfig
