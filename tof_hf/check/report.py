"""What a check found, as plain values and as text: findings that need attention, and facts."""

import dataclasses
import textwrap
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from tabulate import tabulate

from tof_hf.data.readers.read import FileKind
from tof_hf.run.findings import Finding as Finding
from tof_hf.run.findings import Level
from tof_hf.run.record import OverlapRecord
from tof_hf.utils.templates import templates

WIDTH = 120
Kind = Literal["mlm", "mrc", "ner"]
Side = Literal["source", "target"]


@dataclass(frozen=True)
class FileFacts:
    """A data file as it was read.

    Attributes:
        understood: how it was read.
        first: its first row as it was read.
        entities: entities of each type; None for unlabelled text and questions.
        answers: answer spans, of questions only.
    """

    option: str
    path: str
    kind: FileKind
    understood: str
    first: str
    rows: int
    words: int | None
    entities: dict[str, int] | None
    answers: int | None


@dataclass
class LanguageFacts:
    """What the tokenizer makes of one side's sentences.

    Attributes:
        sentences: how many were tokenized, drawn from `of` if there are more.
        lost_words: words that become no piece at all.
        unknown_share: the share of unknown pieces, 0 to 1.
        over_window: sentences longer than the window of each stage that reads them.
        sentence_words: words that look like whole sentences, and how often each occurs.
    """

    side: Side
    sentences: int
    of: int
    words: int = 0
    pieces: int = 0
    lost_words: int = 0
    unknown_share: float = 0.0
    over_window: dict[str, int] = field(default_factory=dict)
    sentence_words: Counter[str] = field(default_factory=Counter)

    @property
    def pieces_per_word(self) -> float:
        """Mean number of pieces of a word."""
        return self.pieces / max(1, self.words)


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


@dataclass(frozen=True)
class DiskFacts:
    """Bytes that a run takes at `place`, and those free there.

    In output_dir they are for the stages to train, one stage's Trainer checkpoints and final/; in the cache of
    datasets for encoded rows.
    """

    place: str
    needed: int
    free: int


@dataclass(frozen=True)
class MemoryFacts:
    """Bytes that a process needs to train the largest stage, and those `available` to it on `device`.

    Attributes:
        states: of weights, and of the gradients and Adam's two states of those that are trained.
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

    @property
    def needed(self) -> int:
        """All of it."""
        return self.states + self.activations


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
    cache: DiskFacts | None = None
    memory: MemoryFacts | None = None

    def of_level(self, level: Level) -> list[Finding]:
        """The findings of one level.

        Args:
            level: `error`, `warning` or `note`.

        Returns:
            The findings in the order of the report.

        Example:
            >>> [finding.subject for finding in report.of_level("error")]
            ['source.train']
        """
        return [finding for finding in self.findings if finding.level == level]

    @property
    def exit_status(self) -> int:
        """0, or 2 if there is an error."""
        return 2 if self.of_level("error") else 0

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON knows it.

        Returns:
            The attributes of the report with `exit_status`: 0, or 2 if there is an error.

        Example:
            >>> json.dumps(report.as_dict())
        """
        overlaps = [one.model_dump() for one in self.overlaps]
        return {"exit_status": self.exit_status} | dataclasses.asdict(self) | {"overlaps": overlaps}

    def as_text(self) -> str:
        """The report for people.

        Returns:
            Lines of at most 120 characters: what to do first, then the facts.

        Example:
            >>> print(check_file("es.yaml").as_text())
        """
        pages = templates("tof_hf.check", "text")
        pages.filters |= {"duration": _duration, "short": _short, "size": size, "table": _table, "wrapped": _wrapped}
        minutes = [stage.minutes for stage in self.stages if stage.minutes is not None]
        template = pages.get_template("report.txt.jinja")
        return template.render(report=self, minutes=sum(minutes) if minutes else None).removesuffix("\n")


def _wrapped(finding: Finding) -> str:
    found, fix = finding.found.removesuffix("."), finding.fix.removesuffix(".")
    end = f". What to do: {fix}{':' if finding.lines else '.'}" if fix else "" if found.endswith("?") else "."
    text = f"{finding.level:8} {finding.subject}: {found}{end}"
    text = textwrap.fill(text, WIDTH, subsequent_indent=" " * 9, break_long_words=False, break_on_hyphens=False)
    return "\n".join([text, *(" " * 9 + line for line in finding.lines.splitlines())])


def _table(text: str, align: str) -> str:
    """Lines of cells with tabs between them, as a table under the first of them."""
    rows = [line.split("\t") for line in text.splitlines()]
    table = tabulate(rows, "firstrow", tablefmt="plain", colalign=align.split(), disable_numparse=True)
    return "\n".join(line.rstrip() for line in table.splitlines()) + "\n"


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
