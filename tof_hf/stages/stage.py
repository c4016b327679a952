"""A stage before it runs: everything that one Trainer run needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainingArguments

from tof_hf.config import StageConfig
from tof_hf.inference.words import OrderedTrainer
from tof_hf.modeling.hand_off import HandOff
from tof_hf.stages.name import StageName


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
class StageTask:
    """One stage, ready to train. The datasets are already encoded.

    Attributes:
        stage: what it trains; its full name also has the stages before it.
        start: the checkpoint it starts from.
        build: returns the model and which of its weights come from the start.
        rows: number of training rows by kind, for the record.
        validation_rows: number of rows that the checkpoint is selected on, by kind, for the record.
        metrics: returns the scores of an evaluation; `f1` selects the checkpoint. None: the last one is kept.
        trainer: the Trainer class, or a function that makes one from the same arguments.
        repeats: how many times an epoch goes through the training data.
        before_training: called with what `build` returned, the arguments and the training data; not if it is resumed.
    """

    stage: StageName
    start: Checkpoint
    config: StageConfig
    seed: int
    tokenizer: PreTrainedTokenizerBase
    build: Callable[[], tuple[PreTrainedModel, HandOff]]
    train: Dataset
    collator: Callable[[list[dict[str, Any]]], dict[str, Tensor]]
    loss: Callable[..., Tensor]
    rows: dict[str, int]
    validation_rows: dict[str, int] = dataclasses.field(default_factory=dict)
    label_names: Sequence[str] = ()
    validation: Dataset | None = None
    metrics: Callable[[Any], dict[str, float]] | None = None
    reduce_logits: Callable[[Any, Any], Tensor] | None = None
    trainer: Callable[..., Trainer] = OrderedTrainer
    repeats: int = 1
    before_training: Callable[[PreTrainedModel, HandOff, TrainingArguments, Dataset], None] | None = None

    @property
    def name(self) -> str:
        """The name of the stage's folder: the stages that led to it and its own."""
        return str(self.stage.after(self.start.stage))
