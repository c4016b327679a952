"""The parts of a run's `lineage.json`, `results.json` and `translation/*.json` that a report shows.

Fields that records of older releases lack have a default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A JSON object; fields that the report does not show are ignored."""

    model_config = ConfigDict(frozen=True)


class TypeScore(Record):
    """Scores in 0..1 of one entity type; `support` is the number of true entities."""

    precision: float
    recall: float
    f1: float
    support: int


class StrictScore(Record):
    """Scores in seqeval's strict mode."""

    f1: float


class Score(Record):
    """Entity scores in 0..1 of one tagger on one split; `predictions` is the name of the file with its tags."""

    system: str
    stage: str
    round: int
    split: str
    checkpoint: str
    precision: float
    recall: float
    f1: float
    per_type: Mapping[str, TypeScore]
    strict: StrictScore | None = None
    predictions: str | None = None


class Results(Record):
    """`results.json`."""

    rows: Sequence[Score] = ()


class Health(Record):
    """Numbers about one labelling, as `tof_hf.data.pseudo_label_health.LabelHealth` explains them."""

    against_source: Mapping[str, float | None] = {}
    changed_share: float | None = None
    words_changed: int | None = None
    confidence: Sequence[int] = ()
    unseen_forms: float | None = None
    agreement: float | None = None
    alarms: Sequence[str] = ()


class Selection(Record):
    """How the sentences were chosen that stages learned from, how many, and which texts counted as no entity."""

    by: str
    sentences: int
    no_entities: Mapping[str, int] = {}


class Labelling(Record):
    """Target sentences that a tagger labelled during the run; `used_by` names the stages that learned from them."""

    tagger: str
    file: str
    sentences: int
    entities: Mapping[str, int]
    mean_entity_probability: float | None
    health: Health = Health()
    selection: Selection | None = None
    used_by: Sequence[str]

    @property
    def learned_from(self) -> str:
        """How many of the sentences were learned from, how they were chosen, and which texts counted as no entity."""
        if self.selection is None:
            return "all"
        by = "" if self.selection.by == "all" else f" by {self.selection.by}"
        texts = ", ".join(self.selection.no_entities)
        return f"{self.selection.sentences:,}{by}" + (f", {texts} as no entity" if texts else "")


class Drop(Record):
    """A stage that lost F1 on source validation, and which one the run continued from if it was trained again."""

    stage: str
    f1: float
    best_stage: str
    best_f1: float
    mixed_f1: float | None = None
    kept: str | None = None


class SoftLabels(Record):
    """Class probabilities that students learned from; `agreed_share` of the words had the same label by all voters."""

    teachers: Sequence[str]
    voters: Sequence[str]
    sentences: int
    agreed_share: float | None
    no_entities: Mapping[str, int] = {}
    used_by: Sequence[str]


class System(Record):
    """What one system did, in order."""

    stages: Sequence[str]
    pseudo_labels: Sequence[Labelling]
    forgetting: Sequence[Drop] = ()
    soft_labels: Sequence[SoftLabels] = ()


class HandOff(Record):
    """The names of head tensors that a stage took over or created."""

    head_kept: Sequence[str] = ()
    head_fresh: Sequence[str] = ()


class StageRecord(Record):
    """What a finished stage learned from and cost; `start` is None if it began with the pretrained encoder."""

    start: str | None
    rows: Mapping[str, int]
    windows: int
    steps: int
    seconds: float
    peak_memory_mb: int | None
    hand_off: HandOff | None = None
    folder: str | None = None


class Encoder(Record):
    """The pretrained encoder."""

    name: str


class DataFile(Record):
    """One input of the run."""

    option: str
    name: str
    rows: int
    license: str | None
    fingerprint: str


class Final(Record):
    """System and stage of the released tagger."""

    system: str
    stage: str


class Lineage(Record):
    """`lineage.json`."""

    format: int
    versions: Mapping[str, str]
    encoder: Encoder
    entity_types: Sequence[str]
    target: str
    preset: str
    seed: int
    rounds: int
    options: Mapping[str, object]
    data: Sequence[DataFile]
    systems: Mapping[str, System]
    stages: Mapping[str, StageRecord]
    final: Final | None = None


class EntityChanges(Record):
    """Entities of one type in translated rows."""

    total: int
    changed: int
    survived: int
    grew: int


class Translation(Record):
    """Counts of a translation, as `tof_hf.data.projection.Projection` explains them."""

    rows: int
    words: int
    distinct_words: int
    coverage: float
    distinct_coverage: float
    copied: int
    recased: int | None = None
    unknown: Mapping[str, int] = {}
    entities: Mapping[str, EntityChanges] = {}
    samples: Sequence[tuple[str, str]] = ()
