"""What a tagger got wrong: types and boundaries of whole entities, and which type was predicted for which."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tof_hf.data.labels import Span, spans_from_tags

NOTHING = ""  # in a pair of types: no entity on this side
MOST_TYPES = 20  # in a matrix
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

    In a pair NOTHING means no entity. Every true and every predicted entity is in exactly one pair.
    """

    kinds: Mapping[str, int]
    pairs: Mapping[tuple[str, str], int]

    def matrix(self, types: Sequence[str]) -> list[list[int]]:
        """Rows are true types, columns predicted ones, both with NOTHING at the end; other types are not counted."""
        names = [*types, NOTHING]
        return [[self.pairs.get((true, predicted), 0) for predicted in names] for true in names]

    def most_frequent(self, types: Sequence[str], limit: int = MOST_TYPES) -> list[str]:
        """At most `limit` of the types, in their order: those of most entities, true and predicted."""
        counts: Counter[str] = Counter()
        for pair, count in self.pairs.items():
            counts.update(dict.fromkeys(pair, count))
        chosen = sorted(types, key=lambda kind: -counts[kind])[:limit]
        return [kind for kind in types if kind in chosen]


def count_mistakes(rows: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Mistakes:
    """The mistakes in all sentences. Tags are read as the scores read them, so the numbers agree.

    Args:
        rows: for each sentence its true and its predicted IOB2 tags, one of each per word.

    Returns:
        Counts of each kind of mistake and of each pair of types.

    Example:
        >>> count_mistakes([(["B-PER", "O"], ["B-ORG", "O"])]).kinds["type"]
        1
    """
    kinds: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for gold, predicted in rows:
        for kind, true, guess in align(spans_from_tags(gold), spans_from_tags(predicted)):
            kinds[kind] += 1
            pairs[true.label if true else NOTHING, guess.label if guess else NOTHING] += 1
    return Mistakes({kind: kinds[kind] for kind in KINDS}, dict(pairs))


def align(gold: Sequence[Span], predicted: Sequence[Span]) -> list[tuple[str, Span | None, Span | None]]:
    """Each entity of one sentence with the one it was taken for: (kind, true, predicted).

    Entities with the same words are paired first, then those that share most words; at a tie, those of the same type.
    """
    pairs = [(true, guess) for true in gold for guess in predicted if _shared(true, guess) > 0]
    pairs.sort(key=_distance)
    true_left, guesses_left = dict.fromkeys(gold), dict.fromkeys(predicted)
    found: list[tuple[str, Span | None, Span | None]] = []
    for true, guess in pairs:
        if true in true_left and guess in guesses_left:
            del true_left[true], guesses_left[guess]
            found.append((_kind(true, guess), true, guess))
    found += [("missed", true, None) for true in true_left]
    return found + [("invented", None, guess) for guess in guesses_left]


def _shared(one: Span, other: Span) -> int:
    return min(one.end, other.end) - max(one.start, other.start)


def _same_words(true: Span, guess: Span) -> bool:
    return (true.start, true.end) == (guess.start, guess.end)


def _distance(pair: tuple[Span, Span]) -> tuple[bool, int, bool, int, int]:
    """Sorts the pairs of true and predicted entities, the closest first."""
    true, guess = pair
    return not _same_words(true, guess), -_shared(true, guess), true.label != guess.label, true.start, guess.start


def _kind(true: Span, guess: Span) -> str:
    if _same_words(true, guess):
        return "right" if true.label == guess.label else "type"
    return "boundary" if true.label == guess.label else "both"
