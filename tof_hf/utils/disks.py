"""Disks that are full, and the cache of `datasets`, in which all rows are kept."""

from __future__ import annotations

import errno
import importlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from tof_hf.errors import RunError, TofError

# As libraries say it; the last two are messages of torch when it could not write a whole file.
_FULL = (
    "No space left on device",
    "Not enough disk space",
    "os error 28",
    "PytorchStreamWriter failed",
    "inline_container.cc",
)


def is_full(problem: BaseException) -> bool:
    """Whether a disk is full. Libraries wrap the system's errors in their own."""
    full = getattr(problem, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    return (
        full or any(words in str(problem) for words in _FULL) or bool(problem.__cause__ and is_full(problem.__cause__))
    )


def free_bytes(folder: Path) -> int:
    """The free space on the disk of a folder, which need not exist yet."""
    return shutil.disk_usage(next(place for place in (folder, *folder.absolute().parents) if place.exists())).free


def cache_folder() -> Path:
    """The folder of the cache of `datasets`."""
    return Path(importlib.import_module("datasets.config").HF_DATASETS_CACHE)


@contextmanager
def usable_cache() -> Iterator[None]:
    """Raise RunError if nothing can be written to the cache of `datasets`, or its disk is full inside the block."""
    found = f"{cache_folder()}: nothing can be written to this cache of the library datasets"
    fix = "make room there, or set HF_DATASETS_CACHE to a folder that you can write to"
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=cache_folder()):
            pass
    except OSError as problem:
        raise RunError(f"{found} ({problem.strerror}). What to do: {fix}.") from problem
    try:
        yield
    except (OSError, RuntimeError, TofError, importlib.import_module("datasets.exceptions").DatasetsError) as problem:
        if not is_full(problem):
            raise
        raise RunError(f"{found} (the disk is full). What to do: {fix}.") from problem
