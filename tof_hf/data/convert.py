"""Labelled data from any form that the readers know to any that can be written, for the command `tof-hf convert`."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from datasets import Dataset, Features

from tof_hf.data.conversion import Conversion
from tof_hf.data.features import ner_features
from tof_hf.data.labels import LabelMap, check_label_map, entity_types, map_types
from tof_hf.data.readers.files import decode
from tof_hf.data.readers.ner import parse_ner
from tof_hf.data.readers.notes import collect_notes
from tof_hf.data.readers.read import read_ner
from tof_hf.data.schemes import SCHEMES, in_scheme, scheme_name
from tof_hf.data.tagged import Tagged, entities_of, of_words
from tof_hf.data.writing import (
    ROWS_AT_ONCE,
    STANDARD,
    Row,
    check_place,
    column_text,
    ending_of,
    is_packed,
    is_same_file,
    json_texts,
    writable,
    write_parquet,
    write_texts,
)
from tof_hf.errors import DataError
from tof_hf.storage.files import is_stream

_COLUMNS = ("conll", "txt", "tsv", "iob", "iob2", "bio")  # not conllu, which has ten columns
_ENDINGS = dict.fromkeys(_COLUMNS, "conll") | {"csv": "csv", "jsonl": "jsonl", "json": "jsonl", "parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence to write: its id, its text with words and entities, and the tags of its words in the scheme wanted."""

    id: str
    tagged: Tagged
    tags: list[str]


def convert_file(
    source: str,
    out: Path,
    *,
    form: str | None = None,
    scheme: str = "IOB2",
    label_map: LabelMap = None,
    unique: bool = False,
    overwrite: bool = False,
    source_scheme: str | None = None,
    **reading: Any,
) -> Conversion:
    """What changed, after writing the labelled sentences of `source` to `out`.

    Args:
        source: as in `read_ner`.
        out: a file that does not exist yet, a stream, or `-`; `.gz` at the end packs it. It appears complete or not at
            all, and only if reading it gives the sentences that were written.
        form: one of `FORMS`; by default that of the file's ending: columns, CSV, JSON or Parquet.
        scheme: of the tags written, as in `read_ner`.
        label_map: as in `read_ner`.
        unique: leave out sentences that occur before with the same tags.
        overwrite: replace an existing file.
        source_scheme, reading: `scheme` and other options of `read_ner`.

    Raises:
        DataError: the source cannot be read, or the file cannot be written or cannot hold the sentences.

    Example:
        >>> print(convert_file("project.jsonl", Path("train.conll"), label_map={"PERSON": "PER"}).as_text())
    """
    check_label_map(label_map)
    _check_output(source, out, overwrite=overwrite)
    scheme, form = scheme_name(scheme), form_of(out, form)
    with collect_notes() as notes:
        rows = read_ner(source, keep_text=True, scheme=source_scheme, **reading)
    done = Conversion(notes.summaries, notes.warnings, form, scheme, label_map, unique)
    with writable(out):
        _write(_sentences(rows, done), out, rows, done)
    return done


def form_of(out: Path, form: str | None) -> str:
    """The form of a file by its ending, or the one that is named. Raises `DataError` if these exclude each other."""
    stream = out == STANDARD or is_stream(out)
    ending = ending_of(out, _ENDINGS)
    by_name = _ENDINGS.get(ending, "jsonl" if stream else None)
    form = form or by_name or ending
    if form not in FORMS:
        fix = f"name a file *.{', *.'.join(_ENDINGS)}, or one of {', '.join(FORMS)} with --to."
        raise DataError(f"the form {form!r}.", fix=fix, path=out)
    if form == "parquet" and (stream or is_packed(out)):
        raise DataError("Parquet in a stream.", fix="name a file *.parquet, or another form.", path=out)
    family = "jsonl" if form in _ROWS else form
    told_by_content = family in ("conll", "jsonl") and by_name in ("conll", None)
    if not (stream or family == by_name or told_by_content):
        name = {"jsonl": "*.jsonl or *.json", "conll": "*.conll"}.get(family, f"*.{family}")
        named = f"*.{ending}" if ending else "without an ending"
        raise DataError(f"the form {form!r} in a file {named}.", fix=f"name it {name}.", path=out)
    return form


def _check_output(source: str, out: Path, *, overwrite: bool) -> None:
    check_place(out)
    if is_same_file(Path(source), out):
        raise DataError("the same file as input and output.", fix="name another file.", path=out)
    if out.exists() and not overwrite and out != STANDARD and not is_stream(out):
        if out.is_dir():
            raise DataError("a folder.", fix="name a file in it.", path=out)
        raise DataError("a file that exists.", fix="name a new file, or replace this one with --overwrite.", path=out)


def _sentences(rows: Dataset, done: Conversion) -> Iterator[Sentence]:
    """The sentences as they are written; `done` counts them."""
    names = rows.features["ner_tags"].feature.names
    seen: set[int] = set()
    for batch in rows.iter(1_000):
        for own, words, numbers, text in zip(
            *(batch[key] for key in ("id", "tokens", "ner_tags", "text")), strict=True
        ):
            tags = [names[number] for number in numbers]
            bare = of_words(words, text)
            _count(done.before, replace(bare, entities=list(entities_of(bare, tags))))
            key = hash((tuple(words), tuple(numbers)))
            done.repeated += key in seen
            if done.unique and key in seen:
                continue
            seen.add(key)
            tags = map_types(tags, done.label_map)
            tagged = replace(bare, entities=list(entities_of(bare, tags)))
            _count(done.after, tagged)
            yield Sentence(own, tagged, in_scheme(tags, done.scheme))


