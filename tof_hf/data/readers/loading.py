"""Loading what users name: paths, folders, Hub ids, datasets, splits, and lists of those."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow.parquet as pq
from datasets import Dataset, DatasetDict, load_dataset, load_from_disk
from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError

from tof_hf.data.readers.files import FORMAT_ENDINGS, RowReader, stem
from tof_hf.data.readers.tables import Origin, Table
from tof_hf.errors import DataError, as_data_error
from tof_hf.storage.files import is_stream
from tof_hf.utils.disks import usable_cache
from tof_hf.utils.outside import UNPACKED

OneSource: TypeAlias = str | PathLike[str] | Dataset | DatasetDict
Source: TypeAlias = OneSource | Sequence[OneSource]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(:[^:/]+)?")
_USUAL_RATIO = 100  # a file that unpacks to no more than this many times its size is no bomb
_FILE_ENDINGS = FORMAT_ENDINGS | {".gz"}


@usable_cache()
def read_parts(
    source: Source, reader: RowReader, *, split: str | None, encoding: str | None, **options: Any
) -> list[Dataset]:
    """Return the rows of every part of a source. Raises `DataError` for what cannot be a source."""
    if isinstance(source, (list, tuple)):
        if not source:
            raise DataError("an empty list of sources.", fix="give at least one file or dataset.")
        parts = [read_parts(one, reader, split=split, encoding=encoding, **options) for one in source]
        return list(chain.from_iterable(parts))
    if isinstance(source, (str, PathLike)):
        with as_data_error("a path that cannot be used", fix="check the path.", path=source):
            path = Path(source).expanduser()
            stream = str(source) == "-" or is_stream(path)
        if stream and not path.is_file():
            fix = "save it in a file and name that: its name also says the form."
            raise DataError("a stream, such as the output of a command, which is not read.", fix=fix, path=source)
        if path.is_file() and path.suffix.lower() != ".parquet":
            return [reader.from_file(path, split=split, encoding=encoding, **options)]
        name, (loaded, origin) = str(source), _load_table(path, str(source))
    else:
        name, loaded, origin = "the dataset", source, Origin("row")
    with as_data_error("rows that cannot be read", fix="correct the table.", path=origin.path):  # such as broken UTF-8
        return [reader.from_table(Table(_one_split(loaded, split, name), origin), **options)]


def _load_table(path: Path, source: str) -> tuple[Dataset | DatasetDict, Origin]:
    """What a Parquet file, a folder, or a Hub id holds."""
    if path.is_file():
        _check_parquet(path)
        return _load(source, "parquet", data_files=str(path)), Origin(stem(path), path)
    folder, _, config = source.partition(":")
    root = path if path.is_dir() else Path(folder).expanduser()
    if root.is_dir():
        if (root / "state.json").is_file() or (root / "dataset_dict.json").is_file():
            with as_data_error("a data set that cannot be loaded", fix="save it again.", path=root):
                return load_from_disk(str(root)), Origin(root.name)
        if not any(root.rglob("*.parquet")) and not any(root.rglob("*.jsonl")):
            raise DataError(
                "a folder without Parquet or JSON-lines files.", fix="give the files, one by one.", path=root
            )
        return _load(source, str(root), None if path.is_dir() else config), Origin(root.name)
    # A missing file looks like a Hub id; only what cannot be a path is looked up on the network.
    if not _HUB_ID.fullmatch(source) or path.suffix.lower() in _FILE_ENDINGS or path.parent.is_dir():
        raise DataError("no file or folder of this name.", fix="check the path.", path=path)
    return _load(source, folder, config or None), Origin(folder.rpartition("/")[2])


def _check_parquet(path: Path) -> None:
    """Raise `DataError` for a file that is not Parquet, or whose rows are many more than its bytes can hold."""
    with as_data_error("a table that cannot be read", fix="check the file.", path=path):
        facts = pq.read_metadata(path)
        groups = [facts.row_group(number) for number in range(facts.num_row_groups)]
        packed = sum(group.total_byte_size for group in groups)
    UNPACKED.check(0 if packed <= _USUAL_RATIO * path.stat().st_size else packed, path=path)
    UNPACKED.check(facts.num_rows, path=path)


def _load(source: str, *args: Any, **kwargs: Any) -> Dataset | DatasetDict:
    with as_data_error("a data set that cannot be loaded", fix="check the file, or the id and config.", path=source):
        try:
            return load_dataset(*args, **kwargs)
        except (DatasetNotFoundError, HfHubHTTPError, HFValidationError, HTTPError, ConnectionError) as error:
            found = f"neither a file nor a data set of the Hub that can be reached ({error})."
            raise DataError(found, fix="check the path or the id, and the network.", path=source) from error
        except DatasetGenerationError as error:
            raise error.__cause__ or error from None  # else each were the cause of the other


def _one_split(data: Any, split: str | None, name: str) -> Dataset:
    if isinstance(data, Dataset):
        if split is not None and split != str(data.split):
            raise DataError(f"split={split!r} for a single table.", fix="leave split out.")
        return data
    if not isinstance(data, DatasetDict):
        fix = "give a path, a Hub id, a Dataset (loaded without streaming=True), or a list of those."
        raise DataError(f"a source of type {type(data).__name__}.", fix=fix)
    splits = ", ".join(map(str, data))
    if split is None and len(data) == 1:
        return next(iter(data.values()))
    if split not in data:
        found = f"{name} with the splits {splits}" + (f", but no {split!r}." if split else ".")
        raise DataError(found, fix=f"set split to one of: {splits}.")
    return data[split]
