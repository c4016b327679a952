"""One run at a time in a folder: a lock that is released when its process ends, even if it is killed."""

import getpass
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from tof_hf.errors import TofError
from tof_hf.storage.files import read_object, remove_temporary, write_json
from tof_hf.storage.own_folder import OwnFolder
from tof_hf.storage.records import utc_now
from tof_hf.utils.log import warn
from tof_hf.utils.processes import is_main_process

LOCK_FILES = LOCK, SOFT_LOCK, OWNER = "run.lock", "run.softlock", "run.owner.json"


class FolderInUse(TofError):
    """Another run uses this folder."""


def lock_files(folder: Path, *others: str) -> OwnFolder:
    """The files of the lock, and others in its folder that are the library's if there is a lock."""
    return OwnFolder(Path(os.path.realpath(folder)), (*LOCK_FILES, *others), earlier={LOCK: None})


@contextmanager
def only_run_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock inside the block. In a launch of several processes the main one holds it for all.

    Raises FolderInUse, which names the other run, if it is taken, and ConfigError if files of the user's have the names
    of the lock's files. The system releases the lock of a killed process; where it has no locks, a file is the lock.
    """
    if not is_main_process():
        yield
        return
    lock_files(folder).check()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = _acquired(folder)
    except Timeout as problem:
        owner = read_object(folder / OWNER) or {}
        who = ", ".join(f"{name} {value}" for name, value in owner.items()) or "unknown"
        fix = "wait for it, stop it, or choose another output_dir."
        if (folder / SOFT_LOCK).exists():
            fix += f" If it was killed on another machine, remove {folder / SOFT_LOCK}."
        raise FolderInUse(f"{folder}: another run uses this folder ({who}). What to do: {fix}") from problem
    try:
        remove_temporary(folder)
        write_json(
            folder / OWNER,
            {
                "process": os.getpid(),
                "host": socket.gethostname(),
                "user": _user(),
                "since": utc_now(),
                "command": " ".join(sys.argv)[:200],
            },
        )
        yield
    finally:
        (folder / OWNER).unlink(missing_ok=True)
        lock.release()


def _acquired(folder: Path) -> BaseFileLock:
    """The lock of the folder, held by this process. Raises Timeout if another one holds it."""
    lock: BaseFileLock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise
    except (OSError, NotImplementedError) as problem:
        warn(f"{folder}: the system has no locks there, as on some network disks ({problem}); {SOFT_LOCK} is the lock")
        lock = SoftFileLock(folder / SOFT_LOCK)
        lock.acquire(timeout=0)
    return lock


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a user id without a name, as in many containers
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
