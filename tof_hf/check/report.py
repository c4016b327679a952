"""What a check found, as plain values and as text: findings that need attention, and facts."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tabulate import tabulate

from tof_hf.run.findings import Finding, Level
from tof_hf.run.record import OverlapRecord

WIDTH = 120
Kind = Literal["mlm", "mrc", "ner"]
Cells = dict[str, str]  # one line of a table, by the names of the columns


@dataclass(frozen=True)
class FileFacts:
    """A data file as it was read.

    Attributes:
        columns: names of its columns; numbers in column files.
        entities: entities of each type; None for unlabelled text and questions.
        answers: answer spans, of questions only.
    """

    option: str
    path: str
    kind: Literal["ner", "text", "mrc"]
    columns: tuple[str, ...]
    rows: int
    words: int | None
    entities: dict[str, int] | None
    answers: int | None

    def cells(self) -> Cells:
        """The file in the table of files."""
        content = "raw text" if self.answers is None else f"{self.answers:,} answers"
        if self.entities is not None:
            content = ", ".join(f"{kind} {count:,}" for kind, count in self.entities.items())
        return {
            "data": self.option,
            "rows": f"{self.rows:,}",
            "words": "" if self.words is None else f"{self.words:,}",
            "columns": _short(" ".join(self.columns), 24),
            "entities": _short(content, 50),
        }


@dataclass(frozen=True)
class LanguageFacts:
    """What the tokenizer makes of one side's sentences.

    Attributes:
        sentences: how many were tokenized, drawn from `of` if there are more.
        lost_words: words that become no piece at all.
        unknown_share: the share of unknown pieces, 0 to 1.
        over_window: sentences longer than the window of each stage that reads them.
    """

    side: Literal["source", "target"]
    sentences: int
    of: int
    words: int
    pieces: int
    lost_words: int
    unknown_share: float
    over_window: dict[str, int]

    @property
    def pieces_per_word(self) -> float:
        """Mean number of pieces of a word."""
        return self.pieces / max(1, self.words)

    def cells(self) -> Cells:
        """The side in the table of the tokenizer."""
        drawn = "" if self.sentences == self.of else f" of {self.of:,}"
        return {
            "tokenizer": self.side,
            "sentences": f"{self.sentences:,}{drawn}",
            "pieces a word": f"{self.pieces_per_word:.2f}",
            "words lost": f"{self.lost_words:,}",
            "unknown": f"{100 * self.unknown_share:.2f} %",
            "over the window": ", ".join(f"{name} {count:,}" for name, count in self.over_window.items()),
        }


@dataclass(frozen=True)
class StageFacts:
    """A stage of the plan.

    Attributes:
        minutes: of training and of choosing the best epoch; None if nothing was timed or has to be trained.
        foreseen: it learns from labels that do not exist yet, so its numbers are rough.
    """

    name: str
    kind: Kind
    systems: tuple[str, ...]
    action: Literal["reuse", "resume", "run"]
    why: str
    rows: dict[str, int]
    windows: int
    steps: int
    minutes: float | None
    foreseen: bool

    def cells(self) -> Cells:
        """The stage in the table of stages."""
        about = "~" if self.foreseen else ""
        minutes = "" if self.minutes is None else f"{self.minutes:,.1f}" if self.minutes >= 0.05 else "<0.1"
        return {
            "stage": _short(self.name, 44),
            "plan": self.action,
            "windows": f"{about}{self.windows:,}",
            "steps": f"{about}{self.steps:,}",
            "minutes": minutes and f"{about}{minutes}",
            "rows": _short(", ".join(f"{count:,} {what}" for what, count in self.rows.items()), 50),
        }


@dataclass(frozen=True)
class DiskFacts:
    """Bytes that the stages to train, one stage's Trainer checkpoints and final/ take, and those free at `place`."""

    place: str
    needed: int
    free: int


@dataclass(frozen=True)
class MemoryFacts:
    """Bytes that a process needs to train the largest stage, and those `available` to it on `device`.

    Attributes:
        states: of weights, gradients and Adam's two states.
        activations: roughly, of one batch.
        measured_peak: in the timed steps, on GPUs only.
    """

    device: str
    stage: str
    parameters: int
    states: int
    activations: int
    available: int
    measured_peak: int | None


