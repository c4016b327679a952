"""Failures of the machine during a stage, turned into errors that say what to do."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError

from tof_hf.errors import TofError

_AGAIN = "then start the same run again: finished stages are reused, this one continues from its last saved epoch"
# The last two are messages of torch when it could not write a whole file.
_FULL = ("No space left on device", "os error 28", "PytorchStreamWriter failed", "inline_container.cc")


class RunError(TofError):
    """The machine failed during a run, for example without disk space. Finished stages and saved epochs stay."""


@contextmanager
def failures_of_the_machine(folder: Path) -> Iterator[None]:
    """Raise a RunError inside the block for a full disk, a folder that cannot be written to, or too little memory."""
    try:
        yield
    except torch.OutOfMemoryError as problem:
        raise RunError(
            f"{folder.name}: the device has too little memory ({str(problem).splitlines()[0]}). What to do: lower "
            f"per_device_train_batch_size and raise gradient_accumulation_steps by the same factor, {_AGAIN}."
        ) from problem
    except (OSError, RuntimeError, SafetensorError) as problem:
        reason = _reason(problem, folder)
        if reason is None:
            raise
        raise RunError(f"{folder.name}: {reason}, {_AGAIN}.") from problem


def _reason(problem: BaseException, folder: Path) -> str | None:
    """What failed and what to do; None if it was not the machine. Libraries wrap the system's errors in their own."""
    code = problem.errno if isinstance(problem, OSError) else None
    text = str(problem)
    if code in (errno.ENOSPC, errno.EDQUOT) or any(words in text for words in _FULL):
        free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
        return f"the disk of {folder.parent} is full ({free / 2**20:,.0f} MiB free). What to do: make room there"
    if code in (errno.EROFS, errno.EACCES, errno.EPERM) or "Read-only file system" in text:
        return f"nothing can be written to {folder.parent}. What to do: make the folder writable for this user"
    return None
