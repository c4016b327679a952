"""The files of labels next to a tagger's stage: rows of the target text, made in parts and kept as Parquet."""

import math
from collections.abc import Callable
from pathlib import Path

from datasets import Dataset

from tof_hf.storage.cache import cache_in_parts, cache_parquet, is_cached
from tof_hf.utils.processes import barrier, is_main_process

PART = 10_000  # sentences that are labelled and kept together


def rows_in_parts(file: Path, key: str, rows: Dataset, make: Callable[[Dataset], Dataset]) -> Dataset:
    """The rows in the file; if it is missing or damaged, they are made of parts of `rows`, by all processes.

    `key`: a hash of what `make` depends on beside the rows, for the folder of finished parts.
    """
    if not is_cached(file):

        def part(number: int) -> Dataset:
            return make(rows.select(range(number * PART, min(len(rows), (number + 1) * PART))))

        folder = file.parent / "cache" / f"{file.stem}-{key}"
        cache_in_parts(file, folder, max(1, math.ceil(len(rows) / PART)), part)
    barrier()
    return read_rows(file)


def cached_rows(file: Path, make: Callable[[], Dataset]) -> Dataset:
    """The rows in the file; if it is missing or damaged, they are made, and the main process writes them."""
    if not is_cached(file):
        rows = make()
        if is_main_process():
            cache_parquet(file, rows)
    barrier()
    return read_rows(file)


def read_rows(file: Path) -> Dataset:
    """The rows of labels that were kept."""
    return Dataset.from_parquet(str(file), cache_dir=str(file.parent / "cache"))
