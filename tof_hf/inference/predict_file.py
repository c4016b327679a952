"""Entities of the texts in a file or a stream, row by row, for the command `tof-hf predict`."""

from __future__ import annotations

import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from itertools import chain, islice, tee
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features
from tqdm.auto import tqdm

from tof_hf.data.readers.read import read_text
from tof_hf.errors import DataError, as_data_error
from tof_hf.inference.tagger import ENTITIES, Tagged, Tagger
from tof_hf.storage.files import is_stream, new_file

STANDARD = Path("-")
ROWS_AT_ONCE = 1000  # of a Parquet file

Row = dict[str, Any]
TaggedRows = Iterator[tuple[Row, Tagged]]


def predict_file(
    tagger: Tagger, source: Path, out: Path, *, source_form: str | None = None, out_form: str | None = None
) -> tuple[int, int]:
    """The number of texts and of entities, after writing every text of `source` with its entities to `out`.

    Formats, by default from the file's extension: txt (a text per line; out: entities as `[Ana García](PER)`), jsonl
    (rows with `text` or `tokens`; out: these rows with `entities`), conll (a word per line; out: with its tag),
    parquet (as jsonl). `-` means the standard streams, txt in and jsonl out. A file appears complete or not at all,
    and a link to one stays a link; streams, devices and pipes are written while the input is read. Raises DataError
    for input that cannot be used.
    """
    read = _READERS[_form(source, source_form, {"txt", "jsonl"}, "txt")]
    write = _WRITERS[_form(out, out_form, {"txt", "jsonl", "conll"}, "jsonl")]
    if source != STANDARD and not source.is_file():
        raise DataError("no file of this name.", fix="check the path.", path=source)
    if out != STANDARD and source != STANDARD and out.exists() and out.samefile(source):
        raise DataError("the same file as input and output.", fix="name another file.", path=out)
    rows, again = tee(_checked(read(source), source))
    texts = (row["text"] if row.get("tokens") is None else row["tokens"] for row in again)
    counts = Counter(texts=0, entities=0)

    def tag() -> TaggedRows:
        for row, tagged in zip(rows, tagger.stream(texts), strict=True):
            counts.update(texts=1, entities=len(tagged.entities))
            yield row, tagged

    with as_data_error("a place where nothing can be written", OSError, fix="name another file.", path=out):
        write(tqdm(tag(), desc="Tagging", unit=" texts", disable=None), out)
    return counts["texts"], counts["entities"]


def _form(path: Path, form: str | None, streamed: Collection[str], standard: str) -> str:
    """The form of a file; of a standard stream, which has to be one of `streamed`, it is `standard` by default."""
    form = form or (standard if path == STANDARD else path.suffix.removeprefix("."))
    if form not in _READERS:
        fix = f"name one of {', '.join(_READERS)}, or a file with such an extension."
        raise DataError(f"the form {form!r}.", fix=fix, path=path)
    if path == STANDARD and form not in streamed:
        raise DataError(f"the form {form} on a standard stream.", fix="name a file.")
    return form


def _has_text(row: Any) -> bool:
    if not isinstance(row, dict) or row.get("tokens") is None:
        return isinstance(row, dict) and isinstance(row.get("text"), str)
    return isinstance(row["tokens"], list) and all(isinstance(token, str) for token in row["tokens"])


def _checked(rows: Iterable[tuple[int | None, Any]], source: Path) -> Iterator[Row]:
    for line, row in rows:
        if not _has_text(row):
            fix = "give every row `text` (a string) or `tokens` (a list of strings)."
            raise DataError("a row without a text.", fix=fix, path=source, line=line)
        yield row


