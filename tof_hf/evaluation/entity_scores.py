"""Entity-level precision, recall and F1, as seqeval (and conlleval) count them."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tof_hf.errors import TofError

Mode = Literal["default", "strict"]


@dataclass(frozen=True)
class TypeScores:
    """Scores in 0..1; `support` is the number of true entities."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class EntityScores(TypeScores):
    """Micro-averaged scores in 0..1 over all entities, as `entity_scores` returns them.

    Attributes:
        per_type: the scores of each entity type, sorted by name.
        span_only: scores that ignore the types: an entity with the right words and the wrong type counts as right.
        mode: how the tags were read.
    """

    per_type: dict[str, TypeScores]
    span_only: TypeScores
    mode: Mode

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the entity types that occur in the truth; 0 if none does."""
        scores = [one.f1 for one in self.per_type.values() if one.support]
        return sum(scores) / max(1, len(scores))

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts, floats and ints, ready for JSON."""
        return asdict(self)


def entity_scores(
    references: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]], *, mode: Mode = "default"
) -> EntityScores:
    """Entity-level scores of predicted tags (paper, section 4.4): an entity counts if its words and type are right.

    Args:
        references: the true IOB2 tags, one sequence per sentence.
        predictions: the predicted tags, as many in each sentence.
        mode: "default" reads tags as conlleval does: a stray I- starts an entity; "strict" counts only entities that
            follow IOB2: a stray I- is ignored.

    Returns:
        Micro-averaged scores, scores per type, and scores that ignore the types, all in 0..1.

    Raises:
        TofError: the two differ in shape, or there is no such mode.

    Example:
        >>> entity_scores([["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "B-LOC"]]).f1
        0.6666666666666666
    """
    if mode not in ("default", "strict"):
        raise TofError(f"mode needs 'default' or 'strict', found {mode!r}.")
    check_shapes(references, predictions)
    true, predicted = (
        {(sentence, *entity) for sentence, found in enumerate(find_entities(tags, mode)) for entity in found}
        for tags in (references, predictions)
    )
    types = sorted({label for _, label, *_ in true | predicted})
    return EntityScores(
        **asdict(scores(true, predicted)),
        per_type={name: scores(*({e for e in side if e[1] == name} for side in (true, predicted))) for name in types},
        span_only=scores(*({(sentence, *place) for sentence, _, *place in side} for side in (true, predicted))),
        mode=mode,
    )


def find_entities(sentences: Sequence[Sequence[str]], mode: Mode = "default") -> list[set[tuple[str, int, int]]]:
    """For every sentence the entities in its tags, as seqeval reads them: (type, first word, last word)."""
    from seqeval.metrics.sequence_labeling import get_entities
    from seqeval.scheme import IOB2, Entities

    tags = [list(sentence) for sentence in sentences]  # seqeval takes only lists
    if mode == "default":
        return [set(get_entities(sentence)) for sentence in tags]
    return [{(e.tag, e.start, e.end - 1) for e in found} for found in Entities(tags, IOB2).entities]


def check_shapes(references: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]]) -> None:
    """Raise TofError unless there are as many predicted tags as true ones in every sentence."""
    if len(references) != len(predictions):
        raise TofError(f"{len(references)} sentences have true tags but {len(predictions)} predicted ones.")
    for index, (true, predicted) in enumerate(zip(references, predictions, strict=True)):
        if len(true) != len(predicted):
            raise TofError(f"sentence {index} has {len(true)} true tags but {len(predicted)} predicted ones.")


def scores(true: AbstractSet[object], predicted: AbstractSet[object]) -> TypeScores:
    """The scores of a set of predictions, such as entities or answers."""
    right = len(true & predicted)
    precision = right / len(predicted) if predicted else 0.0
    recall = right / len(true) if true else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return TypeScores(precision, recall, f1, len(true))
