"""Two runs side by side on one page: scores, options, and the entities that only one of them found."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tof_hf.algorithm.scores import ScoreRow
from tof_hf.errors import DataError, as_data_error
from tof_hf.evaluation.significance import Comparison, entity_counts, paired_bootstrap
from tof_hf.report.changes import Changes, changed_rows, compare
from tof_hf.report.charts import bar_chart
from tof_hf.report.figures import slug, split_name
from tof_hf.report.page import MOST_BYTES, SENTENCES, Report, render
from tof_hf.report.reading import Run
from tof_hf.report.sentences import indices, read_spans
from tof_hf.report.svg import Drawing
from tof_hf.report.target import target_text

MOST_TEXTS = 50  # in the table of entities that one run found and the other did not
Texts = Sequence[tuple[tuple[str, str], int, int]]


@dataclass(frozen=True)
class _Pair:
    """The scores of both runs on one split; None where a run has none."""

    system: str
    split: str
    scores: tuple[ScoreRow | None, ScoreRow | None]


@dataclass(frozen=True)
class _Sentences:
    """Sentences that both runs tagged: those with other entities, and the entities that only one run found.

    `texts`: (text, type) with its count in the first run only and in the second only, the most frequent first.
    """

    changes: Changes
    texts: Texts


def make_comparison(one: Path, two: Path, *, sentences: int = SENTENCES) -> Report:
    """Two runs side by side, finished or not.

    Args:
        one: the folder of the first run, which is only read.
        two: that of the second one.
        sentences: how many sentences with other entities to show at most, scored ones and target text each.

    Returns:
        The page and its charts; there is no file to label.

    Raises:
        DataError: a folder has no run or a damaged record, or both are the same folder.

    Example:
        >>> comparison = make_comparison(Path("runs/es"), Path("runs/es_seed2"))
        >>> Path("comparison.html").write_text(comparison.html, encoding="utf-8")
    """
    runs, names = (Run.read(one), Run.read(two)), run_names(one, two)
    figures = list(_type_figures(runs, names))
    while True:
        with as_data_error("tables that do not fit together", fix="start the same run again.", path=two):
            differ = list(_sentences(runs, names, sentences))
            tests = dict(_tests(runs))
        html = render(
            "comparison.html.jinja",
            runs=runs,
            names=names,
            pairs=list(_pairs(runs)),
            finals=list(_finals(runs)),
            types=list(dict.fromkeys(kind for run in runs for kind in run.types)),
            charts=figures,
            tests=tests,
            options=_differing_facts(runs),
            differ=differ,
        )
        size = len(html.encode())
        if size <= MOST_BYTES or not sentences:
            return Report(html, figures)
        sentences = int(0.9 * sentences * MOST_BYTES / size)


def run_names(one: Path, two: Path) -> tuple[str, str]:
    """The last parts of both folders, as many as make them differ."""
    folders = one.resolve(), two.resolve()
    if folders[0] == folders[1]:
        raise DataError("the same run twice.", fix="name two runs.", path=two)
    for number in range(1, max(len(folder.parts) for folder in folders) + 1):
        first, second = ("/".join(folder.parts[-number:]) for folder in folders)
        if first != second:
            break
    return first, second


def _pairs(runs: Sequence[Run]) -> Iterator[_Pair]:
    """The scores of each system that one of the runs has, on each split."""
    for system in dict.fromkeys(system for run in runs for system in run.ends):
        for split in dict.fromkeys(split for run in runs for split in run.splits):
            first, second = (run.score(run.ends.get(system, ""), split) for run in runs)
            if first or second:
                yield _Pair(system, split, (first, second))


def _finals(runs: Sequence[Run]) -> Iterator[_Pair]:
    """The scores of the final taggers, or the last ones so far, on each split."""
    for split in dict.fromkeys(split for run in runs for split in run.splits):
        first, second = (run.score(run.best[1], split) if run.best else None for run in runs)
        if first and second:
            yield _Pair(" / ".join(dict.fromkeys((first.system, second.system))), split, (first, second))


def _type_figures(runs: Sequence[Run], names: Sequence[str]) -> Iterator[Drawing]:
    """F1 by type of both final taggers, on each split that both have."""
    for pair in _finals(runs):
        types = dict.fromkeys(kind for score in pair.scores if score for kind in score.per_type)
        known = {kind: [score.per_type.get(kind) if score else None for score in pair.scores] for kind in types}
        groups = [(kind, [found.f1 if found else None for found in row]) for kind, row in known.items()]
        if groups:
            title = f"F1 by type on {split_name(pair.split)}"
            yield bar_chart(f"types-{slug(pair.split)}", title, groups, series=names, highest=1.0)


def _tests(runs: Sequence[Run]) -> Iterator[tuple[str, Comparison]]:
    """On each split, whether the second run's final tagger is better, where both were scored on the same sentences."""
    for pair in _finals(runs):
        tables = [run.predictions(run.best[1], pair.split) for run in runs if run.best]
        counts = [entity_counts(one["gold"].to_pylist(), one["predicted"].to_pylist()) for one in tables if one]
        if len(counts) == 2 and counts[0].sentences == counts[1].sentences:
            yield pair.split, paired_bootstrap([counts[1]], [counts[0]])


