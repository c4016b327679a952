__version__: str

from .config import TofConfig as TofConfig
from .config import load_config as load_config
from .errors import TargetLabelLeak as TargetLabelLeak
from .errors import TofError as TofError
from .evaluation.entity_scores import entity_scores as entity_scores
from .inference.tagger import load_tagger as load_tagger
from .pipeline import TofPipeline as TofPipeline
from .pipeline import TofResult as TofResult
from .pipeline import run_tof as run_tof
