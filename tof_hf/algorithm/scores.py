"""One score of one tagger, as `results.json` has it."""

from collections.abc import Mapping
from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from tof_hf.evaluation.entity_scores import TypeScores
from tof_hf.storage.records import Record

SOURCE, SOURCE_QUESTIONS = "source_validation", "source_validation_mrc"
SPLITS = {"target": "target", "source_test": "source test", SOURCE: "source validation"}  # in words


class StrictScores(Record):
    """The same scores counted in seqeval's strict mode: only entities that follow IOB2."""

    f1: float


class Scores(Record):
    """Precision, recall and F1 in 0..1. `per_type`: by entity type; empty for the spans of an MRC stage."""

    precision: float
    recall: float
    f1: float
    per_type: dict[str, TypeScores] = {}
    span_only: TypeScores | None = None
    mode: str | None = None
    strict: StrictScores | None = None


class ScoreRow(Scores):
    """The scores after a stage, on one split.

    Attributes:
        stage: the kind of the stage; `round`: that of continual learning, 0 outside.
        checkpoint: the name of the stage with all that led to it.
        predictions: the file in the stage's folder with the tags that were scored.
    """

    system: str
    stage: str
    round: int = 0
    split: str
    checkpoint: str
    seed: int | None = None
    target: str | None = None
    predictions: str | None = None

    @model_serializer(mode="wrap")
    def _without_missing(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        row: Mapping[str, Any] = serialize(self)
        return {name: value for name, value in row.items() if value is not None}

    @property
    def label(self) -> str:
        """The stage and its round for people, such as `ner 1`."""
        return f"{self.stage} {self.round}" if self.round else self.stage
