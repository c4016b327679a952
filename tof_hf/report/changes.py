"""Sentences whose labels changed: from one labelling to the next, and from a system's first tagger to its last."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tof_hf.data.labels import Span, spans_from_tags
from tof_hf.report.files import TAGS, predictions_file, read_table
from tof_hf.report.reading import Labelling, Run

LONG = 80  # words; of longer sentences the part with the changes is shown
AROUND = 15  # words beside the changes that are shown of long sentences
LONG_WORD = 80  # characters of a word that are shown


@dataclass(frozen=True)
class Piece:
    """Words of a sentence; those of an entity have its `label` and what became of it.

    `state`: same, gone, new (beside the other tags); right, wrong (beside the true ones); gold.
    """

    text: str
    label: str = ""
    state: str = ""


@dataclass(frozen=True)
class Sentence:
    """A sentence before and after; `gold`, the true entities, is empty where nobody knows them."""

    id: str
    before: Sequence[Piece]
    after: Sequence[Piece]
    gold: Sequence[Piece] = ()


@dataclass(frozen=True)
class Changes:
    """How many of `sentences` changed between two taggers (short names), and some of those, evenly spread.

    `mended` and `broken`: entities that are right now and were not, and the other way round; None without gold.
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
    """What changed from each labelling of a system to its next one; at most `limit` sentences are shown in all."""
    steps = [
        (one, two)
        for system in run.systems
        for one, two in pairwise([entry for entry in run.labellings if entry.system == system])
        if one.file and two.file
    ]
    pairs = {(one.file, two.file): (one, two) for one, two in steps}  # systems may share their first labellings
    found = []
    for number, (one, two) in enumerate(pairs.values()):
        share = (limit + number) // len(pairs)
        changes = _between_labellings(one, two, share)
        found += [changes] if changes else []
    return found


def prediction_changes(run: Run, split: str, limit: int) -> list[Changes]:
    """What changed from the first scored tagger of a system to its last; at most `limit` sentences in all."""
    first = {}
    for score in run.scores:
        first.setdefault(score.system, score.checkpoint)
    pairs = {(first[system], end): system for system, end in run.ends.items() if first[system] != end}
    tags = {
        system: (one, two, _tags(run, one, split), _tags(run, two, split)) for (one, two), system in pairs.items()
    }
    known = {system: entry for system, entry in tags.items() if all(part is not None for part in entry)}
    found = [
        _between_taggers(system, *entry, limit=(limit + number) // len(known))
        for number, (system, entry) in enumerate(known.items())
    ]
    return [changes for changes in found if changes is not None]


def _tags(run: Run, tagger: str, split: str) -> Any | None:
    """The kept tags of a tagger beside the true ones."""
    score = run.of(tagger, split)
    file = None if score is None else predictions_file(run.folder, score)
    return None if file is None else read_table(file, TAGS)


def _between_labellings(one: Labelling, two: Labelling, limit: int) -> Changes | None:
    import numpy as np

    before, after = (read_table(labelling.file, ("id", "tokens", "ner_tags")) for labelling in (one, two))
    if before is None or after is None or not before["tokens"].equals(after["tokens"]):
        return None  # another target text, or a file that a kill tore
    changed = _changed_rows(before["ner_tags"].combine_chunks(), after["ner_tags"].combine_chunks())
    chosen = np.array(evenly(changed, limit), dtype=np.int64)  # a list would have no type when it is empty
    rows, later = before.take(chosen), after.take(chosen)
    columns = (rows["id"], rows["tokens"], rows["ner_tags"], later["ner_tags"])
    names = (_names(before), _names(after))
    shown = [
        _changed_sentence(id, tokens, *([name[tag] for tag in row] for name, row in zip(names, tags, strict=True)))
        for id, tokens, *tags in zip(*(column.to_pylist() for column in columns), strict=True)
    ]
    return Changes(one.system, _short(one.tagger), _short(two.tagger), before.num_rows, len(changed), shown)


def _changed_rows(before: Any, after: Any) -> list[int]:
    """The rows whose tags differ, without a Python loop over words: there may be a million sentences."""
    import numpy as np

    differ = before.flatten().to_numpy() != after.flatten().to_numpy()
    counts = np.concatenate([[0], np.cumsum(differ)])
    edges = before.offsets.to_numpy() - before.offsets[0].as_py()
    return np.flatnonzero(counts[edges[1:]] - counts[edges[:-1]]).tolist()


def _names(table: Any) -> list[str]:
    """The label names that `datasets` writes into its files."""
    told = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]["ner_tags"]
    return told["feature"]["names"]