def _differing_facts(runs: Sequence[Run]) -> Mapping[str, tuple[str, str]]:
    """Facts, options, data and versions that are not the same in both runs; empty texts where a run has none."""
    first, second = (_facts(run) for run in runs)
    keys = dict.fromkeys([*first, *second])
    return {key: pair for key in keys if (pair := (first.get(key, ""), second.get(key, ""))) and pair[0] != pair[1]}


def _facts(run: Run) -> dict[str, str]:
    lineage = run.lineage
    facts = {
        "encoder": " ".join(filter(None, (lineage.encoder.name, lineage.encoder.commit))),
        "preset": lineage.preset,
        "seed": str(lineage.seed),
        "rounds": str(lineage.rounds),
        "target": lineage.target,
        "entity types": ", ".join(lineage.entity_types),
        "words split by": lineage.word_rule or "",
    }
    facts |= {key: str(value) for key, value in lineage.options.items()}
    facts |= {f"data: {one.option}": f"{one.name}, {one.rows:,} rows, {one.fingerprint}" for one in lineage.data}
    return facts | {f"version: {library}": number for library, number in lineage.versions.items()}


def _sentences(runs: Sequence[Run], names: tuple[str, str], limit: int) -> Iterator[_Sentences]:
    """What the final taggers found in the scored sentences, and the last labelling taggers in the target text."""
    splits = [pair.split for pair in _finals(runs)]
    tables = [
        (split_name(split), [run.predictions(run.best[1], split) for run in runs if run.best]) for split in splits
    ]
    texts = [target_text(run) for run in runs]
    if all(text is not None and text.tags == "ner_tags" for text in texts):
        tables.append(("target text", [text and text.rows for text in texts]))
    for name, (before, after) in tables:
        if before is not None and after is not None:
            before, after = _shared(before, after)
            column = "predicted" if "predicted" in before.column_names else "ner_tags"
            changes = compare(name, *names, before, after, limit)
            yield _Sentences(changes, _texts(before, after, column))


def _shared(one: pa.Table, two: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The sentences that both tables have, in the order of the first."""
    if one["tokens"].equals(two["tokens"]):
        return one, two
    place = {tuple(words): row for row, words in enumerate(two["tokens"].to_pylist())}
    pairs = [(row, place[words]) for row, words in enumerate(map(tuple, one["tokens"].to_pylist())) if words in place]
    return one.take(indices([row for row, _ in pairs])), two.take(indices([row for _, row in pairs]))


def _texts(before: pa.Table, after: pa.Table, column: str) -> Texts:
    """The most frequent entities, as text and type, that only one of the tables has in a sentence."""
    rows = changed_rows(before[column], after[column])
    tokens = before["tokens"].take(indices(rows)).to_pylist()
    counts: tuple[Counter[tuple[str, str]], ...] = Counter(), Counter()
    for words, old, new in zip(tokens, read_spans(before, column, rows), read_spans(after, column, rows), strict=True):
        for count, spans in zip(counts, (old - new, new - old), strict=True):
            count.update((" ".join(words[span.start : span.end]), span.label) for span in spans)
    first, second = counts
    return [(entity, first[entity], second[entity]) for entity, _ in (first + second).most_common(MOST_TEXTS)]
