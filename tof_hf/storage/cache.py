"""Cached files of a run, next to its stages: labels, answers, scores, predictions.

The hash of each file is in `kept.json` in the same folder. A file that is missing, damaged, changed or not listed there
is made again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from tof_hf.storage.files import json_text, new_file, read_object, sha256, write_json
from tof_hf.utils.log import warn
from tof_hf.utils.processes import barrier, is_main_process, process_number

if TYPE_CHECKING:
    from datasets import Dataset

HASHES = "kept.json"


def cache_json(file: Path, value: Any) -> None:
    """Cache a value as readable JSON. Call it in the main process only."""
    _cache(file, lambda part: part.write_text(json_text(value), encoding="utf-8"))


def cache_parquet(file: Path, rows: Dataset) -> None:
    """Cache rows as Parquet. Call it in the main process only."""
    _cache(file, lambda part: rows.to_parquet(str(part)))


def cache_in_parts(file: Path, folder: Path, parts: int, make: Callable[[int], Dataset]) -> None:
    """Cache rows as Parquet, made in numbered parts. All processes call this, and each makes some of the parts.

    Finished parts stay in `folder` until the file is whole, so a process that was killed goes on with the next part.
    `folder` must not be used for any other rows.
    """
    first, count = process_number()
    paths = [folder / f"{number:06}.parquet" for number in range(parts)]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, parts, count):
        if not paths[number].is_file():
            rows = make(number)
            with new_file(paths[number]) as part:
                rows.to_parquet(str(part))
    barrier()
    if is_main_process():
        _cache(file, lambda part: _join(paths, part))
        shutil.rmtree(folder, ignore_errors=True)
    barrier()


def _join(parts: Sequence[Path], out: Path) -> None:
    with pq.ParquetWriter(out, pq.read_schema(parts[0])) as writer:
        for part in parts:
            writer.write_table(pq.read_table(part))


def _cache(file: Path, write: Callable[[Path], object]) -> None:
    with new_file(file) as part:
        write(part)
        # The hash comes first, so every file of ours is listed. After a stop between the two, the file is made again.
        write_json(file.with_name(HASHES), _hashes(file.parent) | {file.name: sha256(part)})


def is_cached(file: Path) -> bool:
    """Whether the file is there and unchanged; warns if it was changed."""
    if not file.is_file():
        return False
    if _hashes(file.parent).get(file.name) == sha256(file):
        return True
    warn(f"{file}: not what the run wrote; it is made again")
    return False


def read_cached_json(file: Path) -> Any | None:
    """The cached value; None if it has to be computed again."""
    return json.loads(file.read_text(encoding="utf-8")) if is_cached(file) else None


def remove_cached(folder: Path) -> None:
    """Remove all cached files in a folder."""
    for name in _hashes(folder):
        file = folder / name
        if Path(name).name == name and file.is_file() and not file.is_symlink():
            file.unlink()
    (folder / HASHES).unlink(missing_ok=True)


def _hashes(folder: Path) -> dict[str, str]:
    return read_object(folder / HASHES) or {}
