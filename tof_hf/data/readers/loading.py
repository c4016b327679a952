"""Loading what users name: paths, folders, Hub ids, datasets, splits, and lists of those."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict, load_dataset, load_from_disk
from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError

from tof_hf.data.readers.files import stem
from tof_hf.data.readers.tables import Origin, Table
from tof_hf.errors import DataError

OneSource: TypeAlias = str | PathLike[str] | Dataset | DatasetDict
Source: TypeAlias = OneSource | Sequence[OneSource]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(:[^:/]+)?")
_FILE_ENDINGS = frozenset(".txt .tsv .csv .conll .bio .iob .iob2 .json .jsonl .parquet .gz".split())


def read_parts(
    source: Source,
    from_file: Callable[[Path], Dataset],
    from_table: Callable[[Table], Dataset],
    *,
    split: str | None,
    json_is_table: bool,
) -> list[Dataset]:
    """Return the rows of every part of a source: of text files from `from_file`, of all else from `from_table`.

    With `json_is_table`, JSON is loaded like Parquet. Raises `DataError` for what cannot be a source.
    """
    if isinstance(source, (list, tuple)):
        if not source:
            raise DataError("an empty list of sources.", fix="give at least one file or dataset.")
        parts = [read_parts(one, from_file, from_table, split=split, json_is_table=json_is_table) for one in source]
        return [rows for part in parts for rows in part]
    if isinstance(source, (str, PathLike)):
        path = Path(source).expanduser()
        endings = {".parquet", ".json", ".jsonl"} if json_is_table else {".parquet"}
        if path.is_file() and path.suffix not in endings:
            return [from_file(path)]
        return [from_table(_table(path, str(source), split))]
    return [from_table(Table(_one_split(source, split, "the dataset"), Origin("row")))]


def _table(path: Path, source: str, split: str | None) -> Table:
    """The table of a Parquet or JSON-lines file, a folder, or a Hub id."""
    if path.is_file():
        if path.stat().st_size == 0:
            raise DataError("an empty file.", fix="check the path, or download the file again.", path=path)
        if path.suffix != ".parquet":
            _check_json(path)
        kind = "parquet" if path.suffix == ".parquet" else "json"
        loaded = _load(source, kind, data_files=str(path))
        return Table(_one_split(loaded, split, source), Origin(stem(path), path))
    folder, _, config = source.partition(":")
    if path.is_dir() or Path(folder).expanduser().is_dir():
        root = path if path.is_dir() else Path(folder).expanduser()
        name = None if path.is_dir() else config
        if (root / "state.json").is_file() or (root / "dataset_dict.json").is_file():
            return Table(_one_split(load_from_disk(str(root)), split, source), Origin(root.name))
        if not any(file for ending in ("parquet", "jsonl") for file in root.rglob(f"*.{ending}")):
            raise DataError(
                "a folder without Parquet or JSON-lines files.", fix="give the files, one by one.", path=root
            )
        return Table(_one_split(_load(source, str(root), name), split, source), Origin(root.name))
    # A missing file looks like a Hub id; only what cannot be a path is looked up on the network.
    if not _HUB_ID.fullmatch(source) or path.suffix in _FILE_ENDINGS or path.parent.is_dir():
        raise DataError("no file or folder of this name.", fix="check the path.", path=path)
    loaded = _load(source, folder, config or None)
    return Table(_one_split(loaded, split, source), Origin(folder.rpartition("/")[2]))


def _check_json(path: Path) -> None:
    """Raise `DataError` with the line of bytes that are not UTF-8 and, in JSON lines, of text that is not JSON."""
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


def _load(source: str, *args: Any, **kwargs: Any) -> Dataset | DatasetDict:
    try:
        return load_dataset(*args, **kwargs)
    except (DatasetNotFoundError, HfHubHTTPError, HFValidationError, HTTPError, ConnectionError) as error:
        raise DataError(
            f"neither a file nor a data set of the Hub that can be reached ({error}).",
            fix="check the path or the id, and the network.",
            path=source,
        ) from error
    except DatasetGenerationError as error:
        reason = error.__cause__ or error
        raise DataError(f"a table that cannot be read ({reason}).", fix="check the file.", path=source) from error
    except (ValueError, RuntimeError, FileNotFoundError, pa.ArrowInvalid) as error:
        raise DataError(
            f"a data set that cannot be loaded ({error}).", fix="check id and config.", path=source
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
    splits = ", ".join(map(str, data))
    if split is None and len(data) == 1:
        return next(iter(data.values()))
    if split not in data:
        found = f"{name} with the splits {splits}" + (f", but no {split!r}." if split else ".")
        raise DataError(found, fix=f"set split to one of: {splits}.")
    return data[split]
