"""Disks that are full, and the cache of `datasets`, in which all rows are kept."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile

from tof_hf.errors import RunError

# The last two are messages of torch when it could not write a whole file.
_FULL = re.compile(
    "No space left on device|Not enough disk space|os error 28|PytorchStreamWriter failed|inline_container.cc"
)


def is_full(problem: BaseException | None) -> bool:
    """Whether a disk is full. Libraries wrap the system's errors in their own."""
    if problem is None or getattr(problem, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return problem is not None
    return bool(_FULL.search(str(problem))) or is_full(problem.__cause__)


def cache_folder() -> Path:
    """The folder of the cache of `datasets`."""
    return Path(import_module("datasets.config").HF_DATASETS_CACHE)


@contextmanager
def usable_cache() -> Iterator[None]:
    """Raise RunError if nothing can be written to the cache of `datasets`, at the start of the block or in it."""
    writable = False
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=cache_folder()):
            writable = True
        yield
    except (OSError, RuntimeError, ValueError, import_module("datasets.exceptions").DatasetsError) as problem:
        if writable and not is_full(problem):
            raise
        why = "its disk is full" if writable else getattr(problem, "strerror", problem)
        fix = "make room there, or set HF_DATASETS_CACHE to a folder that you can write to"
        raise RunError(
            f"{cache_folder()}: nothing can be written to this cache ({why}). What to do: {fix}."
        ) from problem
