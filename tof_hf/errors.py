"""The errors this package raises for input it cannot use; all of them are `TofError`."""

from __future__ import annotations

from os import PathLike
from pathlib import Path


class TofError(ValueError):
    """Base of every error raised for bad input: catch it to show the message without a traceback.

    `told_by_main`: this process is one of several, and the main one raises and reports the same error.
    """

    told_by_main = False


class DataError(TofError):
    """Data that cannot be read: `found` says what stands there, `fix` what to change.

    `path` and `line` (1-based) name the place, when there is one.
    """

    def __init__(self, found: str, *, fix: str, path: str | PathLike[str] | None = None, line: int | None = None):
        self.found = found
        self.fix = fix
        self.path = None if path is None else Path(path)
        self.line = line
        place = [str(part) for part in (path, line) if part is not None]
        prefix = ":".join(place) + ": " if place else ""
        super().__init__(f"{prefix}found {found.removesuffix('.')}. What to do: {fix.removesuffix('.')}.")

    def __reduce__(self) -> tuple:
        # An exception is pickled by its message alone, which would lose the place on its way out of a worker.
        return (_rebuild_data_error, (self.found, self.fix, self.path, self.line))


def _rebuild_data_error(found: str, fix: str, path: Path | None, line: int | None) -> DataError:
    return DataError(found, fix=fix, path=path, line=line)


class ConfigError(TofError):
    """A run configuration that cannot be used."""


class ModelError(TofError):
    """A checkpoint or model that cannot be used."""


class TargetLabelLeak(TofError):
    """Something asked for the target's gold labels where they must not be: in training or selection."""
