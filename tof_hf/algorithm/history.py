"""What a recipe did, for the run's record: its stages, and what taggers labelled on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field

from tof_hf.data.health import LabelHealth
from tof_hf.stages.name import StageName
from tof_hf.storage.records import Record

if TYPE_CHECKING:
    from datasets import Dataset

FROM_PSEUDO_LABELS = {"pseudo", "pseudo_mrc", "taught"}  # kinds of training rows


class SelectionRecord(Record):
    """Which of a tagger's labels are learned from.

    `file`: the rows, relative to the run. `no_entities`: texts that are learned as no entity, with their counts.
    `entities`: those without an unsure word, by type.
    """

    by: str
    level: str = "sentence"
    no_entities: dict[str, int] = {}
    file: str = ""
    sentences: int
    unsure_words: int = 0
    entities: dict[str, int] = {}


class LabellingRecord(Record):
    """Labels that a tagger gave to the target text. `file`: the rows, relative to the run.

    Probabilities are means in 0..1 of the labels of all words, and of words in entities. `used_by`: the stages that
    learned from the labels.
    """

    tagger: str
    file: str
    sentences: int
    words: int = 0
    entities: dict[str, int]
    mean_probability: float | None = None
    mean_entity_probability: float | None = None
    health: LabelHealth = LabelHealth()
    selection: SelectionRecord | None = None
    used_by: list[str] = []


class SoftLabelsRecord(Record):
    """Class probabilities that teachers gave to the target text, and the labels that voters agree on.

    `agreed_share`: the share of words, in 0..1, that all voters label alike; None without voters. `no_entities`: texts
    that are learned as no entity, with their counts. `used_by`: the students.
    """

    teachers: list[str]
    voters: list[str]
    file: str = ""
    sentences: int
    words: int = 0
    agreed_share: float | None = None
    no_entities: dict[str, int] = {}
    used_by: list[str] = []


class ForgettingRecord(Record):
    """A NER stage that lost F1 on source validation (in 0..1) against the best one before it.

    `mixed_f1`: that of its second training with source sentences. `kept`: the stage that the recipe continued from.
    """

    model_config = ConfigDict(frozen=False)

    stage: str
    f1: float
    best_stage: str
    best_f1: float
    action: Literal["warn", "stop", "mix"] = "warn"
    mixed_f1: float | None = None
    kept: str | None = None

    def left(self) -> str | None:
        """The stage that the recipe did not continue from, where it was trained twice."""
        second = str(_mixed(self.stage))
        return None if self.kept == second else second


class History(Record):
    """What a recipe did, in order. `folders`: where the finished stages are on this machine; never recorded."""

    stages: list[str] = []
    pseudo_labels: list[LabellingRecord] = []
    forgetting: list[ForgettingRecord] = []
    soft_labels: list[SoftLabelsRecord] = []
    folders: dict[str, Path] = Field(default={}, exclude=True)

    def left_stages(self) -> set[str]:
        """Taggers that the recipe did not continue from, because they forgot too much of the source."""
        return {left for drop in self.forgetting if (left := drop.left()) is not None}


R = TypeVar("R", LabellingRecord, SoftLabelsRecord)


@dataclass(frozen=True)
class Labels(Generic[R]):
    """Target sentences with labels that taggers gave, and the record of them.

    Attributes:
        rows: `id`, `tokens`, `ner_tags` and what comes with them.
        record: who gave the labels; stages that learn from them are noted in its `used_by`.

    For other changes of the rows than `select`, use `dataclasses.replace(labels, rows=...)`.
    """

    rows: Dataset
    record: R

    def select(self, indices: Iterable[int]) -> Labels[R]:
        """The same labels with these rows only."""
        return replace(self, rows=self.rows.select(indices))


def _mixed(stage: str) -> StageName:
    name = StageName.parse(stage)
    return StageName(name.kind, name.round, name.translated, mixed=True, parents=name.parents)
