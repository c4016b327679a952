"""Failures of the machine during a stage, as errors that say what to do."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError

from tof_hf.errors import TofError

_AGAIN = "then start the same run again: finished stages are reused, this one goes on from its last saved epoch"


# The last two are what torch says when a file could not be written to its end.
_FULL = ("No space left on device", "os error 28", "PytorchStreamWriter failed", "inline_container.cc")


class RunError(TofError):
    """The machine stopped a run that was right; what was finished stays."""


@contextmanager
def failures_of_the_machine(folder: Path) -> Iterator[None]:
    """Inside, a full disk, a folder that may not be written to and a lack of memory become a RunError."""
    try:
        yield
    except torch.OutOfMemoryError as problem:
        raise RunError(
            f"{folder.name}: the device has too little memory ({str(problem).splitlines()[0]}). What to do: lower "
            f"per_device_train_batch_size and raise gradient_accumulation_steps as much, {_AGAIN}."
        ) from problem
    except (OSError, RuntimeError, SafetensorError) as problem:
        reason = _reason(problem, folder)
        if reason is None:
            raise
        raise RunError(f"{folder.name}: {reason}, {_AGAIN}.") from problem


def _reason(problem: BaseException, folder: Path) -> str | None:
    """Which failure of the machine it is; libraries that write files wrap the system's error in their own."""
    code = problem.errno if isinstance(problem, OSError) else None
    text = str(problem)
    if code in (errno.ENOSPC, errno.EDQUOT) or any(words in text for words in _FULL):
        free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
        return f"the disk of {folder.parent} is full ({free / 2**20:,.0f} MiB free). What to do: make room there"
    if code in (errno.EROFS, errno.EACCES, errno.EPERM) or "Read-only file system" in text:
        return f"nothing can be written to {folder.parent}. What to do: give the folder back to this user"
    return None
