"""A stage before it runs: everything that one Trainer run is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase, Trainer, TrainingArguments

from tof_hf.config import StageConfig
from tof_hf.inference.words import OrderedTrainer
from tof_hf.stages.name import StageName


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved model: the names of the stages that made it (none for the encoder), its folder or Hub id, its key."""

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
class StageTask:
    """All that one stage needs; datasets are encoded, `build` gives the model and what it kept (a HandOff).

    `rows` and `validation_rows`: how many rows of which kind it trains on and is chosen by, for the record.
    """

    stage: StageName
    start: Checkpoint
    config: StageConfig
    seed: int
    tokenizer: PreTrainedTokenizerBase
    build: Callable[[], tuple[Any, Any]]
    train: Dataset
    collator: Callable
    loss: Callable
    rows: dict[str, int]
    validation_rows: dict[str, int] = dataclasses.field(default_factory=dict)
    label_names: Sequence[str] = ()
    validation: Dataset | None = None
    metrics: Callable | None = None
    reduce_logits: Callable | None = None
    trainer: Callable[..., Trainer] = OrderedTrainer
    repeats: int = 1
    before_training: Callable[[Any, TrainingArguments, Dataset], None] | None = None

    @property
    def name(self) -> str:
        """The name of the stage's folder: the stages that led to it and its own."""
        return str(self.stage.after(self.start.stage))
