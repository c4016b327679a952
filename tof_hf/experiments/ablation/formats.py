"""The tables as Markdown, CSV, LaTeX and JSON; all four say the same."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict

from pydantic import JsonValue
from tabulate import tabulate

from tof_hf.algorithm.recipe import LANGUAGES, Published
from tof_hf.experiments.ablation.rows import SWAPPED, TITLES
from tof_hf.experiments.ablation.table import Line, Results
from tof_hf.storage.files import write_json, write_text
from tof_hf.utils.devices import device_names
from tof_hf.utils.markdown import as_table, escape
from tof_hf.utils.templates import templates
from tof_hf.utils.versions import versions

_MATHS = str.maketrans({"±": r"$\pm$", "→": r"$\rightarrow$", "−": "$-$"})  # tabulate escapes the rest for LaTeX


def write(results: Results) -> None:
    """Write OUT/table.md, table.csv, table.tex and table.json."""
    out = results.ablation.out
    write_text(out / "table.md", markdown(results))
    write_text(out / "table.csv", comma_separated(results))
    write_text(out / "table.tex", latex(results))
    write_json(out / "table.json", as_json(results))


def markdown(results: Results, *, level: int = 2) -> str:
    """Each table with a heading of this `level`, and under them what the columns mean."""
    parts = []
    for table, lines in results.tables.items():
        parts.append(f"{'#' * level} {TITLES[table]}\n\n{as_table(_grid(lines, results))}")
    return "\n\n".join([*parts, "\n".join(f"- {escape(note)}" for note in notes(results))]) + "\n"


def latex(results: Results) -> str:
    """A `tabular` for each table, which needs no package."""
    parts = []
    for table, lines in results.tables.items():
        header, *rows = [[cell.replace("\n", " ") for cell in row] for row in _grid(lines, results)]
        align = ["left", *("right" for _ in header[1:])]
        tabular = tabulate(rows, header, tablefmt="latex", colalign=align, disable_numparse=True)
        parts.append(f"% {TITLES[table]}\n{tabular.translate(_MATHS)}")
    comments = (f"% {note}" for note in notes(results))
    return "\n\n".join([*parts, "\n".join(comments)]) + "\n"


def comma_separated(results: Results) -> str:
    """One line a row, numbers in full; a column for each seed."""
    seeds = results.ablation.seeds
    header = ["table", "row", "title", "system", "options", "mean_f1", "sd", "seeds_done", "seeds", "baseline"]
    header += ["difference", "p_better", "p_worse", "paper_f1", "paper_sd", "paper_change", "error"]
    rows = []
    for line in results.lines:
        row, paper = line.row, line.paper or Published()
        cells: list[object] = [row.table or "", row.name, row.title, row.system, " ".join(row.set), line.mean]
        cells += [line.deviation, len(line.scores), len(seeds), line.baseline, line.difference, line.p_better]
        cells += [line.p_worse, paper.f1, paper.deviation, paper.change, line.error]
        rows.append([*cells, *(line.scores.get(seed) for seed in seeds)])
    return csv_text([*header, *(f"f1_seed_{seed}" for seed in seeds)], rows)


def csv_text(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The rows as comma-separated values; None is an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def as_json(results: Results) -> dict[str, JsonValue]:
    """Everything, with how it was made."""
    ablation = results.ablation
    return {
        "target": ablation.target,
        "split": ablation.split,
        "seeds": list(ablation.seeds),
        "options": list(ablation.overrides),
        "benchmark": results.benchmark,
        "bootstrap_samples": results.samples,
        "versions": {**versions()},
        "rows": [_plain(line) for line in results.lines],
        "left_out": [{"table": row.table, "name": row.name, "why": why} for row, why in ablation.left_out],
        "notes": [*notes(results)],
    }


def _plain(line: Line) -> dict[str, JsonValue]:
    """A line as JSON values, with the paper's number for the benchmark of the tables alone."""
    row = asdict(line.row)
    del row["published"]
    return asdict(line) | {"row": row, "seeds_done": len(line.scores)}


def notes(results: Results) -> list[str]:
    """What the columns mean, and what a reader must know about them."""
    lines, seeds = results.lines, results.ablation.seeds
    pages = templates("tof_hf.experiments.ablation", "text", folder="")
    pages.filters["one_line"] = lambda text: " ".join(text.split())
    text = pages.get_template("notes.jinja").render(
        results=results,
        ablation=results.ablation,
        partial=dict.fromkeys(line.row.name for line in lines if len(line.scores) < len(seeds)),
        compared={line.row.table: line.baseline for line in lines if line.difference is not None},
        papers=[line.paper for line in lines if line.paper],
        swapped=any(line.paper and line.row.name.startswith(SWAPPED) for line in lines),
        titles=TITLES,
        languages=LANGUAGES,
        versions=versions(),
        devices=device_names(),
    )
    return text.rstrip("\n").split("\n")


def _grid(lines: list[Line], results: Results) -> list[list[str]]:
    """The cells of a table, its header first; the paper's column only if the tables have one of its numbers."""
    paper = any(line.paper for line in results.lines)
    grid = [["row", "F1", "seeds", "difference", "p", *(["paper"] if paper else [])]]
    for line in lines:
        done, wanted = len(line.scores), len(results.ablation.seeds)
        f1 = "" if line.mean is None else f"{line.mean:.2f}"
        f1 += "" if line.deviation is None else f" ± {line.deviation:.2f}"
        seeds = str(done) if done == wanted else f"{done} of {wanted}"
        difference = "" if line.difference is None else f"{line.difference:+.2f}"
        p = "" if line.p is None else "<0.001" if line.p < 0.001 else f"{line.p:.3f}"
        grid.append([line.row.title, f1, seeds, difference, p, *([str(line.paper or "")] if paper else [])])
    return grid
