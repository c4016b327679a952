"""Entities of the texts in a file or a stream, row by row, for the command `tof-hf predict`."""

from __future__ import annotations

import gzip
import json
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from itertools import chain, islice, tee
from pathlib import Path
from typing import IO, Any, Protocol, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features
from tqdm.auto import tqdm

from tof_hf.data.column_line import column_line
from tof_hf.data.readers.columns import conll_sentences
from tof_hf.data.readers.files import read_lines
from tof_hf.errors import DataError, as_data_error
from tof_hf.inference.tagger import ENTITIES, Tagged, Text
from tof_hf.storage.files import is_stream, new_file
from tof_hf.utils.outside import parse_json

STANDARD = Path("-")
ROWS_AT_ONCE = 1000  # of a Parquet file

Row = dict[str, Any]
NumberedRows = Iterator[tuple[int | None, Any]]
TaggedRows = Iterator[tuple[Row, Tagged]]


class TagsTexts(Protocol):
    """What finds entities in texts, such as a `Tagger`."""

    def stream(self, texts: Iterable[Text]) -> Iterator[Tagged]:
        """Each text with its words and entities, in order."""


def predict_file(
    tagger: TagsTexts,
    source: Path,
    out: Path,
    *,
    source_form: str | None = None,
    out_form: str | None = None,
    encoding: str | None = None,
    columns: Mapping[str, Any] | None = None,
) -> tuple[int, int]:
    """The number of texts and of entities, after writing every text of `source` with its entities to `out`.

    Formats, by default from the file's extension: txt (a text per line; out: entities as `[Ana García](PER)`), jsonl
    (rows with `text` or `tokens`; out: these rows with `entities`), conll (a word per line; out: with its tag),
    parquet (as jsonl); all but Parquet also with `.gz`. `-` means the standard streams; streams are txt in and jsonl
    out by default. A file appears complete or not at all, and a link to one stays a link; streams, devices and pipes
    are written while the input is read. `encoding` is that of text files, detected as `read_ner` does; output is UTF-8.
    `columns`: where the words of a column file are, as in `read_ner`; by default they are looked for.
    Raises DataError for input that cannot be used, BrokenPipeError if nobody reads the output any longer.
    """
    read = _READERS[_form(source, source_form, "txt")]
    if columns is not None:
        read = partial(_read_conll, columns=columns)
    write = _WRITERS[_form(out, out_form, "jsonl")]
    if not (source == STANDARD or source.is_file() or is_stream(source)):
        raise DataError("no file of this name.", fix="check the path.", path=source)
    if _same_file(source, out):
        raise DataError("the same file as input and output.", fix="name another file.", path=out)
    rows, again = tee(_checked(read(source, encoding), source))
    texts = (row["text"] if row.get("tokens") is None else row["tokens"] for row in again)
    counts = Counter(texts=0, entities=0)

    def tag() -> TaggedRows:
        for row, tagged in zip(rows, tagger.stream(texts), strict=True):
            counts.update(texts=1, entities=len(tagged.entities))
            yield row, tagged

    try:
        write(tqdm(tag(), desc="Tagging", unit=" texts", disable=None), out)
    except BrokenPipeError:
        raise
    except OSError as error:
        found = f"a place where nothing can be written ({error})."
        raise DataError(found, fix="name another file.", path=out) from error
    return counts["texts"], counts["entities"]


def _form(path: Path, form: str | None, if_stream: str) -> str:
    """The form of a file, by its name or the name that a link has at its end, or of a stream."""
    names = [name.name.lower().removesuffix(".gz") for name in (path, Path(os.path.realpath(path)))]
    by_name = [ending for name in names if (ending := Path(name).suffix.removeprefix(".")) in _READERS]
    form = form or next(iter(by_name), if_stream if path == STANDARD or is_stream(path) else path.suffix[1:])
    if form not in _READERS:
        fix = f"name one of {', '.join(_READERS)}, or a file with such an extension."
        raise DataError(f"the form {form!r}.", fix=fix, path=path)
    if form == "parquet" and (path == STANDARD or path.suffix == ".gz" or (if_stream == "txt" and is_stream(path))):
        raise DataError("Parquet in a stream.", fix="name a file *.parquet, or another form.", path=path)
    return form


