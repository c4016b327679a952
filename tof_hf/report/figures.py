"""Which charts a report has."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from tof_hf.algorithm.scores import SPLITS
from tof_hf.config.stage_name import StageName
from tof_hf.report.charts import Point, Series, bar_chart, line_chart, matrix
from tof_hf.report.mistakes import KINDS, Mistakes
from tof_hf.report.reading import Run, short
from tof_hf.report.svg import Drawing

BINS = [f"{number / 10:.1f}" for number in range(10)]


def f1_figures(run: Run) -> Iterator[Drawing]:
    """F1 by stage and round on every split, with a line for each system."""
    for split in run.splits:
        points: dict[str, dict[str, float]] = {}
        for score in run.scores:
            if score.split == split:
                points.setdefault(score.system, {})[run.label(score)] = score.f1
        longest = sorted(points.values(), key=len, reverse=True)
        labels = list(dict.fromkeys(label for known in longest for label in known))
        series = [
            Series(system, sorted((labels.index(label), f1) for label, f1 in known.items()))
            for system, known in points.items()
        ]
        yield line_chart(f"f1-{slug(split)}", f"F1 on {split_name(split)}", series, labels=labels, y_title="F1 in %")


def type_figures(run: Run) -> Iterator[Drawing]:
    """F1 by entity type on every split, with a bar for the last tagger of each system."""
    for split in run.splits:
        ends = {system: score for system, end in run.ends.items() if (score := run.score(end, split))}
        known = {kind: [score.per_type.get(kind) for score in ends.values()] for kind in run.types}
        groups = [(kind, [found.f1 if found else None for found in row]) for kind, row in known.items() if any(row)]
        if groups:
            title = f"F1 by type on {split_name(split)}"
            yield bar_chart(f"types-{slug(split)}", title, groups, series=list(ends), highest=1.0)


def mistake_figures(run: Run, counted: Mapping[tuple[str, str], Mistakes]) -> Iterator[Drawing]:
    """Kinds of mistakes on the first split, and on each split which types the final tagger confuses.

    `counted`: by stage and split.
    """
    known = [split for split in run.splits if any((end, split) in counted for end in run.ends.values())]
    for split in known[:1]:
        ends = {system: counted[end, split] for system, end in run.ends.items() if (end, split) in counted}
        groups = [(name, [mistakes.kinds[kind] for mistakes in ends.values()]) for kind, name in KINDS.items()]
        title = f"Entities on {split_name(split)}, by system"
        yield bar_chart("mistakes", title, groups, series=list(ends), shown="{:,.0f}".format)
    system, end = run.best or ("", "")
    for split in known:
        if (end, split) in counted:
            title = f"Types on {split_name(split)}, {system}"
            types = counted[end, split].most_frequent(run.types)
            yield matrix(f"confusion-{slug(split)}", title, types, counted[end, split].matrix(types))


def curve_figures(run: Run) -> Iterator[Drawing]:
    """Loss and validation F1 over the steps of every stage."""
    names = short_names(run)
    chart = partial(line_chart, x_title="steps")
    for number, stage in enumerate(run.stages.values(), start=1):
        name, label = f"curve-{number:02}-{slug(short(stage.name))}", names[stage.name]
        losses = {"training": stage.curve("loss"), "validation": stage.curve("eval_loss")}
        if series := [Series(which, points) for which, points in losses.items() if points]:
            title = f"{label}: loss"
            yield line_chart(
                f"{name}-loss", title, series, x_title="steps", y_title="loss", shown="{:.4g}".format, zero=True
            )
        if points := stage.curve("eval_f1"):
            series = [Series("F1 on validation rows", points)]
            yield chart(f"{name}-f1", f"{label}: F1 on its validation rows", series, y_title="F1 in %")


def label_figures(run: Run) -> Iterator[Drawing]:
    """The pseudo-labels of every system that made any: entities, shares and confidence, labelling by labelling."""
    systems = {name: made.pseudo_labels for name, made in run.lineage.systems.items() if made.pseudo_labels}
    for number, (system, entries) in enumerate(systems.items(), start=1):
        of, end = (f", {system}", f"-{number}-{slug(system)}") if len(systems) > 1 else ("", "")
        labels = [short(entry.tagger) for entry in entries]
        chart = partial(line_chart, labels=labels, zero=True)
        counts = [Series(kind, [(i, one.entities.get(kind, 0)) for i, one in enumerate(entries)]) for kind in run.types]
        title = f"Entities labelled, by tagger{of}"
        yield chart(f"labels-entities{end}", title, counts, y_title="entities", shown="{:,.0f}".format)
        shares = [
            Series("words with another label", _known(entry.health.changed_share for entry in entries)),
            Series("found by the MRC head too", _known(entry.health.agreement for entry in entries)),
            Series("names unseen in the source", _known(entry.health.unseen_forms for entry in entries)),
            Series("mean probability in entities", _known(entry.mean_entity_probability for entry in entries)),
        ]
        if series := [one for one in shares if one.points]:
            yield chart(f"labels-health{end}", f"Health of the labels, by tagger{of}", series, y_title="%")
        confidence = [
            Series(label, [(i, count / sum(bins)) for i, count in enumerate(bins)])
            for label, entry in zip(labels, entries, strict=True)
            if sum(bins := entry.health.confidence)
        ]
        if confidence:
            name, title = f"labels-confidence{end}", f"Entities by their mean probability{of}"
            yield chart(name, title, confidence, labels=BINS, x_title="probability, from", y_title="% of the entities")


def _known(values: Iterable[float | None]) -> list[Point]:
    return [(number, value) for number, value in enumerate(values) if value is not None]


def cost_figures(run: Run) -> Iterator[Drawing]:
    """Time and peak memory of every finished stage."""
    names = short_names(run)
    done = {names[stage.name]: stage.record for stage in run.stages.values() if stage.record}
    if done:
        yield bar_chart("time", "Time by stage", [(name, [one.seconds]) for name, one in done.items()], shown=duration)
    memory = [(name, [one.peak_memory_mb]) for name, one in done.items()]
    if any(size is not None for _, (size,) in memory):
        yield bar_chart("memory", "Peak memory by stage", memory, shown=megabytes)


def short_names(run: Run) -> dict[str, str]:
    """For every stage its name without parents, or with the fewest that make it differ from all others."""
    endings = {name: _endings(StageName.parse(name)) for name in run.stages}
    uses = Counter(ending for own in endings.values() for ending in own)
    return {name: next((ending for ending in own if uses[ending] == 1), name) for name, own in endings.items()}


def _endings(stage: StageName) -> list[str]:
    """The name without parents, then with the last parent, with the last two, and so on."""
    return [str(replace(stage, parents=stage.parents[start:])) for start in range(len(stage.parents), -1, -1)]


def split_name(split: str) -> str:
    """A split in words."""
    return SPLITS.get(split, split)


def duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def megabytes(size: float) -> str:
    """Megabytes or gigabytes."""
    return f"{size:,.0f} MB" if size < 10_000 else f"{size / 1000:,.1f} GB"


def slug(text: str) -> str:
    """The text as part of a file name and of an id."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower() or "x"