@dataclass(frozen=True)
class MachineFacts:
    """Versions of packages, devices by name, whether they compute in bfloat16, and processes of this launch."""

    versions: dict[str, str]
    devices: tuple[str, ...]
    bf16: bool
    processes: int


@dataclass(frozen=True)
class Report:
    """All findings, the worst first, and all facts; facts that an error made impossible are missing."""

    config: str
    findings: tuple[Finding, ...]
    machine: MachineFacts
    files: tuple[FileFacts, ...] = ()
    languages: tuple[LanguageFacts, ...] = ()
    overlaps: tuple[OverlapRecord, ...] = ()
    stages: tuple[StageFacts, ...] = ()
    disk: DiskFacts | None = None
    memory: MemoryFacts | None = None

    def of_level(self, level: Level) -> list[Finding]:
        """The findings of one level."""
        return [finding for finding in self.findings if finding.level == level]

    @property
    def exit_status(self) -> int:
        """0, or 2 if there is an error."""
        return 2 if self.of_level("error") else 0

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON."""
        overlaps = [one.model_dump() for one in self.overlaps]
        return {"exit_status": self.exit_status} | dataclasses.asdict(self) | {"overlaps": overlaps}

    def as_text(self) -> str:
        """The report for people, 120 characters wide: what to do first, then the facts."""
        counts = [(len(self.of_level(level)), level) for level in ("error", "warning", "note")]
        summary = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for count, level in counts)
        parts = [f"{self.config}: {summary}" if self.config else summary, *map(_finding, self.findings)]
        for facts, left in ((self.files, {0, 3, 4}), (self.languages, {0, 5}), (self.stages, {0, 1, 5})):
            if facts:
                parts += ["", _table([one.cells() for one in facts], left=left)]
        return "\n".join([*parts, "", *self._costs(), *self._machine()])

    def _costs(self) -> list[str]:
        lines = []
        minutes = [stage.minutes for stage in self.stages if stage.minutes is not None]
        if minutes:
            lines.append(f"time     {_duration(sum(minutes))} of training, and then labelling and scoring")
        if disk := self.disk:
            lines.append(f"disk     {size(disk.needed)} at most, {size(disk.free)} free in {disk.place}")
        if memory := self.memory:
            peak = "" if memory.measured_peak is None else f" ({size(memory.measured_peak)} measured)"
            lines.append(
                f"memory   roughly {size(memory.states + memory.activations)}{peak} for {memory.parameters / 1e6:,.1f} "
                f"million parameters and a batch, {size(memory.available)} free on {memory.device}"
            )
        return lines

    def _machine(self) -> list[str]:
        machine = self.machine
        bf16 = "bfloat16" if machine.bf16 else "no bfloat16"
        processes = "1 process" if machine.processes == 1 else f"{machine.processes} processes"
        versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
        return [f"machine  {'; '.join(machine.devices)}, {bf16}, {processes}", f"versions {versions}"]


def _finding(finding: Finding) -> str:
    found, fix = finding.found.removesuffix("."), finding.fix.removesuffix(".")
    end = f". What to do: {fix}." if fix else "" if found.endswith("?") else "."
    text = f"{finding.level:8} {finding.subject}: {found}{end}"
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * 9, break_long_words=False, break_on_hyphens=False)


def _table(rows: Sequence[Cells], *, left: set[int]) -> str:
    """The rows under their header; the columns in `left` are left-aligned, the others right-aligned."""
    align = ["left" if number in left else "right" for number in range(len(rows[0]))]
    table = tabulate(rows, "keys", tablefmt="plain", colalign=align, disable_numparse=True)
    return "\n".join(line.rstrip() for line in table.splitlines())


def _duration(minutes: float) -> str:
    if minutes < 0.05:
        return "less than 0.1 minutes"
    return f"about {minutes:.1f} minutes" if minutes < 90 else f"about {minutes / 60:.1f} hours"


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def size(count: float) -> str:
    """Bytes for people: 3.2 GiB."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