def _between_taggers(system: str, one: str, two: str, first: Any, last: Any, *, limit: int) -> Changes | None:
    before, after = first.to_pydict(), last.to_pydict()
    if before["tokens"] != after["tokens"]:
        return None
    columns = (before["id"], before["tokens"], before["gold"], before["predicted"], after["predicted"])
    rows = []
    mended = broken = 0
    for row in zip(*columns, strict=True):
        gold, old, new = map(_spans, row[2:])
        rows += [row] if old != new else []  # tags may differ and mean the same entities
        mended += len(gold & new - old)
        broken += len(gold & old - new)
    shown = [_scored_sentence(*row) for row in evenly(rows, limit)]
    total = len(before["id"])
    return Changes(system, _short(one), _short(two), total, len(rows), shown, mended, broken)


def evenly(items: Sequence[Any], limit: int) -> list[Any]:
    """At most `limit` of the items, in order, spread over all of them."""
    if len(items) <= limit:
        return list(items)
    return [items[number * len(items) // limit] for number in range(limit)]


def _changed_sentence(id: str, tokens: Sequence[str], before: Sequence[str], after: Sequence[str]) -> Sentence:
    old, new = _spans(before), _spans(after)
    part = _part(tokens, old ^ new)
    return Sentence(
        id,
        _pieces(tokens, old, part, lambda span: "same" if span in new else "gone"),
        _pieces(tokens, new, part, lambda span: "same" if span in old else "new"),
    )


def _scored_sentence(
    id: str, tokens: Sequence[str], gold: Sequence[str], before: Sequence[str], after: Sequence[str]
) -> Sentence:
    true, old, new = _spans(gold), _spans(before), _spans(after)
    part = _part(tokens, old ^ new)
    return Sentence(
        id,
        _pieces(tokens, old, part, lambda span: "right" if span in true else "wrong"),
        _pieces(tokens, new, part, lambda span: "right" if span in true else "wrong"),
        _pieces(tokens, true, part, lambda span: "gold"),
    )


def _part(tokens: Sequence[str], changed: Collection[Span]) -> tuple[int, int]:
    """The words of a sentence that are shown: all, or of a long one those around its first changes."""
    if len(tokens) <= LONG:
        return 0, len(tokens)
    start = min((span.start for span in changed), default=0) - AROUND
    end = max((span.end for span in changed), default=0) + AROUND
    return max(0, start), min(len(tokens), end, max(0, start) + LONG)


def _pieces(tokens: Sequence[str], spans: Collection[Span], part: tuple[int, int], state: Any) -> tuple[Piece, ...]:
    """The part of the sentence, cut where entities begin and end."""
    pieces = [Piece("…")] if part[0] else []
    done = part[0]
    for span in sorted(spans, key=lambda span: span.start):
        start, end = max(span.start, part[0]), min(span.end, part[1])
        if start >= end:
            continue
        pieces += [Piece(_text(tokens[done:start]))] if done < start else []
        pieces.append(Piece(_text(tokens[start:end]), span.label, state(span)))
        done = end
    pieces += [Piece(_text(tokens[done : part[1]]))] if done < part[1] else []
    return tuple(pieces + ([Piece("…")] if part[1] < len(tokens) else []))


def _text(tokens: Sequence[str]) -> str:
    return " ".join(t if len(t) <= LONG_WORD else f"{t[:LONG_WORD]}…" for t in tokens)


def _spans(tags: Sequence[str]) -> set[Span]:
    return set(spans_from_tags(tags))


def _short(stage: str) -> str:
    return stage.rpartition("-")[2]