def _count(counts: Counter[str], tagged: Tagged) -> None:
    counts.update(sentences=1, words=len(tagged.words))
    counts.update(f"[{entity.label}]" for entity in tagged.entities)


def _write(sentences: Iterator[Sentence], out: Path, rows: Dataset, done: Conversion) -> None:
    if done.form == "parquet":
        numbers, features = _numbered(rows.features["ner_tags"].feature.names, done)
        written = (_tokens(one) | {"ner_tags": [numbers[tag] for tag in one.tags]} for one in sentences)
        write_parquet(written, out, lambda _: features.arrow_schema)
    elif done.form in _ROWS:
        row_of = _ROWS[done.form]
        # Rows do not depend on each other: a part of them is read as it would be in the file.
        parts = iter(lambda: list(islice(sentences, ROWS_AT_ONCE)), [])
        checked = (row for part in parts for row in _checked_rows(part, row_of, out, done))
        write_texts(json_texts(checked, listed=ending_of(out) == "json"), out)
    else:
        every = list(sentences)
        text = _csv_text(every) if done.form == "csv" else _column_text(every, out)
        _check_reading(text, every, out, done)
        write_texts([text], out)


def _numbered(names: Sequence[str], done: Conversion) -> tuple[dict[str, int], Features]:
    """The number of every tag of the scheme, and the columns of the table."""
    types = entity_types(
        tag for name in names for tag in map_types([f"B-{name[2:]}"] if name != "O" else [], done.label_map)
    )
    letters = sorted(set(SCHEMES[done.scheme]) - {"O"})
    found = ["O", *(f"{letter}-{kind}" for kind in types for letter in letters)]
    return {name: number for number, name in enumerate(found)}, ner_features(found)


def _tokens(one: Sentence) -> Row:
    return {"id": one.id, "tokens": one.tagged.words, "ner_tags": one.tags}


def _with_text(one: Sentence) -> Row:
    # The words too: another rule might split the text in other places.
    return {"id": one.id, "text": one.tagged.text, "tokens": one.tagged.words}


def _spans(one: Sentence) -> Row:
    found = [{"start": e.start, "end": e.end, "label": e.label, "text": e.text} for e in one.tagged.entities]
    return _with_text(one) | {"entities": found}


def _doccano(one: Sentence) -> Row:
    return _with_text(one) | {"label": [[e.start, e.end, e.label] for e in one.tagged.entities]}


def _label_studio(one: Sentence) -> Row:
    names = {"from_name": "label", "to_name": "text", "type": "labels"}
    found = [
        names | {"value": {"start": e.start, "end": e.end, "text": e.text, "labels": [e.label]}}
        for e in one.tagged.entities
    ]
    return {"data": _with_text(one), "annotations": [{"result": found}]}


_ROWS: dict[str, Callable[[Sentence], Row]] = {
    "jsonl": _tokens,
    "spans": _spans,
    "doccano": _doccano,
    "label-studio": _label_studio,
}
FORMS = ("conll", "csv", "parquet", *_ROWS)


def _checked_rows(part: list[Sentence], row_of: Callable[[Sentence], Row], out: Path, done: Conversion) -> list[Row]:
    written = list(map(row_of, part))
    _check_reading("".join(json_texts(written)), part, out, done)
    return written


def _csv_text(sentences: Sequence[Sentence]) -> str:
    """A table with a word in each row."""
    text = io.StringIO(newline="")
    write = csv.writer(text, lineterminator="\n").writerow
    write(["sentence_id", "word", "tag"])
    for number, one in enumerate(sentences, start=1):
        for word, tag in zip(one.tagged.words, one.tags, strict=True):
            write([number, word, tag])
    return text.getvalue()


def _column_text(sentences: Sequence[Sentence], out: Path) -> str:
    separator = "\t" if ending_of(out) == "tsv" else " "
    return "".join(column_text(one.tagged.words, one.tags, separator=separator) for one in sentences)


def _check_reading(text: str, written: Sequence[Sentence], out: Path, done: Conversion) -> None:
    """Raise `DataError` if reading the text gives other words or entities than were written."""
    fix = f"write {'IOB2, ' if done.scheme != 'IOB2' else ''}JSON lines or Parquet, or correct the words."
    try:
        name = Path(f"written.{'jsonl' if done.form in _ROWS else done.form}")
        features, rows, _ = parse_ner(decode(text.encode(), path=name), name)
    except DataError as error:
        raise DataError(f"rows that {done.form} cannot hold: {error.found}", fix=fix, path=out) from error
    names = features["ner_tags"].feature.names
    for number, (one, row) in enumerate(zip_longest(written, rows), start=1):
        wanted = [] if one is None else list(zip(one.tagged.words, one.tagged.tags, strict=True))
        found = (
            []
            if row is None
            else [(word, names[tag]) for word, tag in zip(row["tokens"], row["ner_tags"], strict=True)]
        )
        if wanted != found:
            old, new = next(pair for pair in zip_longest(wanted, found, fillvalue="nothing") if pair[0] != pair[1])
            what = f"{old[0]!r} with the tag {old[1]}" if isinstance(old, tuple) else "nothing"
            became = f"{new[0]!r} with the tag {new[1]}" if isinstance(new, tuple) else "nothing"
            found_there = f"{what} in sentence {number}, which would be read from {done.form} as {became}"
            raise DataError(found_there, fix=fix, path=out)
