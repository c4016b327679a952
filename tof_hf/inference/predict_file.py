"""The command `tof-hf predict`: a file or a stream of texts in, the same texts with their entities out, row by row."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm.auto import tqdm

from tof_hf.data.readers.read import read_text
from tof_hf.errors import DataError
from tof_hf.inference.tagger import ENTITIES, Tagged, Tagger, Text
from tof_hf.storage.files import is_stream, new_file

FORMS = ("txt", "jsonl", "conll", "parquet")
STANDARD = Path("-")
ROWS_AT_ONCE = 1000  # of a Parquet file


def predict_file(
    tagger: Tagger, source: Path, out: Path, *, source_form: str | None = None, out_form: str | None = None
) -> tuple[int, int]:
    """The number of texts and of entities, after writing every text of `source` with its entities to `out`.

    Forms, by the ending unless they are named: txt (a text a line; out: entities as `[Ana García](PER)`), jsonl (rows
    with `text` or `tokens`; out: these rows with `entities`), conll (a word a line; out: with its tag), parquet (as
    jsonl). `-` means the standard streams, txt in and jsonl out. A file appears complete or not at all, and a link to
    one stays a link; a stream, device or pipe is written to as the input is read. Raises DataError for input that
    cannot be used.
    """
    read = _READERS[_form(source, source_form, "txt")]
    write = _WRITERS[_form(out, out_form, "jsonl")]
    if source != STANDARD and not source.is_file():
        raise DataError("no file of this name.", fix="check the path.", path=source)
    if out != STANDARD and source != STANDARD and out.exists() and out.samefile(source):
        raise DataError("the input's own name for the output.", fix="name another file.", path=out)
    counts = [0, 0]
    rows: list[dict[str, Any]] = []  # those that wait for their entities

    def texts() -> Iterator[Text]:
        for row in read(source):
            rows.append(row)
            yield row["text"] if row.get("tokens") is None else row["tokens"]

    def tagged() -> Iterator[tuple[dict[str, Any], Tagged]]:
        for one in tqdm(tagger.stream(texts()), desc="Tagging", unit=" texts", disable=None):
            counts[0] += 1
            counts[1] += len(one.entities)
            yield rows.pop(0), one

    write(tagged(), out)
    return counts[0], counts[1]


def _form(path: Path, named: str | None, standard: str) -> str:
    form = named or (standard if path == STANDARD else path.suffix.removeprefix("."))
    if form not in FORMS:
        raise DataError(f"the form {form!r}.", fix=f"name one of {', '.join(FORMS)} or a file that ends so.", path=path)
    if path == STANDARD and form == "parquet":
        raise DataError("Parquet on a standard stream.", fix="name a file.")
    return form


def _lines(source: Path) -> Iterator[str]:
    """The lines of a file or of the standard input, without their ends. Raises DataError for what is not UTF-8."""
    stream = sys.stdin.buffer if source == STANDARD else source.open("rb")
    with stream:
        for number, line in enumerate(stream, start=1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise DataError("bytes that are not UTF-8.", fix="give UTF-8.", path=source, line=number) from error


def _read_txt(source: Path) -> Iterator[dict[str, Any]]:
    return ({"text": line} for line in _lines(source))


def _read_jsonl(source: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_lines(source), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"no JSON ({error}).", fix="give one object a line.", path=source, line=number) from error
        if "\\ud" in line.lower() and not _is_unicode(row):
            fix = "remove the half of a surrogate pair (\\ud8.. to \\udf..), which is no character."
            raise DataError("text that is no Unicode.", fix=fix, path=source, line=number)
        if not isinstance(row, dict) or not _has_text(row):
            fix = "give objects with `text` (a string) or `tokens` (a list of strings)."
            raise DataError("a row without a text.", fix=fix, path=source, line=number)
        yield row


def _is_unicode(row: Any) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_text(row: dict[str, Any]) -> bool:
    tokens = row.get("tokens")
    if tokens is None:
        return isinstance(row.get("text"), str)
    return isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)


def _read_conll(source: Path) -> Iterator[dict[str, Any]]:
    if source == STANDARD:
        raise DataError("one word a line on the standard input.", fix="name a file.")
    return ({"tokens": row["tokens"]} for row in read_text(source, format="conll"))


def _read_parquet(source: Path) -> Iterator[dict[str, Any]]:
    try:
        file = pq.ParquetFile(source)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"no Parquet file ({error}).", fix="check the path.", path=source) from error
    for batch in file.iter_batches(ROWS_AT_ONCE):
        for row in batch.to_pylist():
            if not _has_text(row):
                fix = "give a column `text` (strings) or `tokens` (lists of strings)."
                raise DataError(f"a row without a text (columns: {', '.join(row)}).", fix=fix, path=source)
            yield row


Rows = Iterable[tuple[dict[str, Any], Tagged]]


def _with_entities(row: dict[str, Any], tagged: Tagged) -> dict[str, Any]:
    return row | {"entities": [asdict(entity) for entity in tagged.entities]}


def _in_brackets(tagged: Tagged) -> str:
    text, done = "", 0
    for entity in tagged.entities:
        text += f"{tagged.text[done : entity.start]}[{entity.text}]({entity.label})"
        done = entity.end
    return text + tagged.text[done:]


def _columns(tagged: Tagged) -> str:
    return "".join(f"{word} {tag}\n" for word, tag in zip(tagged.words, tagged.tags, strict=True))


def _text_writer(shown: Callable[[dict[str, Any], Tagged], str]) -> Callable[[Rows, Path], None]:
    def write(rows: Rows, out: Path) -> None:
        with _writing(out) as stream:
            for row, tagged in rows:
                stream.write(shown(row, tagged) + "\n")

    return write


@contextmanager
def _writing(out: Path) -> Iterator[TextIO]:
    if out == STANDARD:
        sys.stdout.reconfigure(encoding="utf-8")  # whatever the locale says
        try:
            yield sys.stdout
            sys.stdout.flush()
        except BrokenPipeError:  # whoever reads, as `head` does, has enough; Python must not try again at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if is_stream(out):
        with _writable(out), out.open("a", encoding="utf-8") as stream:
            yield stream
        return
    with _writable(out), new_file(out) as part, part.open("w", encoding="utf-8") as stream:
        yield stream


@contextmanager
def _writable(out: Path) -> Iterator[None]:
    """Inside, what the system refuses is a DataError about `out`."""
    try:
        yield
    except OSError as error:
        fix = "name another file."
        raise DataError(f"a place where nothing can be written ({error}).", fix=fix, path=out) from error


def _write_parquet(rows: Rows, out: Path) -> None:
    writer = None
    waiting: list[dict[str, Any]] = []
    with _writable(out), new_file(out) as part:
        try:
            for row, tagged in rows:
                waiting.append(_with_entities(row, tagged))
                if len(waiting) == ROWS_AT_ONCE:
                    writer = _append(waiting, writer, part)
            _append(waiting, writer, part).close()
            writer = None
        finally:
            if writer is not None:
                writer.close()


def _append(waiting: list[dict[str, Any]], writer: pq.ParquetWriter | None, part: Path) -> pq.ParquetWriter:
    """Write the waiting rows; the first ones decide the columns."""
    entities = pa.field("entities", _arrow_type(ENTITIES))
    if writer is None:
        others = _table([{k: v for k, v in row.items() if k != "entities"} for row in waiting], None).schema
        writer = pq.ParquetWriter(part, others.append(entities))
    new = {name for row in waiting for name in row} - set(writer.schema.names)
    if new:
        found = f"the column {sorted(new)[0]!r} for the first time after {ROWS_AT_ONCE:,} rows."
        raise DataError(found, fix="write JSON lines, or give every row the same columns.")
    writer.write_table(_table(waiting, writer.schema))
    waiting.clear()
    return writer


def _table(rows: list[dict[str, Any]], schema: pa.Schema | None) -> pa.Table:
    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        fix = "write JSON lines, or give the column values of one type."
        raise DataError(f"a column with values of several types ({error}).", fix=fix) from error


def _arrow_type(feature: Any) -> pa.DataType:
    from datasets.features.features import get_nested_type

    return get_nested_type(feature)


_READERS = {"txt": _read_txt, "jsonl": _read_jsonl, "conll": _read_conll, "parquet": _read_parquet}
_WRITERS = {
    "txt": _text_writer(lambda row, tagged: _in_brackets(tagged)),
    "jsonl": _text_writer(lambda row, tagged: json.dumps(_with_entities(row, tagged), ensure_ascii=False)),
    "conll": _text_writer(lambda row, tagged: _columns(tagged)),
    "parquet": _write_parquet,
}
