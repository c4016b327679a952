"""What somebody has to read before a run, or beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from tof_hf.errors import DataError, TofError

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """`found` is what stands there, `fix` what to do about it (may be empty), `subject` an option of the run file.

    With an `error` a run would not start, or must not; a `warning` is worth a look; a `note` only tells.
    """

    level: Level
    subject: str
    found: str
    fix: str = ""

    @classmethod
    def of(cls, subject: str, error: TofError) -> Self:
        """The error as a finding."""
        if not isinstance(error, DataError):
            return cls("error", subject, str(error))
        place = ":".join(str(part) for part in (error.path, error.line) if part is not None)
        return cls("error", subject, f"{place}: {error.found}" if place else error.found, error.fix)
