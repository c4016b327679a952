"""What a release is: its files, what must be found in them, and the terms under which it may be shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tof_hf.errors import TofError

if TYPE_CHECKING:  # large packages load only when something is converted, so that --help is fast
    from datasets import Dataset

UNITS = ("sentences", "tokens", "entities", "questions", "kept", "pairs")


@dataclass(frozen=True, eq=False)
class RawFile:
    """A file of the release: which split of which configuration it becomes, and what must be found in it.

    `names`: where it may lie under the folder, also with .gz behind it. `expected`: counts, empty if nobody counted.
    `paper`: the size in Table 5 of the paper. `options`: for the reader, such as label_map.
    """

    config: str
    split: str
    names: tuple[str, ...]
    expected: Mapping[str, int] = field(default_factory=dict)
    paper: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """How files become rows: `read` gives the rows of a file and its counts, `how` is the sentence for the card."""

    category: str
    read: Callable[[Path, RawFile], tuple[Dataset, dict[str, int]]]
    how: str


@dataclass(frozen=True)
class Licence:
    """Terms of use: `hub_id` as the Hub names them, `may_share` whether others may publish a copy, and `why`."""

    name: str
    url: str
    why: str
    hub_id: str = "other"
    may_share: bool = False


CC_BY_SA_4 = Licence(
    "CC BY-SA 4.0",
    "https://creativecommons.org/licenses/by-sa/4.0/",
    "Copies and changed versions may be published under the same licence if the authors and the changes are named.",
    hub_id="cc-by-sa-4.0",
    may_share=True,
)


@dataclass(frozen=True)
class Release:
    """A data set as its owners release it; `notes` go into the card, one bullet point each."""

    title: str
    url: str
    licence: Licence
    languages: tuple[str, ...]
    task: Task
    files: tuple[RawFile, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Converted:
    """A converted file: where it was found, its counts, and what the comparison with the expected ones says."""

    file: RawFile
    raw: Path
    found: Mapping[str, int]

    @property
    def verdict(self) -> str:
        """Says ok, differs or, without expected counts, not verified."""
        if not self.file.expected:
            return "not verified"
        return "ok" if self.file.expected.items() <= self.found.items() else "differs"


def entities(sentences: int, tokens: int, types: Mapping[str, int]) -> dict[str, int]:
    """The counts of a labelled file from its entities per type."""
    return {"sentences": sentences, "tokens": tokens, "entities": sum(types.values()), **types}


def check_may_share(release: Release) -> None:
    """Raises `TofError` if the terms of the data set do not let others publish a copy of it."""
    if not release.licence.may_share:
        raise TofError(
            f"{release.title} cannot be published by this script ({release.licence.name}): {release.licence.why} "
            "What to do: leave --push-to-hub out and load the folder from your own disk. Others get the same rows from "
            "their own copy of the release with this script; the sha256 sums in the card show whether it is the same."
        )


def shown(counts: Mapping[str, int]) -> str:
    """Counts for people: `2 sentences, 9 tokens, 3 entities (LOC 1, PER 2)`."""
    types = ", ".join(f"{key} {number:,}" for key, number in counts.items() if key not in UNITS)
    units = ", ".join(f"{counts[unit]:,} {unit}" for unit in UNITS if unit in counts)
    return f"{units} ({types})" if types else units
