"""What a tagger got wrong: types and boundaries of whole entities, and which type stands for which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tof_hf.data.labels import Span, spans_from_tags
from tof_hf.report.files import TAGS, read_table

NOTHING = ""  # the type of what is missed or invented: no entity on the other side
KINDS = {
    "right": "right",
    "type": "wrong type",
    "boundary": "wrong boundary",
    "both": "both wrong",
    "missed": "missed",
    "invented": "invented",
}


@dataclass(frozen=True)
class Mistakes:
    """Counts over all sentences: of each kind (keys of KINDS), and of pairs (true type, predicted type).

    In a pair NOTHING stands for no entity. Every true and every predicted entity is in exactly one pair.
    """

    kinds: Mapping[str, int]
    pairs: Mapping[tuple[str, str], int]

    def matrix(self, types: Sequence[str]) -> list[list[int]]:
        """Rows are true types, columns predicted ones, both with NOTHING at the end."""
        names = [*types, NOTHING]
        return [[self.pairs.get((true, predicted), 0) for predicted in names] for true in names]


def count_mistakes(rows: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Mistakes:
    """The mistakes in pairs of true and predicted tags, read as the scores read them."""
    kinds: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for gold, predicted in rows:
        for kind, true, guess in align(spans_from_tags(gold), spans_from_tags(predicted)):
            kinds[kind] += 1
            pairs[true.label if true else NOTHING, guess.label if guess else NOTHING] += 1
    return Mistakes({kind: kinds[kind] for kind in KINDS}, dict(pairs))


def align(gold: Sequence[Span], predicted: Sequence[Span]) -> list[tuple[str, Span | None, Span | None]]:
    """Each entity of one sentence with the one it was taken for: (kind, true, predicted).

    Those with the same words come first; then those that share most words, of the same type before others.
    """
    places = {(span.start, span.end): span for span in predicted}
    found: list[tuple[str, Span | None, Span | None]] = []
    for span in gold:
        guess = places.pop((span.start, span.end), None)
        if guess is not None:
            found.append(("right" if guess.label == span.label else "type", span, guess))
    paired = {span for _, span, _ in found}
    left = [span for span in gold if span not in paired]
    for span, guess in _overlapping(left, list(places.values())):
        found.append(("boundary" if guess.label == span.label else "both", span, guess))
        left.remove(span)
        del places[guess.start, guess.end]
    found += [("missed", span, None) for span in left]
    return found + [("invented", None, guess) for guess in places.values()]


def read_tags(file: Path) -> list[tuple[list[str], list[str]]] | None:
    """The true and the predicted tags of every sentence in a file of predictions; None if the file is damaged."""
    table = read_table(file, TAGS)
    return None if table is None else list(zip(*(table[name].to_pylist() for name in TAGS[2:]), strict=True))


def _overlapping(gold: Sequence[Span], predicted: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Pairs with words in common, each span in one at most, the largest overlap first."""
    pairs = [(one, other) for one in gold for other in predicted if _shared(one, other) > 0]
    pairs.sort(key=lambda pair: (-_shared(*pair), pair[0].label != pair[1].label, pair[0].start, pair[1].start))
    chosen: list[tuple[Span, Span]] = []
    taken: set[tuple[str, Span]] = set()
    for one, other in pairs:
        if ("gold", one) not in taken and ("predicted", other) not in taken:
            chosen.append((one, other))
            taken |= {("gold", one), ("predicted", other)}
    return chosen


def _shared(one: Span, other: Span) -> int:
    return min(one.end, other.end) - max(one.start, other.start)
