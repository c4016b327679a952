"""Sentences whose labels changed: between two labellings, and between a system's first and last tagger."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tof_hf.data.labels import Span, spans_from_tags
from tof_hf.report.reading import Run, short

LONG = 80  # words; of longer sentences only the part with the changes is shown
AROUND = 15  # words shown on either side of the changes in a long sentence
LONG_WORD = 80  # characters shown of a word

Item = TypeVar("Item")


@dataclass(frozen=True)
class Piece:
    """Words of a sentence; those of an entity have its `label` and a `state`.

    States: same, gone, new (against the other tags); right, wrong (against the true ones); gold.
    """

    text: str
    label: str = ""
    state: str = ""


@dataclass(frozen=True)
class Sentence:
    """A sentence before and after; `gold` has the true entities, if they are known."""

    id: str
    before: Sequence[Piece]
    after: Sequence[Piece]
    gold: Sequence[Piece] = ()


@dataclass(frozen=True)
class Changes:
    """How many of `sentences` changed between two taggers, and some of those, evenly spread.

    `mended`, `broken`: entities that became right, and that no longer are; None without gold.
    """

    system: str
    before: str
    after: str
    sentences: int
    changed: int
    shown: Sequence[Sentence]
    mended: int | None = None
    broken: int | None = None


def pseudo_label_changes(run: Run, limit: int) -> list[Changes]:
    """The changes from each labelling of a system to its next one, with at most `limit` sentences in all."""
    steps = {}
    for system in run.lineage.systems:
        for one, two in pairwise([entry for name, entry in run.labellings if name == system]):
            steps[one.tagger, one.file, two.tagger, two.file] = (system, one, two)  # systems may share labellings
    return _compare_all(
        [(system, one.tagger, two.tagger) for system, one, two in steps.values()],
        ((run.pseudo_labels(one), run.pseudo_labels(two)) for _, one, two in steps.values()),
        limit,
    )


def prediction_changes(run: Run, split: str, limit: int) -> list[Changes]:
    """The changes from the first scored tagger of a system to its last, with at most `limit` sentences in all."""
    first: dict[str, str] = {}
    for score in run.scores:
        first.setdefault(score.system, score.checkpoint)
    pairs = {(first[system], end): system for system, end in run.ends.items() if first[system] != end}
    return _compare_all(
        [(system, *pair) for pair, system in pairs.items()],
        ((run.predictions(one, split), run.predictions(two, split)) for one, two in pairs),
        limit,
    )


def _compare_all(
    steps: Sequence[tuple[str, str, str]], tables: Iterable[tuple[pa.Table | None, pa.Table | None]], limit: int
) -> list[Changes]:
    """The changes of every step (system, first tagger, second tagger), unless a file is missing or has other rows."""
    return [
        _compare(*step, before, after, (limit + number) // len(steps))
        for number, (step, (before, after)) in enumerate(zip(steps, tables, strict=True))
        if before is not None and after is not None and before["tokens"].equals(after["tokens"])
    ]


def _compare(system: str, first: str, second: str, before: pa.Table, after: pa.Table, limit: int) -> Changes:
    """The changes between two taggers, with at most `limit` of the sentences."""
    scored = "gold" in before.column_names
    column = "predicted" if scored else "ner_tags"
    rows = _changed_rows(before[column].combine_chunks(), after[column].combine_chunks())
    mended = broken = None
    if scored:
        gold, old, new = _spans(before, "gold", rows), _spans(before, column, rows), _spans(after, column, rows)
        mended = sum(len(true & two - one) for true, one, two in zip(gold, old, new, strict=True))
        broken = sum(len(true & one - two) for true, one, two in zip(gold, old, new, strict=True))
        # Different tags can mean the same entities.
        rows = [row for row, one, two in zip(rows, old, new, strict=True) if one != two]
    chosen = evenly(rows, limit)
    columns = [*before.select(["id", "tokens"]).take(_indices(chosen)).to_pydict().values()]
    columns += [_spans(before, column, chosen), _spans(after, column, chosen)]
    columns += [_spans(before, "gold", chosen)] if scored else []
    shown = [_sentence(*row) for row in zip(*columns, strict=True)]
    return Changes(system, short(first), short(second), before.num_rows, len(rows), shown, mended, broken)


def _changed_rows(before: pa.ListArray, after: pa.ListArray) -> list[int]:
    """The rows whose tags differ, without a Python loop over words: there may be a million sentences."""
    differ = pc.not_equal(before.flatten(), after.flatten()).to_numpy(zero_copy_only=False)
    counts = np.concatenate([[0], np.cumsum(differ)])
    edges = before.offsets.to_numpy() - before.offsets[0].as_py()
    return np.flatnonzero(counts[edges[1:]] - counts[edges[:-1]]).tolist()


def _indices(rows: Sequence[int]) -> pa.Array:
    return pa.array(rows, pa.int64())  # an empty list has no type of its own


def _spans(table: pa.Table, column: str, rows: Sequence[int]) -> list[set[Span]]:
    """The entities of these rows. `datasets` writes labels as numbers and their names into the file's metadata."""
    tags = table[column].take(_indices(rows)).to_pylist()
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


def _sentence(
    id: str, tokens: Sequence[str], old: set[Span], new: set[Span], gold: set[Span] | None = None
) -> Sentence:
    """The sentence with both sets of entities compared: with `gold` where it is known, else with one another."""
    part = _part(tokens, old ^ new)
    if gold is None:
        before = _pieces(tokens, part, old, "same", "gone", new)
        return Sentence(id, before, _pieces(tokens, part, new, "same", "new", old))
    before, after = (_pieces(tokens, part, spans, "right", "wrong", gold) for spans in (old, new))
    return Sentence(id, before, after, _pieces(tokens, part, gold, "gold", "", gold))


def _part(tokens: Sequence[str], changed: Collection[Span]) -> tuple[int, int]:
    """The words that are shown of a sentence: all of them, or for a long one those around its first changes."""
    if len(tokens) <= LONG:
        return 0, len(tokens)
    start = max(0, min((span.start for span in changed), default=0) - AROUND)
    end = max((span.end for span in changed), default=0) + AROUND
    return start, min(len(tokens), end, start + LONG)


def _pieces(
    tokens: Sequence[str], part: tuple[int, int], spans: set[Span], shared: str, other: str, reference: set[Span]
) -> tuple[Piece, ...]:
    """That part of the sentence, cut where entities begin and end; `shared`: the state of those in `reference` too."""
    entity = {word: span for span in spans for word in range(span.start, span.end)}
    pieces = [Piece("…")] if part[0] else []
    for span, words in groupby(range(*part), entity.get):
        text = " ".join(tokens[word][:LONG_WORD] + ("…" if len(tokens[word]) > LONG_WORD else "") for word in words)
        pieces.append(Piece(text, span.label, shared if span in reference else other) if span else Piece(text))
    return (*pieces, Piece("…")) if part[1] < len(tokens) else tuple(pieces)
