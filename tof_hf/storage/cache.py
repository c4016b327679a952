"""Files that a run keeps beside its stages to use again: labels, answers, scores, predictions.

Each is noted with its hash in `kept.json` of its folder. One that is missing, torn, altered or not noted is made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tof_hf.storage.files import new_file, read_whole_json, write_json
from tof_hf.utils.log import warn

if TYPE_CHECKING:
    from datasets import Dataset

NOTES = "kept.json"


def keep(file: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a file and put it in place in one step, noted. For the main process alone."""
    with new_file(file) as part:
        write(part)
        # First the note: so no file of ours is without one, and a stop between the two only costs making it again.
        write_json(file.with_name(NOTES), _notes(file.parent) | {file.name: _hash(part)})


def keep_json(file: Path, value: Any) -> None:
    """Keep a value as readable JSON."""
    keep(file, lambda part: part.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"))


def keep_parquet(file: Path, rows: Dataset) -> None:
    """Keep rows as Parquet."""
    keep(file, lambda part: rows.to_parquet(str(part)))


def is_kept(file: Path) -> bool:
    """Whether the file is there as it was written; a warning if it is another one."""
    if not file.is_file():
        return False
    if _notes(file.parent).get(file.name) == _hash(file):
        return True
    warn(f"{file}: not what the run wrote; it is made again")
    return False


def read_kept_json(file: Path) -> Any | None:
    """The value that was kept; None if it has to be made again."""
    return json.loads(file.read_text(encoding="utf-8")) if is_kept(file) else None


def remove_kept(folder: Path) -> None:
    """Remove all that is kept in a folder."""
    for name in _notes(folder):
        file = folder / name
        if Path(name).name == name and file.is_file() and not file.is_symlink():
            file.unlink()
    (folder / NOTES).unlink(missing_ok=True)


def _notes(folder: Path) -> dict[str, str]:
    notes = read_whole_json(folder / NOTES)
    return notes if isinstance(notes, dict) else {}


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