def _same_file(source: Path, out: Path) -> bool:
    """Whether both are one regular file, which may also be open as a standard stream."""
    try:
        states = os.stat(0 if source == STANDARD else source), os.stat(1 if out == STANDARD else out)
    except OSError:
        return False
    return stat.S_ISREG(states[0].st_mode) and os.path.samestat(*states)


def _has_text(row: Any) -> bool:
    if not isinstance(row, dict) or row.get("tokens") is None:
        return isinstance(row, dict) and isinstance(row.get("text"), str)
    return isinstance(row["tokens"], list) and all(isinstance(token, str) for token in row["tokens"])


def _checked(rows: NumberedRows, source: Path) -> Iterator[Row]:
    for line, row in rows:
        if not _has_text(row):
            fix = "give every row `text` (a string) or `tokens` (a list of strings)."
            raise DataError("a row without a text.", fix=fix, path=source, line=line)
        yield row


def _lines(source: Path, encoding: str | None) -> Iterator[str]:
    stream: AbstractContextManager[IO[bytes]]
    with as_data_error("a file that cannot be read", OSError, fix="check the path.", path=source):
        stream = nullcontext(sys.stdin.buffer) if source == STANDARD else source.open("rb")
    with stream as opened:
        yield from read_lines(opened, path=source, encoding=encoding)


def _read_txt(source: Path, encoding: str | None) -> NumberedRows:
    return ((None, {"text": line}) for line in _lines(source, encoding))


def _read_jsonl(source: Path, encoding: str | None) -> NumberedRows:
    fix = "give one object a line, without halves of surrogate pairs (\\ud8.. to \\udf..)."
    for number, line in enumerate(_lines(source, encoding), start=1):
        if line.strip():
            yield number, parse_json(line, path=source, line=number, fix=fix)


def _read_conll(source: Path, encoding: str | None, columns: Mapping[str, Any] | None = None) -> NumberedRows:
    sentences = conll_sentences(_lines(source, encoding), path=source, columns=columns)
    return ((None, {"tokens": sentence.tokens}) for sentence in sentences)


def _read_parquet(source: Path, encoding: str | None) -> NumberedRows:
    with as_data_error("no Parquet file", OSError, pa.ArrowException, fix="check the file.", path=source):
        for batch in pq.ParquetFile(source).iter_batches(ROWS_AT_ONCE):
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
    return re.sub(r"[\r\n]+", " ", text + tagged.text[done:])


def _in_columns(row: Row, tagged: Tagged) -> str:
    return "".join(column_line(word, tag) for word, tag in zip(tagged.words, tagged.tags, strict=True))


def _write_text(as_text: Callable[[Row, Tagged], str], rows: TaggedRows, out: Path) -> None:
    with _text_stream(out) as stream:
        for row, tagged in rows:
            stream.write(as_text(row, tagged) + "\n")


@contextmanager
def _text_stream(out: Path) -> Iterator[TextIO]:
    if out == STANDARD:
        yield sys.stdout
        return
    with nullcontext(out) if is_stream(out) else new_file(out) as part:
        packed = out.suffix == ".gz"
        # In lines, so that who reads a stream gets each text at once.
        with gzip.open(part, "at", encoding="utf-8") if packed else part.open("a", 1, encoding="utf-8") as stream:
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


_READERS: dict[str, Callable[[Path, str | None], NumberedRows]] = {
    "txt": _read_txt,
    "jsonl": _read_jsonl,
    "conll": _read_conll,
    "parquet": _read_parquet,
}
_WRITERS: dict[str, Callable[[TaggedRows, Path], None]] = {
    "txt": partial(_write_text, _in_brackets),
    "jsonl": partial(_write_text, _as_json),
    "conll": partial(_write_text, _in_columns),
    "parquet": _write_parquet,
}
