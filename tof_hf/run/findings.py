"""Problems found before or during a run."""

from dataclasses import dataclass
from typing import Literal, Self

from tof_hf.errors import DataError, TofError

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """A problem: what was `found`, how to `fix` it (may be empty), and the `subject`, an option of the run file.

    `lines` of a run file, to paste, would fix it. An `error` keeps a run from starting; a `warning` should be looked
    into; a `note` only informs.
    """

    level: Level
    subject: str
    found: str
    fix: str = ""
    lines: str = ""

    @classmethod
    def of(cls, subject: str, error: TofError) -> Self:
        """The error as a finding."""
        if not isinstance(error, DataError):
            return cls("error", subject, str(error))
        place = ":".join(str(part) for part in (error.path, error.line) if part is not None)
        return cls("error", subject, f"{place}: {error.found}" if place else error.found, error.fix)
