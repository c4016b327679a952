"""The processes of a launch: which one writes, and how they wait for each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tof_hf.errors import TofError


def is_main_process() -> bool:
    """True in the process that writes and speaks (rank 0 of a torchrun or accelerate launch)."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def barrier() -> None:
    """Wait for all processes of a launch, so that what the first one wrote is there for all."""
    if _launched():
        _state().wait_for_everyone()


def of_all_processes(value: Any) -> list[Any]:
    """The values of all processes of a launch; each has to give one."""
    if not _launched():
        return [value]
    from accelerate.utils import gather_object

    _state()  # gather_object needs it
    return gather_object([value])


@contextmanager
def main_process_first() -> Iterator[None]:
    """Run the block in the main process, then in the others, which find its cached files.

    The others also get their turn if the block fails in the first: they meet the same error and end with it, instead
    of with a broken connection.
    """
    if not is_main_process():
        barrier()
    try:
        with same_in_all_processes():
            yield
    finally:
        if is_main_process():
            barrier()


@contextmanager
def same_in_all_processes() -> Iterator[None]:
    """Inside, every process of a launch meets the same errors: the main one reports them for all."""
    try:
        yield
    except TofError as problem:
        problem.told_by_main = not is_main_process()
        raise


def _launched() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _state() -> Any:
    import torch
    from accelerate import PartialState

    # Without cpu=True every process of a CPU launch would believe that it is alone.
    return PartialState(cpu=not torch.cuda.is_available())
