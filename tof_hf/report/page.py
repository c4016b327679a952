"""The report of a run as one page of HTML that needs nothing else, and its charts as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tof_hf.report import figures
from tof_hf.report.alarms import against_source, alarms
from tof_hf.report.changes import Changes, prediction_changes, pseudo_label_changes
from tof_hf.report.files import predictions_file
from tof_hf.report.mistakes import KINDS, Mistakes, count_mistakes, read_tags
from tof_hf.report.reading import Run, read_run
from tof_hf.report.svg import Drawing, style_variables

SENTENCES = 200
SIGNS = {"same": "", "gone": "−", "new": "+", "right": "✓", "wrong": "✗", "gold": ""}
STATES = {
    "same": "in both", "gone": "only before", "new": "only after", "right": "right", "wrong": "wrong", "gold": "true"
}  # fmt: skip


@dataclass(frozen=True)
class Report:
    """The page's text and its charts."""

    html: str
    figures: Sequence[Drawing]


@dataclass(frozen=True)
class Charts:
    """The charts of each part of the page."""

    stages: Sequence[Drawing]
    f1: Sequence[Drawing]
    types: Sequence[Drawing]
    mistakes: Sequence[Drawing]
    curves: Sequence[Drawing]
    labels: Sequence[Drawing]
    costs: Sequence[Drawing]

    def all(self) -> list[Drawing]:
        """Every chart, in the order of the page."""
        parts = (self.stages, self.f1, self.types, self.mistakes, self.curves, self.labels, self.costs)
        return list(chain(*parts))


def make_report(folder: Path, *, sentences: int = SENTENCES) -> Report:
    """The report of the run in `folder`, finished or not; of changed sentences at most so many in each of two lists.

    Raises DataError if there is no run.
    """
    run = read_run(folder)
    counted = _mistakes(run)
    charts = Charts(
        stages=figures.stage_figure(run),
        f1=figures.f1_figures(run),
        types=figures.type_figures(run),
        mistakes=figures.mistake_figures(run, counted),
        curves=figures.curve_figures(run),
        labels=figures.label_figures(run),
        costs=figures.cost_figures(run),
    )
    main_split = next(iter(run.splits), None)
    scored = prediction_changes(run, main_split, sentences) if main_split else []
    return Report(_render(run, charts, counted, pseudo_label_changes(run, sentences), scored, main_split), charts.all())


def _mistakes(run: Run) -> dict[tuple[str, str], Mistakes]:
    """By stage and split, where the tags were kept."""
    files = {(score.checkpoint, score.split): predictions_file(run.folder, score) for score in run.scores}
    tags = {pair: read_tags(file) for pair, file in files.items() if file is not None}
    return {pair: count_mistakes(rows) for pair, rows in tags.items() if rows is not None}


def _render(
    run: Run,
    charts: Charts,
    counted: Mapping[tuple[str, str], Mistakes],
    labels: Sequence[Changes],
    scored: Sequence[Changes],
    main_split: str | None,
) -> str:
    pages = Environment(
        loader=PackageLoader("tof_hf.report", "pages"),
        undefined=StrictUndefined,
        autoescape=True,  # words of the data may look like HTML
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["percent"] = lambda value: "" if value is None else f"{100 * value:.2f}"
    pages.filters["thousands"] = lambda value: "" if value is None else f"{value:,}"
    pages.filters["drawing"] = Markup  # drawings escape what they are given
    pages.filters["split"] = figures.split_name
    pages.filters["against_source"] = against_source
    pages.filters["duration"] = figures.duration
    pages.filters["megabytes"] = figures.megabytes
    pages.filters["short"] = lambda stage: stage.rpartition("-")[2]
    done = [stage for stage in run.stages.values() if stage.finished]
    memory = [stage.peak_memory_mb for stage in done if stage.peak_memory_mb is not None]
    return pages.get_template("report.html.jinja").render(
        run=run,
        lineage=run.lineage,
        name=run.folder.resolve().name,
        charts=charts,
        names=figures.short_names(run),
        light=Markup(style_variables(0)),
        dark=Markup(style_variables(1)),
        style=Markup(pages.get_template("report.css").render()),
        best_scores=[score for split in run.splits if run.best and (score := run.of(run.best[1], split))],
        seconds=sum(stage.seconds for stage in done),
        memory=max(memory, default=None),
        counted=[(score, m) for score in run.scores if (m := counted.get((score.checkpoint, score.split)))],
        matrices=[(split, m) for split in run.splits if run.best and (m := counted.get((run.best[1], split)))],
        kinds=KINDS,
        labels=labels,
        scored=scored,
        main_split=main_split,
        signs=SIGNS,
        states=STATES,
        alarms=alarms(run),
    )
