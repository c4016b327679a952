"""A stage before it runs: everything that one Trainer run needs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

from tof_hf.config import StageConfig
from tof_hf.config.row_kinds import RowKind
from tof_hf.config.stage_name import StageName
from tof_hf.inference.words import OrderedTrainer
from tof_hf.modeling.hand_off import HandOff

Config = TypeVar("Config", bound=StageConfig, covariant=True)
Kind = TypeVar("Kind", bound=str)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved model that a stage starts from or ends with.

    Attributes:
        name: the names of the stages that made it, such as `mlm-mrc`; empty for the pretrained encoder.
        path: its folder or Hub id.
        key: the fingerprint of the stage that made it.
    """

    name: str
    path: str
    key: str

    @property
    def stage(self) -> StageName | None:
        """The stage that made it; None for the pretrained encoder."""
        return StageName.parse(self.name) if self.name else None

    @property
    def folder(self) -> Path:
        """The stage's folder, which holds the model, the record and the scores."""
        return Path(self.path).parent


@dataclass(frozen=True)
class StageFolders:
    """The folders of a run's stages, in the run's own folder or in one that several runs share.

    A stage's folder is named after the stages that led to it (`mlm-mrc`). In a shared folder the start of its key is
    added, so that runs with other options do not replace each other's stages.

    Attributes:
        root: the folder that holds them.
        shared: whether other runs have their stages here too.
    """

    root: Path
    shared: bool = False

    def folder(self, name: str, key: str) -> Path:
        """The folder of the stage with this name and key."""
        return self.root / (f"{name}-{key[:12]}" if self.shared else name)


@dataclass(frozen=True)
class StageSetup(Generic[Config]):
    """What every kind of stage needs.

    Attributes:
        stage_name: what it trains; its full name also has the stages before it.
        start: the checkpoint it starts from.
        config: the options of its section in the run file.
        tokenizer: the encoder's.
        seed: of training and of draws.
    """

    stage_name: StageName
    start: Checkpoint
    config: Config
    tokenizer: PreTrainedTokenizerBase
    seed: int

    @property
    def name(self) -> str:
        """The name of the stage's folder: the stages that led to it and its own."""
        return str(self.stage_name.after(self.start.stage))


@dataclass(frozen=True)
class Validation:
    """The source data that the best checkpoint is selected on.

    Attributes:
        windows: the encoded data.
        metrics: returns the scores of an evaluation; `f1` selects the checkpoint.
        reduce_logits: what the metrics need of the logits.
        rows: number of rows by kind, for the record.
    """

    windows: Dataset
    metrics: Callable[[Any], dict[str, float]]
    reduce_logits: Callable[[Any, Any], Tensor]
    rows: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Stage(StageSetup[StageConfig]):
    """One stage, ready to train. The datasets are already encoded.

    Attributes:
        build: returns the model and which of its weights come from the start.
        rows: number of training rows by kind, for the record.
        validation: None: the last checkpoint is kept.
        trainer: the Trainer class, or a function that makes one from the same arguments.
        repeats: how many times an epoch goes through the training data.
        head_warmup: the options with which a fresh head is trained first, with the encoder frozen.
    """

    build: Callable[[], tuple[PreTrainedModel, HandOff]]
    train: Dataset
    collator: Callable[[list[dict[str, Any]]], dict[str, Tensor]]
    loss: Callable[..., Tensor]
    rows: dict[str, int]
    label_names: Sequence[str] = ()
    validation: Validation | None = None
    trainer: Callable[..., Trainer] = OrderedTrainer
    repeats: int = 1
    head_warmup: StageConfig | None = None

    @property
    def encoded(self) -> list[Dataset]:
        """Its encoded rows: those for training, then those for validation if there are any."""
        return [self.train, *([self.validation.windows] if self.validation else [])]

    @property
    def learns_from_taggers(self) -> bool:
        """Whether taggers labelled some of its rows."""
        return any(kind.from_taggers and kind in self.rows for kind in RowKind)


def row_counts(parts: Mapping[Kind, Dataset]) -> dict[str, int]:
    """The number of rows by kind."""
    return {str(kind): len(rows) for kind, rows in parts.items()}
