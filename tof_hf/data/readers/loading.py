"""From what a user names to tables and files: paths, folders, Hub ids, datasets, splits, lists of those."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
from datasets import (
    Dataset,
    DatasetDict,
    IterableDataset,
    IterableDatasetDict,
    load_dataset,
    load_from_disk,
)
from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError

from tof_hf.data.readers.files import stem
from tof_hf.data.readers.tables import Table
from tof_hf.errors import DataError

OneSource: TypeAlias = str | PathLike[str] | Dataset | DatasetDict
Source: TypeAlias = OneSource | Sequence[OneSource]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(:[^:/]+)?")
_FILE_ENDINGS = {
    ".txt",
    ".tsv",
    ".csv",
    ".conll",
    ".bio",
    ".iob",
    ".iob2",
    ".json",
    ".jsonl",
    ".parquet",
    ".gz",
}


def read_parts(
    source: Source,
    from_file: Callable[[Path], Dataset],
    from_table: Callable[[Table], Dataset],
    *,
    split: str | None,
    json_is_table: bool,
) -> list[Dataset]:
    """Return the rows of every part of a source: text files by `from_file`, all else by `from_table`.

    `json_is_table` says that JSON is loaded like Parquet. Raises `DataError` for what is no source.
    """
    if isinstance(source, (list, tuple)):
        if not source:
            raise DataError("an empty list of sources.", fix="give at least one file or dataset.")
        return [
            rows
            for part in source
            for rows in read_parts(part, from_file, from_table, split=split, json_is_table=json_is_table)
        ]
    if isinstance(source, (str, PathLike)):
        path = Path(source).expanduser()
        endings = {".parquet", ".json", ".jsonl"} if json_is_table else {".parquet"}
        if path.is_file() and path.suffix not in endings:
            return [from_file(path)]
        return [from_table(_table(path, str(source), split))]
    return [from_table(Table(_one_split(source, split, "the dataset"), "row"))]


def _table(path: Path, given: str, split: str | None) -> Table:
    """The table of a Parquet or JSON-lines file, a folder, or a Hub id."""
    if path.is_file():
        if path.stat().st_size == 0:
            raise DataError("an empty file.", fix="check the path, or download the file again.", path=path)
        if path.suffix != ".parquet":
            _check_json(path)
        kind = "parquet" if path.suffix == ".parquet" else "json"
        loaded = _load(given, kind, data_files=str(path))
        return Table(_one_split(loaded, split, given), stem(path), path)
    folder, _, config = given.partition(":")
    if path.is_dir() or Path(folder).expanduser().is_dir():
        root = path if path.is_dir() else Path(folder).expanduser()
        name = None if path.is_dir() else config
        if (root / "state.json").is_file() or (root / "dataset_dict.json").is_file():
            return Table(_one_split(load_from_disk(str(root)), split, given), root.name)
        if not any(file for ending in ("parquet", "jsonl") for file in root.rglob(f"*.{ending}")):
            raise DataError(
                "a folder without Parquet or JSON-lines files.", fix="give the files, one by one.", path=root
            )
        return Table(_one_split(_load(given, str(root), name), split, given), root.name)
    # A file that is missing looks like a Hub id; only what cannot be a path is asked for on the network.
    if not _HUB_ID.fullmatch(given) or path.suffix in _FILE_ENDINGS or path.parent.is_dir():
        raise DataError("no file or folder of this name.", fix="check the path.", path=path)
    return Table(_one_split(_load(given, folder, config or None), split, given), folder.rpartition("/")[2])


def _check_json(path: Path) -> None:
    """Raise `DataError` with the line for bytes that are no UTF-8 and, in JSON lines, for what is no JSON."""
    empty = True
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if text.strip() and path.suffix == ".jsonl":
                    json.loads(text)
            except (UnicodeDecodeError, json.JSONDecodeError) as error:
                what = "bytes that are not UTF-8" if isinstance(error, UnicodeDecodeError) else f"no JSON ({error})"
                fix = "give one JSON object a line, in UTF-8." if path.suffix == ".jsonl" else "give JSON in UTF-8."
                raise DataError(what, fix=fix, path=path, line=number) from error
            empty = empty and not text.strip()
    if empty:
        raise DataError("an empty file.", fix="check the path, or download the file again.", path=path)


def _load(given: str, *args: Any, **kwargs: Any) -> Dataset | DatasetDict:
    try:
        return load_dataset(*args, **kwargs)
    except (DatasetNotFoundError, HfHubHTTPError, HFValidationError, HTTPError, ConnectionError) as error:
        raise DataError(
            f"neither a file nor a data set of the Hub that can be reached ({error}).",
            fix="check the path or the id, and the network.",
            path=given,
        ) from error
    except DatasetGenerationError as error:
        reason = error.__cause__ or error
        raise DataError(f"a table that cannot be read ({reason}).", fix="check the file.", path=given) from error
    except (ValueError, RuntimeError, FileNotFoundError, pa.ArrowInvalid) as error:
        raise DataError(
            f"a data set that cannot be loaded ({error}).", fix="check id and config.", path=given
        ) from error


def _one_split(data: Any, split: str | None, name: str) -> Dataset:
    if isinstance(data, (IterableDataset, IterableDatasetDict)):
        raise DataError(f"{name} as a stream.", fix="load it without streaming=True.")
    if isinstance(data, Dataset):
        if split is not None and split != str(data.split):
            raise DataError(f"split={split!r} for a single table.", fix="leave split out.")
        return data
    if not isinstance(data, DatasetDict):
        raise DataError(f"a {type(data).__name__}.", fix="give a path, a Hub id, a Dataset, or a list of those.")
    there = ", ".join(map(str, data))
    if split is None and len(data) == 1:
        return next(iter(data.values()))
    if split not in data:
        found = f"{name} with the splits {there}" + (f", but no {split!r}." if split else ".")
        raise DataError(found, fix=f"set split to one of: {there}.")
    return data[split]
