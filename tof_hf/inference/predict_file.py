"""Entities of the texts in a file or a stream, row by row, for the command `tof-hf predict`."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import partial
from itertools import starmap, tee
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features
from tqdm.auto import tqdm

from tof_hf.data.column_line import column_text
from tof_hf.data.readers.columns import conll_sentences
from tof_hf.data.readers.files import is_packed, read_lines
from tof_hf.data.tagged import ENTITIES, Tagged, Text
from tof_hf.data.words import UNICODE
from tof_hf.data.writing import (
    ROWS_AT_ONCE,
    STANDARD,
    Row,
    check_place,
    ending_of,
    is_same_file,
    json_texts,
    table_of,
    writable,
    write_parquet,
    write_texts,
)
from tof_hf.errors import DataError, as_data_error
from tof_hf.storage.files import is_stream
from tof_hf.utils.outside import parse_json

NumberedRows = Iterator[tuple[int | None, Any]]
TaggedRows = Iterator[tuple[Row, Tagged]]


class TagsTexts(Protocol):
    """What finds entities in texts, such as a `Tagger`; `word_rule` is how it splits them."""

    word_rule: str | None

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
    check_place(out)
    if is_same_file(source, out):
        raise DataError("the same file as input and output.", fix="name another file.", path=out)
    rows, again = tee(_checked(read(source, encoding), source))
    texts = (row["text"] if row.get("tokens") is None else row["tokens"] for row in again)
    counts = Counter(texts=0, entities=0)

    def tag() -> TaggedRows:
        for row, tagged in zip(rows, tagger.stream(texts), strict=True):
            counts.update(texts=1, entities=len(tagged.entities))
            # Readers split a text by the default rule; with its words it is read as it was tagged.
            given = tagger.word_rule == UNICODE or row.get("tokens") is not None
            yield row if given else row | {"tokens": tagged.words}, tagged

    with writable(out):
        write(tqdm(tag(), desc="Tagging", unit=" texts", disable=None), out)
    return counts["texts"], counts["entities"]


def _form(path: Path, form: str | None, if_stream: str) -> str:
    """The form of a file, by its name or the name that a link has at its end, or of a stream."""
    ending = ending_of(path, _READERS)
    form = form or (if_stream if ending not in _READERS and (path == STANDARD or is_stream(path)) else ending)
    if form not in _READERS:
        fix = f"name one of {', '.join(_READERS)}, or a file with such an extension."
        raise DataError(f"the form {form!r}.", fix=fix, path=path)
    if form == "parquet" and (path == STANDARD or is_packed(path) or (if_stream == "txt" and is_stream(path))):
        raise DataError("Parquet in a stream.", fix="name a file *.parquet, or another form.", path=path)
    return form


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


def _in_brackets(tagged: Tagged) -> str:
    text, done = "", 0
    for entity in tagged.entities:
        text += f"{tagged.text[done : entity.start]}[{entity.text}]({entity.label})"
        done = entity.end
    return re.sub(r"[\r\n]+", " ", text + tagged.text[done:]) + "\n"


def _write_txt(rows: TaggedRows, out: Path) -> None:
    write_texts((_in_brackets(tagged) for _, tagged in rows), out)


def _write_jsonl(rows: TaggedRows, out: Path) -> None:
    write_texts(json_texts(starmap(_with_entities, rows)), out)


def _write_conll(rows: TaggedRows, out: Path) -> None:
    write_texts((column_text(tagged.words, tagged.tags) for _, tagged in rows), out)


def _write_parquet(rows: TaggedRows, out: Path) -> None:
    def schema_of(first: list[Row]) -> pa.Schema:
        entities = Features({"entities": ENTITIES}).arrow_schema.field("entities")
        return table_of([{k: v for k, v in row.items() if k != "entities"} for row in first]).schema.append(entities)

    write_parquet(starmap(_with_entities, rows), out, schema_of)


_READERS: dict[str, Callable[[Path, str | None], NumberedRows]] = {
    "txt": _read_txt,
    "jsonl": _read_jsonl,
    "conll": _read_conll,
    "parquet": _read_parquet,
}
_WRITERS: dict[str, Callable[[TaggedRows, Path], None]] = {
    "txt": _write_txt,
    "jsonl": _write_jsonl,
    "conll": _write_conll,
    "parquet": _write_parquet,
}
