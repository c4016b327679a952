"""Writing rows to files that the readers can read."""

import gzip
import json
import os
import stat
import sys
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset

from tof_hf.data.column_line import column_text
from tof_hf.data.readers.files import is_packed
from tof_hf.data.translation.words import label_names_of
from tof_hf.errors import DataError, as_data_error
from tof_hf.storage.files import is_stream, new_file

STANDARD = Path("-")  # the standard stream
ROWS_AT_ONCE = 1000  # of a Parquet file
Row = dict[str, Any]


def write_rows(dataset: Dataset, path: Path) -> None:
    """Write NER, unlabelled or MRC rows in the format of the file's ending, all or nothing.

    `.parquet`; `.jsonl` and `.json` (a list), with tag names; any other ending means one word a line, with its tag if
    there are tags, and a blank line after each sentence (`read_text` needs format="conll" for a file with a single
    unlabelled sentence). Raises DataError for MRC rows with another ending, for words with white space in such a file,
    and for a path that cannot be written.
    """
    names = label_names_of(dataset)
    rows = (row | {"ner_tags": [names[tag] for tag in row["ner_tags"]]} if names else row for row in dataset)
    ending = ending_of(path)
    if ending not in ("parquet", "jsonl", "json") and "tokens" not in dataset.column_names:
        fix = "name it *.jsonl, *.json or *.parquet."
        raise DataError(f"the ending {path.suffix!r} for questions.", fix=fix, path=path)
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if ending == "parquet":
            with new_file(path) as part:
                dataset.to_parquet(str(part))
        elif ending in ("jsonl", "json"):
            write_texts(json_texts(rows, listed=ending == "json"), path)
        else:
            write_texts((column_text(row["tokens"], row.get("ner_tags") or ()) for row in rows), path)


def check_place(out: Path) -> None:
    """Raise `DataError` for a path that cannot be one, or that is in a folder that does not exist."""
    with as_data_error("a path that cannot be used", OSError, ValueError, fix="name another file.", path=out):
        folder = out.parent if out == STANDARD or is_stream(out) or out.exists() else Path(os.path.realpath(out)).parent
    if not folder.is_dir():
        raise DataError("no folder of this name for the output.", fix="make it first, or correct it.", path=folder)


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Turns the error for a place where nothing can be written into a `DataError`; a reader that has gone is none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        found = f"a place where nothing can be written ({error})."
        raise DataError(found, fix="name another file.", path=path) from error


def ending_of(path: Path, known: Container[str] = ()) -> str:
    """The ending of a file without `.gz`, by its name, or by that at the end of a link if only this one is known."""
    names = [name.name.lower().removesuffix(".gz") for name in (path, Path(os.path.realpath(path)))]
    endings = [Path(name).suffix.removeprefix(".") for name in names]
    return next((ending for ending in endings if ending in known), endings[0])


def is_same_file(source: Path, out: Path) -> bool:
    """Whether both are one regular file, which may also be open as a standard stream."""
    try:
        states = os.stat(0 if source == STANDARD else source), os.stat(1 if out == STANDARD else out)
    except OSError:
        return False
    return stat.S_ISREG(states[0].st_mode) and os.path.samestat(*states)


def write_texts(texts: Iterable[str], out: Path) -> None:
    """Write texts one after the other, packed if the file's name ends in .gz; a file appears complete or not at all."""
    if out == STANDARD:
        for text in texts:
            sys.stdout.write(text)
        return
    with nullcontext(out) if is_stream(out) else new_file(out) as part:
        packed = is_packed(out)
        # In lines, so that who reads a stream gets each text at once.
        with gzip.open(part, "at", encoding="utf-8") if packed else part.open("a", 1, encoding="utf-8") as stream:
            for text in texts:
                stream.write(text)


def json_texts(rows: Iterable[Row], *, listed: bool = False) -> Iterator[str]:
    """The rows as JSON lines, or as one list."""
    if not listed:
        yield from (f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        return
    yield "["
    for number, row in enumerate(rows):
        yield f"{',' if number else ''}\n{json.dumps(row, ensure_ascii=False)}"
    yield "\n]\n"


def write_parquet(rows: Iterable[Row], out: Path, schema_of: Callable[[list[Row]], pa.Schema]) -> None:
    """Write in chunks; the first chunk decides the columns and their types."""
    rest = iter(rows)
    with new_file(out) as part:
        first = list(islice(rest, ROWS_AT_ONCE))
        schema = schema_of(first)
        with pq.ParquetWriter(part, schema) as writer:
            for chunk in chain([first], iter(lambda: list(islice(rest, ROWS_AT_ONCE)), [])):
                if new := {name for row in chunk for name in row} - set(schema.names):
                    found = f"the column {min(new)!r} for the first time after {ROWS_AT_ONCE:,} rows."
                    raise DataError(found, fix="write JSON lines, or give every row the same columns.")
                writer.write_table(table_of(chunk, schema))


def table_of(rows: list[Row], schema: pa.Schema | None = None) -> pa.Table:
    """The rows as a table. Raises `DataError` for a column with values of several types."""
    fix = "write JSON lines, or give the column values of one type."
    with as_data_error("a column with values of several types", pa.ArrowInvalid, pa.ArrowTypeError, fix=fix):
        table = pa.Table.from_pylist(rows, schema=schema)
    return table
