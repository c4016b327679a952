"""Sentences whose labels changed: between two labellings, and between a system's first and last tagger."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tof_hf.data.labels import Span
from tof_hf.data.lists import flat
from tof_hf.report.reading import Run, short
from tof_hf.report.sentences import Piece, evenly, indices, mark_entities, part_shown, read_spans


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
        compare(system, short(first), short(second), before, after, (limit + number) // len(steps))
        for number, ((system, first, second), (before, after)) in enumerate(zip(steps, tables, strict=True))
        if before is not None and after is not None and before["tokens"].equals(after["tokens"])
    ]


def compare(system: str, first: str, second: str, before: pa.Table, after: pa.Table, limit: int) -> Changes:
    """The changes between two taggers, with at most `limit` of the sentences."""
    scored = "gold" in before.column_names
    column = "predicted" if scored else "ner_tags"
    rows = changed_rows(before[column], after[column])
    mended = broken = None
    if scored:
        gold, old, new = (
            read_spans(before, "gold", rows),
            read_spans(before, column, rows),
            read_spans(after, column, rows),
        )
        mended = sum(len(true & two - one) for true, one, two in zip(gold, old, new, strict=True))
        broken = sum(len(true & one - two) for true, one, two in zip(gold, old, new, strict=True))
        # Different tags can mean the same entities.
        rows = [row for row, one, two in zip(rows, old, new, strict=True) if one != two]
    chosen = evenly(rows, limit)
    columns = [*before.select(["id", "tokens"]).take(indices(chosen)).to_pydict().values()]
    columns += [read_spans(before, column, chosen), read_spans(after, column, chosen)]
    columns += [read_spans(before, "gold", chosen)] if scored else []
    shown = [_sentence(*row) for row in zip(*columns, strict=True)]
    return Changes(system, first, second, before.num_rows, len(rows), shown, mended, broken)


def changed_rows(before: pa.ChunkedArray, after: pa.ChunkedArray) -> list[int]:
    """The rows whose tags differ, without a Python loop over words: there may be a million sentences."""
    old, edges = flat(before)
    differ = pc.not_equal(old, flat(after)[0]).to_numpy(zero_copy_only=False)
    counts = np.concatenate([[0], np.cumsum(differ)])
    return np.flatnonzero(counts[edges[1:]] - counts[edges[:-1]]).tolist()


def _sentence(
    id: str, tokens: Sequence[str], old: set[Span], new: set[Span], gold: set[Span] | None = None
) -> Sentence:
    """The sentence with both sets of entities compared: with `gold` where it is known, else with one another."""
    part = part_shown(tokens, old ^ new)
    if gold is None:
        before = mark_entities(tokens, part, old, "same", "gone", new)
        return Sentence(id, before, mark_entities(tokens, part, new, "same", "new", old))
    before, after = (mark_entities(tokens, part, spans, "right", "wrong", gold) for spans in (old, new))
    return Sentence(id, before, after, mark_entities(tokens, part, gold, "gold", "", gold))
