"""The report of a run as a single HTML page that loads nothing, and its charts."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from tof_hf.errors import as_data_error
from tof_hf.report import figures
from tof_hf.report.changes import prediction_changes, pseudo_label_changes
from tof_hf.report.diagram import stage_diagram
from tof_hf.report.mistakes import KINDS, MOST_TYPES, Mistakes, count_mistakes
from tof_hf.report.reading import Run, learned_from
from tof_hf.report.svg import COLOURS, PAGES, Drawing
from tof_hf.report.target import target_text

SENTENCES = 200
MOST_BYTES = 2_000_000  # of a page


@dataclass(frozen=True)
class Report:
    """The page's text, its charts in their order, and the sentences most worth labelling as a column file."""

    html: str
    figures: Sequence[Drawing]
    to_label: str = ""


def make_report(folder: Path, *, sentences: int = SENTENCES, to_label: str = "report-to-label.conll") -> Report:
    """The report of a run, finished or not.

    Args:
        folder: the run's folder, which is only read.
        sentences: how many sentences to show at most: of the target, and of those that changed, scored sentences and
            pseudo-labels each. Fewer are shown where the page would be larger than 2 MB.
        to_label: the name of the file to label, for the page's text.

    Returns:
        The page, its charts, and the text of the file to label; empty if the run labelled no target text.

    Raises:
        DataError: the folder has no run, or its record is damaged or of a newer release.

    Example:
        >>> report = make_report(Path("runs/es"))
        >>> Path("report.html").write_text(report.html, encoding="utf-8")
    """
    run = Run.read(folder)
    with as_data_error("tables that do not fit together", fix="start the same run again.", path=folder):
        mistakes, target = mistakes_of(run), target_text(run)
        columns = "" if target is None else target.columns()
    charts = {
        "stages": [stage_diagram(run)] if run.stages else [],
        "f1": list(figures.f1_figures(run)),
        "types": list(figures.type_figures(run)),
        "mistakes": list(figures.mistake_figures(run, mistakes)),
        "curves": list(figures.curve_figures(run)),
        "labels": list(figures.label_figures(run)),
        "costs": list(figures.cost_figures(run)),
    }
    split = next(iter(run.splits), None)
    while True:
        with as_data_error("tables that do not fit together", fix="start the same run again.", path=folder):
            labels = pseudo_label_changes(run, sentences)
            scored = prediction_changes(run, split, sentences) if split else []
        html = render(
            "report.html.jinja",
            run=run,
            lineage=run.lineage,
            name=folder.resolve().name,
            charts=charts,
            names=figures.short_names(run),
            mistakes=mistakes,
            kinds=KINDS,
            most_types=MOST_TYPES,
            target=target,
            shown=target.sentences(sentences) if target else [],
            types=run.types,
            to_label=to_label,
            to_label_hash=hashlib.sha256(columns.encode()).hexdigest(),
            labels=labels,
            scored=scored,
            main_split=split,
        )
        size = len(html.encode())
        if size <= MOST_BYTES or not sentences:
            return Report(html, [drawing for part in charts.values() for drawing in part], columns)
        sentences = int(0.9 * sentences * MOST_BYTES / size)


def render(template: str, **values: object) -> str:
    """The page that a template makes of the values. Its only script is allowed by its hash."""
    script = Markup(PAGES.get_template("report.js").render())
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values |= {"colours": COLOURS, "script": script, "script_hash": Markup(digest)}
    return PAGES.get_template(template).render(values)


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
