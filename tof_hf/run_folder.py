"""The folder of a run: what is written where, in one step each, and only by the first process."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tof_hf.errors import TofError

logger = logging.getLogger("tof_hf")


def is_main_process() -> bool:
    """True in the process that writes and speaks (rank 0 of a torchrun or accelerate launch)."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def say(line: str) -> None:
    """One line of progress, from the main process alone."""
    if is_main_process():
        logger.info(line)


def warn(line: str) -> None:
    """One line of warning, from the main process alone."""
    if is_main_process():
        logger.warning(line)


def write_text(path: Path, text: str) -> None:
    """Write all or nothing: a killed run leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, all or nothing."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any | None:
    """The value in the file, or None if there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def read_whole_json(path: Path) -> Any | None:
    """The value in the file; None if it is missing or torn, so that it is made again."""
    try:
        return read_json(path)
    except ValueError:
        return None


def replace_folder(part: Path, folder: Path) -> None:
    """Put a finished folder in its place; whatever stood there goes."""
    if folder.exists():
        shutil.rmtree(folder)
    part.replace(folder)


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
