"""Files and folders that change in one step: a killed process leaves the old one or the new one.

A new file is first written under a temporary name that nobody else has. A link stays a link, and its target is
replaced. A device, a pipe or a socket is never replaced: the text goes into it.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEMPORARY = ".tof-tmp-"  # how the names of all temporary files and folders begin


def is_stream(path: Path) -> bool:
    """Whether a path is no file that could be replaced, but a device, a pipe, a socket, or one of /dev and /proc."""
    parent = Path(os.path.realpath(path.parent))
    if parent == Path("/dev") or parent.is_relative_to("/proc"):
        return True  # /dev/stdout may lead to a regular file, which the shell has opened already
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Inside, an empty temporary file to fill. Then it takes the place of `path`; after an error it is removed."""
    if is_stream(path):
        with tempfile.TemporaryDirectory(prefix=TEMPORARY) as folder:
            part = Path(folder) / "part"
            part.touch()
            yield part
            with part.open("rb") as source, path.open("ab") as stream:
                shutil.copyfileobj(source, stream)
        return
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    part = _temporary(target.parent)
    part.touch(exist_ok=False)
    try:
        yield part
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Inside, an empty folder in `parent`, to fill and then move to its place. What is left of it is removed."""
    folder = _temporary(parent)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_folder(part: Path, folder: Path) -> None:
    """Put a finished folder in place of an older one, all of whose files its caller knows."""
    try:
        part.replace(folder)  # nothing is there, or an empty folder
    except OSError:
        with temporary_folder(folder.parent) as beside:
            folder.replace(beside / "old")
            try:
                part.replace(folder)
            except OSError:
                (beside / "old").replace(folder)
                raise


def _temporary(parent: Path) -> Path:
    """A name of its own. Not `mkstemp` or `mkdtemp`: what they make can be read by its owner alone."""
    return parent / f"{TEMPORARY}{secrets.token_hex(8)}"


def write_text(path: Path, text: str) -> None:
    """Write a whole file, and its folder if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any | None:
    """The value in the file, or None if there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def read_whole_json(path: Path) -> Any | None:
    """The value in the file; None if it is missing or damaged."""
    try:
        return read_json(path)
    except ValueError:
        return None
