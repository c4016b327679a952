"""The report for people: what has to be done first, the facts below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from tabulate import tabulate

from tof_hf.check.report import FileFacts, LanguageFacts, Report, StageFacts
from tof_hf.check.resources import size
from tof_hf.run.findings import Finding

WIDTH = 120


def screen(report: Report) -> str:
    """The report as text, 120 characters wide."""
    parts = [_head(report), *(_finding(finding) for finding in report.findings)]
    if report.files:
        parts += ["", _table([_FILES, *(_file_row(file) for file in report.files)], left={0, 3, 4})]
    if report.languages:
        parts += ["", _table([_LANGUAGES, *(_language_row(side) for side in report.languages)], left={0, 5})]
    if report.stages:
        parts += ["", _table([_STAGES, *(_stage_row(stage) for stage in report.stages)], left={0, 1, 5})]
    return "\n".join([*parts, "", *_needs(report), _machine(report)])


def _head(report: Report) -> str:
    counts = [(len(report.of_level(level)), level) for level in ("error", "warning", "note")]
    told = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for count, level in counts)
    return f"{report.config}: {told}" if report.config else told


def _finding(finding: Finding) -> str:
    found, fix = finding.found.removesuffix("."), finding.fix.removesuffix(".")
    end = f". What to do: {fix}." if fix else "" if found.endswith("?") else "."
    text = f"{finding.level:8} {finding.subject}: {found}{end}"
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * 9, break_long_words=False, break_on_hyphens=False)


_FILES = ["data", "rows", "words", "columns", "entities"]


def _file_row(file: FileFacts) -> list[str]:
    inside = "raw text"
    if file.answers is not None:
        inside = f"{file.answers:,} answers"
    if file.entities is not None:
        inside = ", ".join(f"{kind} {count:,}" for kind, count in file.entities.items())
    words = "" if file.words is None else f"{file.words:,}"
    return [file.option, f"{file.rows:,}", words, _short(" ".join(file.columns), 24), _short(inside, 50)]


_LANGUAGES = ["tokenizer", "sentences", "pieces a word", "words lost", "unknown", "over the window"]


def _language_row(side: LanguageFacts) -> list[str]:
    over = ", ".join(f"{name} {count:,}" for name, count in side.over_window.items())
    sentences = f"{side.sentences:,}" if side.sentences == side.of else f"{side.sentences:,} of {side.of:,}"
    unknown = f"{100 * side.unknown_share:.2f} %"
    return [side.side, sentences, f"{side.pieces_per_word:.2f}", f"{side.lost_words:,}", unknown, over]


_STAGES = ["stage", "plan", "windows", "steps", "minutes", "rows"]


def _stage_row(stage: StageFacts) -> list[str]:
    about = "~" if stage.foreseen else ""
    minutes = "" if stage.minutes is None else f"{about}{_minutes(stage.minutes)}"
    rows = ", ".join(f"{count:,} {what}" for what, count in stage.rows.items())
    return [
        _short(stage.name, 44), stage.action, f"{about}{stage.windows:,}", f"{about}{stage.steps:,}", minutes,
        _short(rows, 50),
    ]  # fmt: skip


def _minutes(minutes: float) -> str:
    return f"{minutes:,.1f}" if minutes >= 0.05 else "<0.1"


def _needs(report: Report) -> list[str]:
    lines = []
    minutes = [stage.minutes for stage in report.stages if stage.minutes is not None]
    if minutes:
        lines.append(f"time     {_duration(sum(minutes))} of training; labelling and scoring come on top")
    if disk := report.disk:
        lines.append(f"disk     {size(disk.needed)} at most, {size(disk.free)} free in {disk.place}")
    if memory := report.memory:
        peak = "" if memory.measured_peak is None else f" ({size(memory.measured_peak)} measured)"
        lines.append(
            f"memory   roughly {size(memory.states + memory.activations)}{peak} for {memory.parameters / 1e6:,.1f} "
            f"million parameters and a batch, {size(memory.available)} free on {memory.device}"
        )
    return lines


def _duration(minutes: float) -> str:
    if minutes < 0.05:
        return "less than 0.1 minutes"
    return f"about {minutes:.1f} minutes" if minutes < 90 else f"about {minutes / 60:.1f} hours"


def _machine(report: Report) -> str:
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    bf16 = "bfloat16" if machine.bf16 else "no bfloat16"
    processes = "1 process" if machine.processes == 1 else f"{machine.processes} processes"
    return f"machine  {'; '.join(machine.devices)}, {bf16}, {processes}\nversions {versions}"


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _table(lines: Sequence[Sequence[str]], *, left: set[int]) -> str:
    """The lines as columns; those in `left` are left-aligned, the others right-aligned."""
    header, *rows = lines
    align = ["left" if number in left else "right" for number in range(len(header))]
    table = tabulate(rows, header, tablefmt="plain", colalign=align, disable_numparse=True)
    return "\n".join(line.rstrip() for line in table.splitlines())
