"""Texts with their words and entities, as taggers return them and files store them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import get_type_hints

from datasets import Features, List, Value

from tof_hf.data.labels import Span, spans_from_tags, tags_from_spans
from tof_hf.errors import DataError

Text = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity in a text. The text of a list of words is the words joined by single spaces.

    Attributes:
        text: the characters of the entity.
        label: its type, such as "PER".
        score: the mean probability of its words' tags, in 0..1.
        start: its first character in the text.
        end: the character after its last one.
        first_word: its first word in the text.
        last_word: the word after its last one.
    """

    text: str
    label: str
    score: float
    start: int
    end: int
    first_word: int
    last_word: int


_KINDS = {str: "string", float: "float32", int: "int32"}
ENTITIES = List(Features({name: Value(_KINDS[kind]) for name, kind in get_type_hints(Entity).items()}))  # of a column


@dataclass(frozen=True, slots=True)
class Tagged:
    """A text, its words, their `spans` (characters, end exclusive), and the entities in it."""

    text: str
    words: list[str]
    spans: list[tuple[int, int]]
    entities: list[Entity]

    @property
    def tags(self) -> list[str]:
        """The IOB2 tag of every word."""
        spans = [Span(entity.first_word, entity.last_word, entity.label) for entity in self.entities]
        return tags_from_spans(spans, len(self.words))


def split_text(text: Text, find_words: Callable[[str], list[tuple[int, int]]]) -> Tagged:
    """A text with its words, without entities."""
    if isinstance(text, str):
        spans = find_words(text)
        return Tagged(text, [text[start:end] for start, end in spans], spans, [])
    if not isinstance(text, Sequence) or not all(isinstance(word, str) for word in text):
        parts = text if isinstance(text, Sequence) else [text]
        found = ", ".join(sorted({type(part).__name__ for part in parts} - {"str"}))
        raise DataError(f"a text of {found}.", fix="give strings, or lists of words.")
    return of_words(text)


def of_words(words: Sequence[str], text: str | None = None) -> Tagged:
    """The text without entities, of which these are the words; without a text, the words joined by blanks."""
    places = None if text is None else places_in(text, words)
    if text is None or places is None:
        text = " ".join(words)
        starts = accumulate((len(word) + 1 for word in words), initial=0)
        places = [(start, start + len(word)) for start, word in zip(starts, words, strict=False)]
    return Tagged(text, list(words), places, [])


def places_in(text: str, words: Sequence[str]) -> list[tuple[int, int]] | None:
    """Where the words are in the text, one after the other; None if they are not all there."""
    places, end = [], 0
    for word in words:
        start = text.find(word, end)
        if start < 0:
            return None
        end = start + len(word)
        places.append((start, end))
    return places


def entities_of(text: Tagged, tags: Sequence[str], scores: Sequence[float] | None = None) -> Iterator[Entity]:
    """The entities that these tags of the words mean; `scores`: the probability of each tag, by default 1."""
    for span in spans_from_tags(tags):
        start, end = text.spans[span.start][0], text.spans[span.end - 1][1]
        score = 1.0 if scores is None else sum(scores[span.start : span.end]) / (span.end - span.start)
        yield Entity(text.text[start:end], span.label, score, start, end, span.start, span.end)
