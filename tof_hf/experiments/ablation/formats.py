"""The tables as Markdown, CSV, LaTeX and JSON; all four say the same."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import Any

from tof_hf.algorithm.recipe import LANGUAGES
from tof_hf.experiments.ablation.rows import SWAPPED, TITLES
from tof_hf.experiments.ablation.table import Line, Results
from tof_hf.storage.files import write_json, write_text
from tof_hf.utils.devices import device_names
from tof_hf.utils.markdown import as_table, cell
from tof_hf.utils.versions import versions

_PLACES = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_PLACES |= {character: f"\\{character}" for character in "&%$#_"}
_PLACES |= {"±": r"$\pm$", "→": r"$\rightarrow$", "−": "$-$", "<": "$<$", ">": "$>$", "|": r"\textbar{}"}


def write(results: Results) -> None:
    """Write OUT/table.md, table.csv, table.tex and table.json."""
    out = results.ablation.out
    write_text(out / "table.md", markdown(results))
    write_text(out / "table.csv", comma_separated(results))
    write_text(out / "table.tex", latex(results))
    write_json(out / "table.json", as_json(results))


def markdown(results: Results, *, level: int = 2) -> str:
    """A headed table for each table of the paper, and under them what the columns are; `level` of the headings."""
    parts = []
    for table, lines in results.tables.items():
        parts.append(f"{'#' * level} {TITLES[table]}\n\n{as_table(_grid(lines, results))}")
    return "\n\n".join([*parts, "\n".join(f"- {cell(note)}" for note in notes(results))]) + "\n"


def latex(results: Results) -> str:
    """A `tabular` for each table, which needs no package."""
    parts = []
    for table, lines in results.tables.items():
        grid = _grid(lines, results)
        first, *others = [" & ".join(map(escaped, row)) + r" \\" for row in grid]
        begin = rf"\begin{{tabular}}{{l{'r' * (len(grid[0]) - 1)}}}"
        body = [begin, r"\hline", first, r"\hline", *others, r"\hline", r"\end{tabular}"]
        parts.append("\n".join([f"% {TITLES[table]}", *body]))
    told = (" ".join(note.split()) for note in notes(results))  # a comment ends with its line
    return "\n\n".join([*parts, "\n".join(f"% {note}" for note in told)]) + "\n"


def comma_separated(results: Results) -> str:
    """One line a row, numbers in full; a column for each seed."""
    text = io.StringIO()
    seeds = results.ablation.seeds
    writer = csv.writer(text, lineterminator="\n")
    names = ["table", "row", "title", "system", "options", "mean_f1", "sd", "seeds_done", "seeds", "baseline"]
    names += ["difference", "p_better", "p_worse", "paper_f1", "paper_sd", "paper_change", "error"]
    writer.writerow([*names, *(f"f1_seed_{seed}" for seed in seeds)])
    for line in results.lines:
        row, paper = line.row, line.paper
        told = [row.table or "", row.name, row.title, row.system, " ".join(row.set), line.mean, line.deviation]
        told += [len(line.scores), len(seeds), line.baseline, line.difference, line.p_better, line.p_worse]
        told += [paper and paper.f1, paper and paper.deviation, paper and paper.change, line.error]
        writer.writerow([*told, *(line.scores.get(seed) for seed in seeds)])
    return text.getvalue()


def as_json(results: Results) -> dict[str, Any]:
    """Everything, with how it was made."""
    ablation = results.ablation
    return {
        "target": ablation.target,
        "split": ablation.split,
        "seeds": list(ablation.seeds),
        "options": list(ablation.overrides),
        "benchmark": results.benchmark,
        "bootstrap_samples": results.samples,
        "versions": versions(),
        "rows": [
            asdict(line) | {"paper": line.paper and asdict(line.paper), "seeds_done": len(line.scores)}
            for line in results.lines
        ],
        "left_out": [{"table": row.table, "name": row.name, "why": why} for row, why in ablation.left_out],
        "notes": notes(results),
    }


def notes(results: Results) -> list[str]:
    """What the columns are, and what a reader must know of them."""
    ablation = results.ablation
    seeds = ", ".join(map(str, ablation.seeds))
    where = f"the gold of the target ({ablation.target})" if ablation.split == "target" else "source validation data"
    told = [f"F1: whole entities, in percent, on {where}; mean ± sample standard deviation over the seeds {seeds}."]
    partial = [line.row.name for line in results.lines if len(line.scores) < len(ablation.seeds)]
    if partial:
        told.append(f"Not all seeds are there yet for {', '.join(dict.fromkeys(partial))}.")
    bases = {TITLES[table]: base for table, lines in results.tables.items() if (base := _baseline(lines))}
    if bases:
        differences = "; ".join(f"{base} in {title.partition(':')[0]}" for title, base in bases.items())
        told.append(f"Difference: to {differences}, over the seeds that both have.")
        told.append(
            f"p: paired bootstrap over sentences ({results.samples:,} samples), one-sided: that the row is no better "
            "than that baseline, or no worse for rows that leave something out or change the order."
        )
    told += [
        f"No difference for {line.row.title}: it is scored on other sentences or entity types than {line.baseline}."
        for line in results.lines
        if not line.comparable
    ]
    if ablation.fixed_seeds:
        told.append(f"The seed of {', '.join(ablation.fixed_seeds)} stands in the config: it is the same in all runs.")
    if _has_paper(results):
        told.append(_about_the_paper(results))
    known = versions()
    tools = ", ".join(f"{name} {known[name]}" for name in ("tof_hf", "torch", "transformers"))
    told.append(f"Tables written by {tools} on {', '.join(device_names())}.")
    told += [f"Left out: {row.title}: {why}." for row, why in ablation.left_out]
    told += [f"Failed: {line.row.title}: {line.error}" for line in results.lines if line.error]
    return told


def _about_the_paper(results: Results) -> str:
    encoder = "multilingual BERT" if results.benchmark in LANGUAGES else "English BERT-base"
    known = [line for line in results.lines if line.paper is not None]
    swapped = any(line.row.name.startswith(SWAPPED) for line in known)
    encoder += " (SpanBERT-base in the rows that name it)" if swapped else ""
    changes = "; with a sign the change against MRC-enhancing" if any(line.paper.f1 is None for line in known) else ""
    return f"Paper: F1 of Zhang et al. (2021) on {results.benchmark}, all data, {encoder}{changes}."


def _baseline(lines: list[Line]) -> str | None:
    return next((line.baseline for line in lines if line.difference is not None), None)


def _has_paper(results: Results) -> bool:
    return any(line.paper is not None for line in results.lines)


def _grid(lines: list[Line], results: Results) -> list[list[str]]:
    """The cells of a table, its header first."""
    header = ["row", "F1", "seeds", "difference", "p", *(["paper"] if _has_paper(results) else [])]
    return [header, *(_cells(line, results) for line in lines)]


def _cells(line: Line, results: Results) -> list[str]:
    done, wanted = len(line.scores), len(results.ablation.seeds)
    f1 = "" if line.mean is None else f"{line.mean:.2f}"
    f1 += "" if line.deviation is None else f" ± {line.deviation:.2f}"
    seeds = str(done) if done == wanted else f"{done} of {wanted}"
    difference = "" if line.difference is None else f"{line.difference:+.2f}"
    cells = [line.row.title, f1, seeds, difference, _p(line.p)]
    return [*cells, *([str(line.paper or "")] if _has_paper(results) else [])]


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def escaped(text: str) -> str:
    """The text with all that LaTeX takes for its own made plain."""
    return "".join(_PLACES.get(character, character) for character in text.replace("\n", " "))
