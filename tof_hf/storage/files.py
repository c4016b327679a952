"""Files and folders that are replaced in one step: if the process is killed, either the old or the new one is there.

A new file is first written under a unique temporary name. A symbolic link stays, and its target is replaced. A device,
pipe or socket is never replaced: the text is written to it.
"""

import ctypes
import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tof_hf.utils.outside import read_json_file

TEMPORARY = ".tof-tmp-"  # the names of all temporary files and folders start with it
_NO_FOLDER, _RENAME_EXCHANGE = -100, 2  # of Linux: names are not relative to an open folder; exchange them


def is_stream(path: Path) -> bool:
    """Whether the path cannot be replaced: a device, a pipe, a socket, or anything in /dev or /proc."""
    for _ in range(40):  # as many links as Linux follows
        parent = Path(os.path.realpath(path.parent))
        if parent == Path("/dev") or parent.is_relative_to("/proc"):
            return True  # /dev/stdout may point to a regular file that the shell has already opened
        if not path.is_symlink():
            break
        path = parent / path.readlink()
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield an empty temporary file to fill. It then replaces `path`; after an error it is removed."""
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
            if hasattr(os, "chown"):
                with suppress(OSError):  # only root may give files away
                    os.chown(part, target.stat().st_uid, target.stat().st_gid)
            shutil.copymode(target, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yield an empty folder in `parent`, to fill and move to its place. If it was not moved, it is removed."""
    folder = _temporary(parent)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_folder(part: Path, folder: Path) -> None:
    """Replace `folder` by the finished folder `part`. The old folder is removed with everything in it.

    Linux exchanges both in one step. Elsewhere, and on file systems that cannot, there is none for a moment.
    """
    try:
        part.replace(folder)  # nothing is there, or an empty folder
    except OSError:
        if _exchange(part, folder):
            shutil.rmtree(part)
            return
        with temporary_folder(folder.parent) as aside:
            folder.replace(aside / "old")
            try:
                part.replace(folder)
            except OSError:
                (aside / "old").replace(folder)
                raise


def _exchange(one: Path, other: Path) -> bool:
    """Give each of two folders the name of the other in one step. False if that is not possible here."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    if rename is None or other.is_symlink() or not other.is_dir():
        return False
    sys.audit("os.rename", str(one), str(other), -1, -1)  # as os.rename does
    names = os.fsencode(one.absolute()), os.fsencode(other.absolute())
    return bool(rename(_NO_FOLDER, names[0], _NO_FOLDER, names[1], ctypes.c_uint(_RENAME_EXCHANGE)) == 0)


def remove_temporary(folder: Path) -> None:
    """Remove the temporary files in a folder, which a killed process left there."""
    for found in folder.glob(f"{TEMPORARY}*"):
        shutil.rmtree(found) if found.is_dir() and not found.is_symlink() else found.unlink()


def _temporary(parent: Path) -> Path:
    """An unused name. Not `mkstemp` or `mkdtemp`: only the owner could read what they make."""
    return parent / f"{TEMPORARY}{secrets.token_hex(8)}"


def write_text(path: Path, text: str) -> None:
    """Write a whole file in one step; creates its folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, in one step."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """The value as readable JSON, with a newline at the end."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def read_json(path: Path) -> Any | None:
    """The value in the file; None if there is no such file."""
    return read_json_file(path) if path.is_file() else None


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in the file; None if it is missing, damaged or another value."""
    try:
        value = read_json(path)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
