"""What a recipe did: the stages it trained, the labels that taggers gave, the stages that forgot the source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field

from tof_hf.config.stage_name import StageName
from tof_hf.data.health import LabelHealth
from tof_hf.errors import TofError
from tof_hf.storage.records import Record

if TYPE_CHECKING:
    from datasets import Dataset


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


class JoiningRecord(Record):
    """How labels from elsewhere joined those of a tagger.

    `rule`: `labelling.combine`. `sentences`: by the name of who gave them, how many of the sentences they label.
    `added`, `removed`: entities of the result that the tagger did not find, and the other way round.
    """

    rule: str
    sentences: dict[str, int]
    added: int
    removed: int


class LabellingRecord(Record):
    """Labels that a tagger gave to the target text, `joined` by those from elsewhere. `file`: the rows.

    `others`: taggers of other seeds that labelled with it, by the mean of all their probabilities. `answers`: what the
    MRC head found in `health.agreement_sentences` of the rows, drawn with the run's seed. `used_by`: the stages that
    learned from the labels. Other probabilities are means in 0..1 of the labels of all words, and of words in entities.
    """

    tagger: str
    others: list[str] = []
    file: str
    answers: str = ""
    sentences: int
    words: int = 0
    entities: dict[str, int]
    mean_probability: float | None = None
    mean_entity_probability: float | None = None
    health: LabelHealth = LabelHealth()
    joined: JoiningRecord | None = None
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
    """A NER stage whose F1 on source validation (in 0..1) fell too far below the best stage before it.

    `mixed_f1`: F1 of its second training, with source sentences. `kept`: the stage that the recipe continued from.
    """

    model_config = ConfigDict(frozen=False)

    stage: str
    f1: float
    best_stage: str
    best_f1: float
    action: Literal["warn", "stop", "mix"] = "warn"
    mixed_f1: float | None = None
    kept: str | None = None

    def __str__(self) -> str:
        return (
            f"{self.stage}: F1 on source validation fell to {self.f1:.4f}, {self.best_f1 - self.f1:.4f} below "
            f"{self.best_stage} ({self.best_f1:.4f})"
        )

    def discarded(self) -> str | None:
        """The training that the recipe did not continue from, of a stage that was trained twice."""
        second = str(replace(StageName.parse(self.stage), mixed=True))
        return None if self.kept == second else second


class SourceF1Alarm:
    """Compares the F1 on source validation of one system's NER stages with the best so far."""

    def __init__(self, max_drop: float) -> None:
        self.max_drop = max_drop
        self._best: tuple[str, float] | None = None

    def check(self, stage: str, f1: float) -> ForgettingRecord | None:
        """A record if the stage's F1 is more than `max_drop` below the best one, else None."""
        if self._best is None or self._best[1] - f1 <= self.max_drop + 1e-9:  # rounding of the subtraction
            return None
        return ForgettingRecord(stage=stage, f1=f1, best_stage=self._best[0], best_f1=self._best[1])

    def keep(self, stage: str, f1: float) -> None:
        """Note the F1 of a stage that the recipe continues from."""
        if self._best is None or f1 > self._best[1]:
            self._best = (stage, f1)

    def error(self, drop: ForgettingRecord) -> TofError:
        """The error for a run that stops at this stage."""
        return TofError(
            f"{drop}; forgetting.max_drop is {self.max_drop}. Finished stages are kept and reused. What to do: train "
            "that stage less (its learning_rate, num_train_epochs) or on source sentences too (its use_source: true), "
            "which forgetting.action=mix tries automatically, or accept the drop with forgetting.action=warn; then "
            "start the same command again."
        )


class History(Record):
    """What a recipe did, in order.

    `defaults`: the options that its stages have where they are null in the run file. `folders`: where the finished
    stages are on this machine; never recorded.
    """

    defaults: dict[str, Any] = {}
    stages: list[str] = []
    pseudo_labels: list[LabellingRecord] = []
    forgetting: list[ForgettingRecord] = []
    soft_labels: list[SoftLabelsRecord] = []
    folders: dict[str, Path] = Field(default={}, exclude=True)

    def named_stages(self) -> list[str]:
        """All stages that it names, some of them more than once."""
        labelled, forgot = (one.tagger for one in self.pseudo_labels), (one.stage for one in self.forgetting)
        return [*self.stages, *labelled, *forgot]

    def discarded_stages(self) -> set[str]:
        """Taggers that the recipe did not continue from, because they forgot too much of the source."""
        return {stage for drop in self.forgetting if (stage := drop.discarded()) is not None}


R = TypeVar("R", LabellingRecord, SoftLabelsRecord)


@dataclass(frozen=True)
class Labels(Generic[R]):
    """Target sentences with the labels that taggers gave them, and the record of that labelling.

    `Steps.label` (Algorithm 1, lines 7, 10 and 17) and `Steps.soft_label` return it. To change the rows in other ways
    than `select`, use `dataclasses.replace(labels, rows=...)`, so that the record still names who gave the labels.

    Attributes:
        rows: NER rows (`id`, `tokens`, `ner_tags`), one tag a word. Pseudo-labels also have `ner_probabilities`, the
            probability in 0..1 of each word's tag; soft labels have `class_probabilities`, one number a class for each
            word, and `ner_unsure`, true where the voters disagree.
        record: The taggers that gave the labels. Stages that train on them are added to its `used_by`.

    Example:
        >>> labels = do.label(tagger)
        >>> tagger = do.pseudo_ner(tagger, labels.select(range(1000)))
    """

    rows: Dataset
    record: R

    def select(self, indices: Iterable[int]) -> Labels[R]:
        """The same labels, for these rows only.

        Args:
            indices: Row numbers, from 0.

        Returns:
            New labels that share this record.
        """
        return replace(self, rows=self.rows.select(indices))


PseudoLabels = Labels[LabellingRecord]
SoftLabels = Labels[SoftLabelsRecord]
