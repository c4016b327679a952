"""The target's sentences with the entities that a run found in them, and those most worth labelling by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from tof_hf.data.column_line import column_text
from tof_hf.data.draw import drawn_rows
from tof_hf.data.labels import Span, tags_from_spans
from tof_hf.data.lists import flat, list_column
from tof_hf.errors import DataError
from tof_hf.report.changes import changed_rows
from tof_hf.report.reading import Run, short
from tof_hf.report.sentences import Piece, evenly, indices, mark_entities, part_shown, read_spans

TO_LABEL = 200  # sentences in the file to label
EXAMPLES = 5


@dataclass(frozen=True)
class TargetSentence:
    """A sentence with the entities of each model, the last tagger first; the others only where they disagree with it.

    `types`: of its entities. `lowest`: the probability (0..1) of its least sure word. `to_label`: whether it is among
    those most worth labelling.
    """

    id: str
    lines: Sequence[tuple[str, Sequence[Piece]]]
    types: Sequence[str]
    lowest: float | None
    to_label: bool


@dataclass(frozen=True)
class TargetText:
    """The target text as the last tagger of a run labelled it: `id`, `tokens` and the column `tags` of `rows`.

    `before`: the same rows by the tagger before. `answers`: what the MRC head found, by row, in a sample of them.
    """

    system: str
    tagger: str
    tags: str
    rows: pa.Table
    lowest: np.ndarray | None = None
    teacher: str = ""
    before: pa.Table | None = None
    mrc: str = ""
    answers: Mapping[int, set[Span]] | None = None

    @cached_property
    def disagree(self) -> np.ndarray:
        """For every sentence how many of the other models found other entities than the last tagger."""
        counts = np.zeros(len(self.rows), dtype=np.int64)
        if self.before is not None:
            counts[changed_rows(self.before[self.tags], self.rows[self.tags])] += 1
        if self.answers:
            rows = list(self.answers)
            own = read_spans(self.rows, self.tags, rows)
            counts[[row for row, spans in zip(rows, own, strict=True) if spans != self.answers[row]]] += 1
        return counts

    @cached_property
    def to_label(self) -> list[int]:
        """The sentences most worth labelling, in order of the text.

        Those on which most models disagree, then those with the least sure word; each text once. None if nothing is
        known about the doubt of any.
        """
        if self.lowest is None and not self.disagree.any():
            return []
        lowest = np.zeros(len(self.rows)) if self.lowest is None else self.lowest
        chosen: dict[tuple[str, ...], int] = {}
        for row in np.lexsort((lowest, -self.disagree)).tolist():  # equal ones stay in order
            words = tuple(self.rows["tokens"][row].as_py())
            if words and words not in chosen and _fits_columns(words):
                chosen[words] = row
            if len(chosen) == TO_LABEL:
                break
        return sorted(chosen.values())

    def sentences(self, limit: int) -> list[TargetSentence]:
        """At most `limit` sentences spread over the text, and at most as many of those to label."""
        to_label = self.to_label
        chosen = sorted({*evenly(range(len(self.rows)), limit), *evenly(to_label, limit)})
        own = read_spans(self.rows, self.tags, chosen)
        by_teacher = own if self.before is None else read_spans(self.before, self.tags, chosen)
        texts = self.rows.select(["id", "tokens"]).take(indices(chosen)).to_pylist()
        return [
            self._sentence(row, text["id"], text["tokens"], spans, teacher, row in set(to_label))
            for row, text, spans, teacher in zip(chosen, texts, own, by_teacher, strict=True)
        ]

    def _sentence(
        self, row: int, id: str, tokens: Sequence[str], own: set[Span], teacher: set[Span], to_label: bool
    ) -> TargetSentence:
        others = {self.teacher: teacher, self.mrc: (self.answers or {}).get(row, own)}
        part = part_shown(tokens, set.union(own, *others.values()))
        lines = [(self.tagger, mark_entities(tokens, part, own, "same", "doubted", own.intersection(*others.values())))]
        for name, spans in others.items():
            if spans != own:
                lines.append((name, mark_entities(tokens, part, spans, "same", "other", own)))
        lowest = None if self.lowest is None else float(self.lowest[row])
        return TargetSentence(id, lines, sorted({span.label for span in own}), lowest, to_label)

    def examples(self) -> list[str]:
        """A few texts of usual length, those with entities of the most types first."""
        rows = evenly(range(len(self.rows)), EXAMPLES * 100)
        texts = self.rows["tokens"].take(indices(rows)).to_pylist()
        types = [len({span.label for span in spans}) for spans in read_spans(self.rows, self.tags, rows)]
        usual = [(count, words) for count, words in zip(types, texts, strict=True) if 4 <= len(words) <= 40]
        usual.sort(key=lambda pair: -pair[0])
        return list(dict.fromkeys(" ".join(words) for _, words in usual))[:EXAMPLES]

    def columns(self) -> str:
        """The sentences to label as a column file, with the last tagger's tags, ready to correct."""
        entities = read_spans(self.rows, self.tags, self.to_label)
        texts = self.rows["tokens"].take(indices(self.to_label)).to_pylist()
        rows = zip(texts, entities, strict=True)
        return "".join(column_text(words, tags_from_spans(spans, len(words))) for words, spans in rows)


