"""Sentences of a report: which are shown, which part of a long one, and its entities as marked pieces."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

import pyarrow as pa

from tof_hf.data.labels import Span, spans_from_tags

LONG = 80  # words; of longer sentences only the part that matters is shown
AROUND = 15  # words shown on either side of that part in a long sentence
LONG_WORD = 80  # characters shown of a word

Item = TypeVar("Item")


@dataclass(frozen=True)
class Piece:
    """Words of a sentence; those of an entity have its `label` and a `state`.

    States: same, gone, new (against the other tags); doubted, other (against other models); right, wrong (against the
    true ones); gold.
    """

    text: str
    label: str = ""
    state: str = ""


def indices(rows: Sequence[int]) -> pa.Array:
    """Row numbers for Arrow."""
    return pa.array(rows, pa.int64())  # an empty list has no type of its own


def read_spans(table: pa.Table, column: str, rows: Sequence[int]) -> list[set[Span]]:
    """The entities of these rows. `datasets` writes labels as numbers and their names into the file's metadata."""
    tags = table[column].take(indices(rows)).to_pylist()
    if column == "ner_tags":
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        names = features[column]["feature"]["names"]
        tags = [[names[tag] for tag in row] for row in tags]
    return [set(spans_from_tags(row)) for row in tags]


def evenly(items: Sequence[Item], limit: int) -> list[Item]:
    """At most `limit` of the items, in order, spread over all of them."""
    if len(items) <= limit:
        return list(items)
    return [items[number * len(items) // limit] for number in range(limit)]


def part_shown(tokens: Sequence[str], spans: Collection[Span]) -> tuple[int, int]:
    """The words that are shown of a sentence: all of them, or for a long one those around the first of these spans."""
    if len(tokens) <= LONG:
        return 0, len(tokens)
    start = max(0, min((span.start for span in spans), default=0) - AROUND)
    end = max((span.end for span in spans), default=0) + AROUND
    return start, min(len(tokens), end, start + LONG)


def mark_entities(
    tokens: Sequence[str], part: tuple[int, int], spans: set[Span], shared: str, other: str, reference: set[Span]
) -> tuple[Piece, ...]:
    """That part of the sentence, cut where entities begin and end; `shared`: the state of those in `reference` too."""
    entity = {word: span for span in spans for word in range(span.start, span.end)}
    pieces = [Piece("…")] if part[0] else []
    for span, words in groupby(range(*part), entity.get):
        text = " ".join(tokens[word][:LONG_WORD] + ("…" if len(tokens[word]) > LONG_WORD else "") for word in words)
        pieces.append(Piece(text, span.label, shared if span in reference else other) if span else Piece(text))
    return (*pieces, Piece("…")) if part[1] < len(tokens) else tuple(pieces)
