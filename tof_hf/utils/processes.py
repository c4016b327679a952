"""The processes of a distributed launch: which one writes, and how they wait for each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from tof_hf.errors import TofError

if TYPE_CHECKING:
    from accelerate import PartialState

T = TypeVar("T")


def is_main_process() -> bool:
    """Whether this process writes and logs: rank 0 of a torchrun or accelerate launch, or the only process."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def process_number() -> tuple[int, int]:
    """The number of this process among those of a launch, from 0, and how many there are."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def barrier() -> None:
    """Wait for all processes of a launch, so that all find what the main one wrote."""
    if _launched():
        _state().wait_for_everyone()


def of_all_processes(value: T) -> list[T]:
    """The values of all processes of a launch; all processes have to call this together."""
    if not _launched():
        return [value]
    from accelerate.utils import gather_object

    _state()  # gather_object needs it
    return gather_object([value])


@contextmanager
def main_process_first() -> Iterator[None]:
    """Run the block in the main process, then in the others, which find its cached files.

    The others also run it if it fails in the main process, so that they end with the same error, not with a broken
    connection.
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
    """Mark errors in the other processes of a launch as reported by the main process, which raises the same ones."""
    try:
        yield
    except TofError as problem:
        problem.reported_by_main = not is_main_process()
        raise


def _launched() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _state() -> PartialState:
    import torch
    from accelerate import PartialState

    # Without cpu=True every process of a CPU launch would think it is the only one.
    return PartialState(cpu=not torch.cuda.is_available())
