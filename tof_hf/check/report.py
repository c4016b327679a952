"""What a check found, as plain values: findings that somebody has to read, and facts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from tof_hf.run.findings import Finding, Level
from tof_hf.run.record import OverlapRecord


@dataclass(frozen=True)
class FileFacts:
    """A data file as it was read: names of its columns (numbers in column files), rows, words, what is in it.

    `entities`: entities of each type, None for unlabelled text and questions; `answers`: spans, of questions alone.
    """

    option: str
    path: str
    kind: Literal["ner", "text", "mrc"]
    columns: tuple[str, ...]
    rows: int
    words: int | None
    entities: dict[str, int] | None
    answers: int | None


@dataclass(frozen=True)
class LanguageFacts:
    """What the tokenizer makes of one side's sentences; shares are 0..1.

    `lost_words` become no piece at all. `over_window`: sentences longer than the window of each stage that reads them.
    `sentences` are those looked at, drawn from `of` if there are more.
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


@dataclass(frozen=True)
class StageFacts:
    """A stage of the plan. `foreseen`: its rows are stand-ins for labels that do not exist yet, so numbers are rough.

    `minutes` are those of training and of choosing the best epoch; None if nothing was measured or has to be trained.
    """

    name: str
    kind: Literal["mlm", "mrc", "ner"]
    systems: tuple[str, ...]
    action: Literal["reuse", "resume", "run"]
    why: str
    rows: dict[str, int]
    windows: int
    steps: int
    minutes: float | None
    foreseen: bool


@dataclass(frozen=True)
class DiskFacts:
    """Bytes that the stages to train, one stage's Trainer checkpoints and final/ take, and those free at `place`."""

    place: str
    needed: int
    free: int


@dataclass(frozen=True)
class MemoryFacts:
    """Bytes a process needs to train the largest stage: weights, gradients, Adam's states; and, roughly, activations.

    `available` is what a process can have of `device`. `measured_peak`: in the timed steps, on GPUs alone.
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
    """Versions of the packages, devices by name, bfloat16 in hardware, processes of this launch."""

    versions: dict[str, str]
    devices: tuple[str, ...]
    bf16: bool
    processes: int


@dataclass(frozen=True)
class Report:
    """All findings, the worst first, and all facts; what could not be looked at because of an error is empty."""

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