def target_text(run: Run) -> TargetText | None:
    """The target text with the labels of the last tagger that labelled it, or else the scored target sentences."""
    best = run.best[0] if run.best else ""
    systems = sorted(run.lineage.systems, key=lambda system: system != best)
    for system in systems:
        if (found := _pseudo_labelled(run, system) or _soft_labelled(run, system)) is not None:
            return found
    if run.best is None or (rows := run.predictions(run.best[1], "target")) is None:
        return None
    return TargetText(best, short(run.best[1]), "predicted", rows)


def run_of_tagger(folder: Path) -> tuple[str, list[str]]:
    """The target's name and a few of its texts, if the folder is `final/` of a run; else nothing."""
    try:
        run = Run.read(Path(os.path.realpath(folder)).parent)
        text = target_text(run)
    except DataError:
        return "", []
    return run.lineage.target, text.examples() if text else []


def _pseudo_labelled(run: Run, system: str) -> TargetText | None:
    """By the last labelling of a system, next to the one before and to the answers of the MRC head."""
    entries = run.lineage.systems[system].pseudo_labels
    known = [(entry, rows) for entry in entries if (rows := run.pseudo_labels(entry)) is not None]
    if not known:
        return None
    last, rows = known.pop()
    first, before = known.pop() if known else (None, None)
    if before is not None and not before["tokens"].equals(rows["tokens"]):
        first, before = None, None
    answers = run.answers(last)
    sample = drawn_rows(len(rows), last.health.agreement_sentences, seed=run.lineage.seed)
    return TargetText(
        system,
        short(last.tagger),
        "ner_tags",
        rows,
        _lowest(rows["ner_probabilities"]) if "ner_probabilities" in rows.column_names else None,
        short(first.tagger) if first else "",
        before,
        "MRC head",
        dict(zip(sample, answers, strict=True)) if answers and len(answers) == len(sample) else None,
    )


def _soft_labelled(run: Run, system: str) -> TargetText | None:
    """By the teachers of a system's student."""
    for entry in reversed(run.lineage.systems[system].soft_labels):
        if (rows := run.soft_labels(entry)) is not None:
            of_words, bounds = flat(rows["class_probabilities"])
            values, of_classes = flat(of_words)
            highest = list_column(bounds, np.maximum.reduceat(values.to_numpy(), of_classes[:-1]))
            return TargetText(system, " and ".join(map(short, entry.teachers)), "ner_tags", rows, _lowest(highest))
    return None


def _lowest(probabilities: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """The lowest probability of each sentence; 1 for one without words."""
    values, bounds = flat(probabilities)
    lowest, filled = np.ones(len(bounds) - 1), np.diff(bounds) > 0
    if filled.any():
        lowest[filled] = np.minimum.reduceat(values.to_numpy(), bounds[:-1][filled])
    return lowest


def _fits_columns(words: Sequence[str]) -> bool:
    """Whether a column file can hold the words."""
    try:
        column_text(words, ())
    except DataError:
        return False
    return True
