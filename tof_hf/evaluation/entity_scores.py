"""Entity-level precision, recall and F1, as seqeval (and conlleval) counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tof_hf.errors import TofError

Mode = Literal["default", "strict"]
Place = tuple[int, int, int]  # sentence, first word, last word


@dataclass(frozen=True, slots=True)
class TypeScores:
    """Scores in 0..1; `support` is the number of true entities."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class EntityScores:
    """Micro-averaged scores in 0..1 over all entities; `support` is the number of true entities.

    `span_only` ignores the types: an entity with the right words and the wrong type counts as right.
    """

    precision: float
    recall: float
    f1: float
    support: int
    per_type: dict[str, TypeScores]
    span_only: TypeScores
    mode: Mode

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts, floats and ints, ready for JSON."""
        return asdict(self)


def entity_scores(
    references: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], *, mode: Mode = "default"
) -> EntityScores:
    """Entity-level scores of predicted tags, one sequence of IOB2 tags a sentence (paper 4.4).

    Args:
        references: the true tags.
        predictions: the predicted tags, as many in each sentence.
        mode: "default" reads tags as conlleval does, so that a stray I- starts an entity; "strict" counts
            only entities that follow IOB2, so that a stray I- is none.

    Raises:
        TofError: the two do not have the same shape, or the mode is neither of the two.
    """
    if mode not in ("default", "strict"):
        raise TofError(f"mode needs 'default' or 'strict', found {mode!r}.")
    true, predicted = _as_lists(references), _as_lists(predictions)
    _check_shapes(true, predicted)
    true_places, predicted_places = _places(true, mode), _places(predicted, mode)
    if not true_places and not predicted_places:
        nothing = TypeScores(0.0, 0.0, 0.0, 0)
        return EntityScores(0.0, 0.0, 0.0, 0, {}, nothing, mode)

    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    scheme = {"mode": "strict", "scheme": IOB2} if mode == "strict" else {}
    report = classification_report(true, predicted, output_dict=True, zero_division=0, **scheme)
    averages = {name: report.pop(name) for name in ("micro avg", "macro avg", "weighted avg")}
    overall = _type_scores(averages["micro avg"])
    return EntityScores(
        precision=overall.precision,
        recall=overall.recall,
        f1=overall.f1,
        support=overall.support,
        per_type={name: _type_scores(report[name]) for name in sorted(report)},
        span_only=_overlap(true_places, predicted_places),
        mode=mode,
    )


def _as_lists(sequences: Sequence[Sequence[str]]) -> list[list[str]]:
    return [list(tags) for tags in sequences]  # seqeval adds lists together, so tuples would not do


def _check_shapes(references: list[list[str]], predictions: list[list[str]]) -> None:
    if len(references) != len(predictions):
        raise TofError(f"{len(references)} sentences have true tags but {len(predictions)} predicted ones.")
    for index, (true, predicted) in enumerate(zip(references, predictions, strict=True)):
        if len(true) != len(predicted):
            raise TofError(f"sentence {index} has {len(true)} true tags but {len(predicted)} predicted ones.")


def _places(sequences: list[list[str]], mode: Mode) -> set[Place]:
    """Where entities are, whatever their type, read the way that `mode` reads them."""
    from seqeval.metrics.sequence_labeling import get_entities
    from seqeval.scheme import IOB2, Entities

    if mode == "strict":
        found = Entities(sequences, IOB2).entities
        return {(i, entity.start, entity.end - 1) for i, row in enumerate(found) for entity in row}
    return {(i, start, end) for i, tags in enumerate(sequences) for _, start, end in get_entities(tags)}


def _overlap(true: set[Place], predicted: set[Place]) -> TypeScores:
    right = len(true & predicted)
    precision = right / len(predicted) if predicted else 0.0
    recall = right / len(true) if true else 0.0
    f1 = 2 * right / (len(true) + len(predicted))
    return TypeScores(precision, recall, f1, len(true))


def _type_scores(row: dict[str, Any]) -> TypeScores:
    """Plain numbers of a seqeval report row (those are numpy's, which JSON does not take)."""
    return TypeScores(float(row["precision"]), float(row["recall"]), float(row["f1-score"]), int(row["support"]))
