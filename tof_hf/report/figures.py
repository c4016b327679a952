"""Which charts a report has, made from what the run's files tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from tof_hf.report.charts import Series, bar_chart, line_chart, matrix, percent
from tof_hf.report.diagram import stage_diagram
from tof_hf.report.mistakes import KINDS, Mistakes
from tof_hf.report.reading import SPLITS, Labelling, Run, Stage
from tof_hf.report.svg import Drawing

BINS = tuple(f"{number / 10:.1f}" for number in range(10))


def stage_figure(run: Run) -> list[Drawing]:
    """The diagram, if there is a stage."""
    return [stage_diagram(run)] if run.stages else []


def f1_figures(run: Run) -> list[Drawing]:
    """F1 by stage and round on every split, a line a system."""
    figures = []
    for split in run.splits:
        by_system = {
            system: [score for score in run.scores if (score.system, score.split) == (system, split)]
            for system in run.ends
        }
        longest = sorted(by_system.values(), key=len, reverse=True)
        labels = list(dict.fromkeys(score.label for scores in longest for score in scores))
        series = [
            Series(system, sorted((labels.index(score.label), score.f1) for score in scores))
            for system, scores in by_system.items()
            if scores
        ]
        title = f"F1 on {split_name(split)}"
        name = f"f1-{slug(split)}"
        figures.append(line_chart(name, title, series, labels=labels, y_title="F1 in %"))
    return figures


def type_figures(run: Run) -> list[Drawing]:
    """F1 of every entity type on every split, a bar for the last tagger of each system."""
    figures = []
    for split in run.splits:
        ends = {system: score for system, end in run.ends.items() if (score := run.of(end, split))}
        types = [kind for kind in run.types if any(kind in score.per_type for score in ends.values())]
        groups = [
            (kind, [score.per_type[kind].f1 if kind in score.per_type else None for score in ends.values()])
            for kind in types
        ]
        if groups:
            title = f"F1 by type on {split_name(split)}"
            name = f"types-{slug(split)}"
            figures.append(bar_chart(name, title, groups, series=list(ends), highest=1.0))
    return figures


def mistake_figures(run: Run, counted: Mapping[tuple[str, str], Mistakes]) -> list[Drawing]:
    """Kinds of mistakes on the first split, and the final tagger's confusion of types on each.

    `counted`: by stage and split.
    """
    figures = []
    split = next((split for split in run.splits if any(s == split for _, s in counted)), None)
    ends = {system: counted[end, split] for system, end in run.ends.items() if (end, split) in counted}
    if ends:
        title = f"Entities on {split_name(split)}, by system"
        groups = [(name, [mistakes.kinds[kind] for mistakes in ends.values()]) for kind, name in KINDS.items()]
        figures.append(bar_chart("mistakes", title, groups, series=list(ends), shown=lambda count: f"{count:,}"))
    system, end = run.best or ("", "")
    for split in run.splits:
        if (end, split) in counted:
            title = f"Types on {split_name(split)}, {system}"
            name = f"confusion-{slug(split)}"
            figures.append(matrix(name, title, run.types, counted[end, split].matrix(run.types)))
    return figures


def curve_figures(run: Run) -> list[Drawing]:
    """Loss and validation F1 over the steps of every stage."""
    names = short_names(run)
    stages = enumerate(run.stages.values(), start=1)
    return [figure for number, stage in stages for figure in _curves(number, stage, names[stage.name])]


def _curves(number: int, stage: Stage, label: str) -> list[Drawing]:
    figures = []
    losses = [Series("training", stage.loss), Series("validation", stage.validation_loss)]
    for what, unit, series, shown in (
        ("loss", "loss", [one for one in losses if one.points], lambda value: f"{value:.4g}"),
        ("f1", "F1 in %", [Series("F1 on validation rows", stage.validation_f1)] * bool(stage.validation_f1), percent),
    ):
        if series:
            title = f"{label}: {'loss' if what == 'loss' else 'F1 on its validation rows'}"
            name = f"curve-{number:02}-{slug(stage.short)}-{what}"
            options = {"x_title": "steps", "y_title": unit, "shown": shown, "zero": what == "loss", "height": 190}
            figures.append(line_chart(name, title, series, **options))
    return figures


def label_figures(run: Run) -> list[Drawing]:
    """The pseudo-labels of every system that made any: entities, shares and confidence, labelling by labelling."""
    systems = [system for system in run.systems if any(entry.system == system for entry in run.labellings)]
    figures = []
    for number, system in enumerate(systems, start=1):
        entries = [entry for entry in run.labellings if entry.system == system]
        of, end = (f", {system}", f"-{number}-{slug(system)}") if len(systems) > 1 else ("", "")
        figures += _labels_of(entries, run.types, of, end)
    return figures


def _labels_of(entries: Sequence[Labelling], types: Sequence[str], of: str, end: str) -> list[Drawing]:
    """The charts of one system; `of` ends their titles and `end` their names."""
    labels = [entry.tagger.rpartition("-")[2] for entry in entries]
    figures = []

    def lines(name: str, title: str, series: list[Series], y_title: str, shown: Callable[[float], str]) -> None:
        series = [one for one in series if one.points]
        if series:
            options = {"labels": labels, "y_title": y_title, "shown": shown, "zero": True}
            figures.append(line_chart(f"{name}{end}", f"{title}{of}", series, **options))

    counts = [Series(kind, [(i, entry.entities.get(kind, 0)) for i, entry in enumerate(entries)]) for kind in types]
    lines("labels-entities", "Entities labelled, by tagger", counts, "entities", lambda count: f"{count:,.0f}")
    told = {
        "words with another label": "changed_share",
        "found by the MRC head too": "agreement",
        "names unseen in the source": "unseen_forms",
    }
    shares = [Series(name, _known(entry.health.get(key) for entry in entries)) for name, key in told.items()]
    shares.append(Series("mean probability in entities", _known(entry.mean_entity_probability for entry in entries)))
    lines("labels-health", "Health of the labels, by tagger", shares, "%", percent)
    series = []
    for label, entry in zip(labels, entries, strict=True):
        bins = entry.health.get("confidence") or []
        series += [Series(label, [(i, count / sum(bins)) for i, count in enumerate(bins)])] if sum(bins) else []
    if series:
        title = f"Entities by their mean probability{of}"
        options = {"labels": BINS, "y_title": "% of the entities", "zero": True, "x_title": "probability, from"}
        figures.append(line_chart(f"labels-confidence{end}", title, series, **options))
    return figures


def _known(values: Sequence[float | None]) -> list[tuple[float, float]]:
    return [(number, value) for number, value in enumerate(values) if value is not None]


def cost_figures(run: Run) -> list[Drawing]:
    """Time and peak memory of every finished stage."""
    names = short_names(run)
    done = [stage for stage in run.stages.values() if stage.finished]
    figures = []
    for name, title, values, shown in (
        ("time", "Time by stage", [stage.seconds for stage in done], duration),
        ("memory", "Peak memory by stage", [stage.peak_memory_mb for stage in done], megabytes),
    ):
        groups = [(names[stage.name], [value]) for stage, value in zip(done, values, strict=True)]
        if any(value is not None for _, (value,) in groups):
            figures.append(bar_chart(name, title, groups, shown=shown))
    return figures


def short_names(run: Run) -> dict[str, str]:
    """The last part of every stage's name, with as much before it as tells it from the others."""
    shorts = {name: name.split("-") for name in run.stages}
    names = {}
    for name, parts in shorts.items():
        size = 1
        while size < len(parts) and any(other[-size:] == parts[-size:] for n, other in shorts.items() if n != name):
            size += 1
        names[name] = "-".join(parts[-size:])
    return names


def split_name(split: str) -> str:
    """A split for people."""
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
    """The text as part of a file's name and of an id."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower() or "x"