def _lines(source: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a file or of the standard input. Raises DataError for bytes that are not UTF-8."""
    stream = sys.stdin.buffer if source == STANDARD else source.open("rb")
    with stream:
        for number, line in enumerate(stream, start=1):
            with as_data_error("bytes that are not UTF-8", UnicodeError, fix="give UTF-8.", path=source, line=number):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            yield number, text.rstrip("\r\n")


def _read_txt(source: Path) -> Iterator[tuple[int | None, Any]]:
    return ((number, {"text": line}) for number, line in _lines(source))


def _read_jsonl(source: Path) -> Iterator[tuple[int | None, Any]]:
    for number, line in _lines(source):
        if not line.strip():
            continue
        with as_data_error("no JSON", json.JSONDecodeError, fix="give one object a line.", path=source, line=number):
            row = json.loads(line)
        if "\\ud" in line.lower():
            fix = "remove the half of a surrogate pair (\\ud8.. to \\udf..), which is no character."
            with as_data_error("text that is no Unicode", UnicodeEncodeError, fix=fix, path=source, line=number):
                json.dumps(row, ensure_ascii=False).encode()
        yield number, row


def _read_conll(source: Path) -> Iterator[tuple[int | None, Any]]:
    return ((None, {"tokens": row["tokens"]}) for row in read_text(source, format="conll"))


def _read_parquet(source: Path) -> Iterator[tuple[int | None, Any]]:
    with as_data_error("no Parquet file", OSError, pa.ArrowInvalid, fix="check the path.", path=source):
        file = pq.ParquetFile(source)
    for batch in file.iter_batches(ROWS_AT_ONCE):
        yield from ((None, row) for row in batch.to_pylist())


def _with_entities(row: Row, tagged: Tagged) -> Row:
    return row | {"entities": [asdict(entity) for entity in tagged.entities]}


def _as_json(row: Row, tagged: Tagged) -> str:
    return json.dumps(_with_entities(row, tagged), ensure_ascii=False)


def _in_brackets(row: Row, tagged: Tagged) -> str:
    text, done = "", 0
    for entity in tagged.entities:
        text += f"{tagged.text[done : entity.start]}[{entity.text}]({entity.label})"
        done = entity.end
    return text + tagged.text[done:]


def _in_columns(row: Row, tagged: Tagged) -> str:
    return "".join(f"{word} {tag}\n" for word, tag in zip(tagged.words, tagged.tags, strict=True))


def _write_text(as_text: Callable[[Row, Tagged], str], rows: TaggedRows, out: Path) -> None:
    with _text_stream(out) as stream:
        for row, tagged in rows:
            stream.write(as_text(row, tagged) + "\n")


@contextmanager
def _text_stream(out: Path) -> Iterator[TextIO]:
    if out == STANDARD:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # in any locale
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:  # the reader, such as `head`, has ended; Python must not flush again when it exits
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    file = nullcontext(out) if is_stream(out) else new_file(out)
    with file as part, part.open("a", encoding="utf-8") as stream:
        yield stream


def _write_parquet(rows: TaggedRows, out: Path) -> None:
    """Write in chunks; the first chunk decides the columns and their types."""
    entities = Features({"entities": ENTITIES}).arrow_schema.field("entities")
    every = (_with_entities(row, tagged) for row, tagged in rows)
    with new_file(out) as part:
        first = list(islice(every, ROWS_AT_ONCE))
        schema = _table([{k: v for k, v in row.items() if k != "entities"} for row in first]).schema.append(entities)
        with pq.ParquetWriter(part, schema) as writer:
            for chunk in chain([first], iter(lambda: list(islice(every, ROWS_AT_ONCE)), [])):
                if new := {name for row in chunk for name in row} - set(schema.names):
                    found = f"the column {min(new)!r} for the first time after {ROWS_AT_ONCE:,} rows."
                    raise DataError(found, fix="write JSON lines, or give every row the same columns.")
                writer.write_table(_table(chunk, schema))


def _table(rows: list[Row], schema: pa.Schema | None = None) -> pa.Table:
    fix = "write JSON lines, or give the column values of one type."
    with as_data_error("a column with values of several types", pa.ArrowInvalid, pa.ArrowTypeError, fix=fix):
        table = pa.Table.from_pylist(rows, schema=schema)
    return table


_READERS = {"txt": _read_txt, "jsonl": _read_jsonl, "conll": _read_conll, "parquet": _read_parquet}
_WRITERS: dict[str, Callable[[TaggedRows, Path], None]] = {
    "txt": partial(_write_text, _in_brackets),
    "jsonl": partial(_write_text, _as_json),
    "conll": partial(_write_text, _in_columns),
    "parquet": _write_parquet,
}
