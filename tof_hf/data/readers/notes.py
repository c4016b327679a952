"""What readers say about a file, in the log and to whoever collects it."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from os import PathLike

logger = logging.getLogger(__name__)


@dataclass
class Notes:
    """How files were read (`summaries`, a line each), and what should be looked into (`warnings`)."""

    summaries: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


_collected: ContextVar[Notes | None] = ContextVar("notes", default=None)


@contextmanager
def collect_notes() -> Iterator[Notes]:
    """The notes of what is read inside the block."""
    notes = Notes()
    token = _collected.set(notes)
    try:
        yield notes
    finally:
        _collected.reset(token)


def note(source: str | PathLike[str], summary: str, warnings: Iterable[str] = ()) -> None:
    """Log how a source was read, and warnings."""
    collected = _collected.get() or Notes()
    logger.info("%s: %s", source, summary)
    collected.summaries.append(summary)
    for line in warnings:
        logger.warning("%s: %s", source, line)
        collected.warnings.append(line)
