"""The report of a run as a single HTML page that loads nothing, and its charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tof_hf.errors import as_data_error
from tof_hf.report import figures
from tof_hf.report.changes import prediction_changes, pseudo_label_changes
from tof_hf.report.diagram import stage_diagram
from tof_hf.report.mistakes import KINDS, Mistakes, count_mistakes
from tof_hf.report.reading import Run, learned_from
from tof_hf.report.svg import COLOURS, PAGES, Drawing

SENTENCES = 200


@dataclass(frozen=True)
class Report:
    """The page's text and its charts, in the order of the page."""

    html: str
    figures: Sequence[Drawing]


def make_report(folder: Path, *, sentences: int = SENTENCES) -> Report:
    """The report of a run, finished or not.

    Args:
        folder: the run's folder, which is only read.
        sentences: how many changed sentences to show at most, for scored sentences and for pseudo-labels each.

    Returns:
        The page, and its charts in their order on the page.

    Raises:
        DataError: the folder has no run, or its record is damaged or of a newer release.

    Example:
        >>> report = make_report(Path("runs/es"))
        >>> Path("report.html").write_text(report.html, encoding="utf-8")
    """
    run = Run.read(folder)
    split = next(iter(run.splits), None)
    with as_data_error("tables that do not fit together", fix="start the same run again.", path=folder):
        mistakes = mistakes_of(run)
        labels = pseudo_label_changes(run, sentences)
        scored = prediction_changes(run, split, sentences) if split else []
    charts = {
        "stages": [stage_diagram(run)] if run.stages else [],
        "f1": list(figures.f1_figures(run)),
        "types": list(figures.type_figures(run)),
        "mistakes": list(figures.mistake_figures(run, mistakes)),
        "curves": list(figures.curve_figures(run)),
        "labels": list(figures.label_figures(run)),
        "costs": list(figures.cost_figures(run)),
    }
    html = PAGES.get_template("report.html.jinja").render(
        run=run,
        lineage=run.lineage,
        name=folder.resolve().name,
        charts=charts,
        names=figures.short_names(run),
        colours=COLOURS,
        mistakes=mistakes,
        kinds=KINDS,
        labels=labels,
        scored=scored,
        main_split=split,
    )
    return Report(html, [drawing for part in charts.values() for drawing in part])


def mistakes_of(run: Run) -> dict[tuple[str, str], Mistakes]:
    """The mistakes by stage and split, where the tags were kept."""
    found = {}
    for pair in run.scored:
        table = run.predictions(*pair)
        if table is not None:
            found[pair] = count_mistakes(zip(table["gold"].to_pylist(), table["predicted"].to_pylist(), strict=True))
    return found


PAGES.filters |= {
    "split": figures.split_name,
    "learned_from": learned_from,
    "duration": figures.duration,
    "megabytes": figures.megabytes,
}
