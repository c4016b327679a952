"""The errors this package raises for input it cannot use; all of them are `TofError`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path


class TofError(ValueError):
    """Base class of all errors for bad input: catch it to show the message without a traceback.

    Attributes:
        reported_by_main: True in the other processes of a launch, where the main process reports the same error.
    """

    reported_by_main = False


class DataError(TofError):
    """Data that cannot be read.

    Attributes:
        found: what is wrong.
        fix: what to change.
        path: the file; None if there is none.
        line: the line in it, from 1; None if there is none.
    """

    def __init__(
        self, found: str, *, fix: str, path: str | PathLike[str] | None = None, line: int | None = None
    ) -> None:
        self.found = found
        self.fix = fix
        self.path = None if path is None else Path(path)
        self.line = line
        place = [str(part) for part in (path, line) if part is not None]
        prefix = ":".join(place) + ": " if place else ""
        super().__init__(
            f"{prefix}found {_cut(found, 1_000).removesuffix('.')}. What to do: {_cut(fix, 1_000).removesuffix('.')}."
        )

    def __reduce__(self) -> tuple[Callable[..., DataError], tuple[str, str, Path | None, int | None]]:
        # By default only the message is pickled, so an error from a worker process would lose its path and line.
        return (_rebuild_data_error, (self.found, self.fix, self.path, self.line))


def _rebuild_data_error(found: str, fix: str, path: Path | None, line: int | None) -> DataError:
    return DataError(found, fix=fix, path=path, line=line)


@contextmanager
def as_data_error(
    found: str, *kinds: type[Exception], fix: str, path: str | PathLike[str] | None = None, line: int | None = None
) -> Iterator[None]:
    """Turns exceptions of these kinds into a DataError, with their text after `found`.

    Without kinds it is a door for content from outside, for which libraries raise whatever it leads to: everything
    becomes a DataError, except our own errors.
    """
    caught = kinds or (Exception,)
    try:
        yield
    except caught as error:
        if not kinds and isinstance(error, TofError):
            raise
        line = line or getattr(error, "lineno", None)  # of JSON
        raise DataError(f"{found} ({reason_of(error)}).", fix=fix, path=path, line=line) from error


def reason_of(error: BaseException) -> str:
    """The text of another package's error, in one line of bounded length."""
    text = " ".join(str(error).split())
    if not text or not isinstance(error, (OSError, ValueError, RuntimeError)):
        text = f"{type(error).__name__}: {text}".removesuffix(": ")
    return _cut(text, 500)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length // 2]} ... {text[-length // 2 :]}"


class ConfigError(TofError):
    """A configuration that cannot be used."""


class ModelError(TofError):
    """A checkpoint or model that cannot be used."""


class TargetLabelLeak(TofError):
    """The target's gold labels were about to be used in training or model selection."""


class RunError(TofError):
    """The machine failed during a run, for example without disk space. Finished stages and saved epochs stay."""
