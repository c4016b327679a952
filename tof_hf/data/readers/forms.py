"""The sentences of a text file in any form: JSON, CSV, columns, or lines with tags in them."""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tof_hf.data.labels import is_tag
from tof_hf.data.readers.columns import TaggedSentence, read_columns, with_meaning
from tof_hf.data.readers.fields import USUAL_NAMES, Fields, Record, choose_fields
from tof_hf.data.readers.files import lines_of, with_newlines
from tof_hf.data.readers.layout import TAG_NAMES, WORD_NAMES
from tof_hf.data.readers.lines import Line, is_aside, is_counted, numbered
from tof_hf.data.readers.records import records_of, sentence_of, told
from tof_hf.data.readers.tagged_text import check_no_tags, columns_in_lines, marked_records
from tof_hf.data.schemes import is_typed, may_be_word
from tof_hf.data.words import UNICODE
from tof_hf.errors import DataError, as_data_error
from tof_hf.utils.outside import json_values

_LINES_LOOKED_AT = 2_000
_SAMPLE = 1_000  # rows that decide which columns are read
_JSON_FIX = "give one JSON object for each row, in UTF-8."
_SENTENCE_IDS = ("sentence #", "sentence_id", "sent_id", "sentence_number", "sentence_idx")
_SENTENCE_NAMES = (*_SENTENCE_IDS, "sentence", "sent")


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: sentences with tags as `labels` reads them, how it was read, its scheme, and warnings.

    Sentences without tags may be read as they are needed; then there are warnings only after the last one.
    """

    sentences: Iterable[TaggedSentence]
    how: str
    scheme: str | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a file, as in `read_ner`; without `with_tags` tags are dropped while reading."""

    path: Path
    columns: Mapping[str, Any] | None = None
    with_tags: bool = True
    scheme: str | None = None
    names: Sequence[str] | None = None
    word_rule: str = UNICODE
    keep: Sequence[str] = ()

    def of_columns(self, lines: Sequence[Line]) -> Content:
        """What lines with one word each hold."""
        read = read_columns(
            lines, path=self.path, columns=self.columns, with_tags=self.with_tags, scheme=self.scheme, names=self.names
        )
        return Content(read.sentences, str(read.layout), read.scheme)

    def of_records(self, records: Iterable[tuple[Record, int | None]]) -> Content:
        """What rows hold, each with its line. Raises `DataError`, with the line of a row that cannot be used."""
        rest = iter(records)
        sample = list(islice(rest, _SAMPLE))
        fields = choose_fields(
            [record for record, _ in sample],
            columns=self.columns,
            names=self.names,
            with_tags=self.with_tags,
            word_rule=self.word_rule,
            error=self._error,
        )
        fields = replace(fields, keep=self.keep)
        warnings: list[str] = []
        places: dict[str, tuple[int | None, str]] = {}
        found = self._sentences(chain(sample, rest), fields, places, warnings)
        if not self.with_tags:
            return Content(found, str(fields), None, warnings)
        sentences = list(found)
        if not fields.ner_tags:
            return Content(sentences, str(fields), None, warnings)

        def at_tag(tag: str, found: str, fix: str) -> DataError:
            line, at = places[tag]
            return DataError(f"{at}{found}", fix=fix, path=self.path, line=line)

        tagged, written_in = with_meaning(sentences, self.scheme, at_tag)
        return Content(tagged, str(fields), written_in, warnings)

    def _sentences(
        self,
        records: Iterable[tuple[Record, int | None]],
        fields: Fields,
        places: dict[str, tuple[int | None, str]],
        warnings: list[str],
    ) -> Iterator[TaggedSentence]:
        """The sentences of rows; the first line of each tag goes to `places`, and at the end what to warn of."""
        notes: list[tuple[str, str]] = []
        ids: set[str] = set()
        empty = True
        for row, (record, line) in enumerate(records):
            at = "" if line else f"in row {row}: "
            try:
                sentence = sentence_of(record, fields)
            except DataError as error:
                raise DataError(f"{at}{error.found}", fix=error.fix, path=self.path, line=line) from error
            if sentence is None:
                notes.append(("empty", f"line {line}" if line else f"row {row}"))
                continue
            notes += sentence.notes
            if not sentence.tokens:
                continue
            own = None if record.get(fields.id) is None else str(record[fields.id])
            if own in ids:
                fix = "give every row an id of its own, or none."
                raise DataError(f"{at}the id {own!r} more than once.", fix=fix, path=self.path, line=line)
            ids |= set() if own is None else {own}
            for tag in sentence.tags:
                places.setdefault(tag, (line, at))
            empty = False
            yield TaggedSentence(sentence.tokens, sentence.tags, own, sentence.extra)
        if empty:
            found = "; ".join(["no rows", *told(notes)])
            raise DataError(f"{found}.", fix="give rows with words.", path=self.path)
        warnings += told(notes)

    def _error(self, found: str, fix: str) -> DataError:
        return DataError(found, fix=fix, path=self.path)

    def of_json(self, text: str) -> Content:
        """What JSON or JSON lines hold."""
        values = json_values(text, path=self.path, fix=_JSON_FIX)
        rows = (row for value, line in values for row in _rows(value, line, self.path))
        return self.of_records(rows)

    def of_csv(self, text: str, separator: str) -> Content:
        """What a table with a header holds: a sentence in each row, or a word."""
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        with as_data_error("a table that cannot be read", csv.Error, fix="check its quotes.", path=self.path):
            csv.field_size_limit(2**31 - 1)  # the length of sentences is checked later
            as_written = [(reader.line_num, row) for row in reader]
        rows = [(line, [cell.strip(" \ufeff") for cell in row]) for line, row in as_written]
        header = [name.casefold() for name in rows[0][1]] if rows else []
        if _is_header(header) and not any(any(row) for _, row in rows[1:]):
            raise DataError("no rows, only a header.", fix="give rows with words.", path=self.path)
        if _column_of_words(header, rows[1:]) is not None or not _is_header(header):
            return self.of_columns(list(_with_sentences(rows, header)))
        for line, row in rows:
            if row and len(row) != len(header):
                fix = (
                    f"give every row as many cells as the header, separated by {separator!r}; quote cells that hold it."
                )
                raise DataError(
                    f"{len(row)} cells where the header has {len(header)}.", fix=fix, path=self.path, line=line
                )
        # Offsets count in the cells as they are written, blanks and line ends too.
        filled = ((line, [cell if cell.strip() else None for cell in row]) for line, row in as_written[1:])
        filled = ((line, row) for line, row in filled if any(row))
        return self.of_records((dict(zip(rows[0][1], row, strict=True)), line) for line, row in filled)


def _rows(value: Any, line: int | None, path: Path) -> Iterator[tuple[Record, int | None]]:
    def error(found: str, fix: str) -> DataError:
        return DataError(found, fix=fix, path=path, line=line)

    for row in records_of(value, error):
        yield row, line


def _is_header(header: Sequence[str]) -> bool:
    return bool(USUAL_NAMES.intersection(header)) and not any(cell.isdecimal() for cell in header)


def _column_of_words(header: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> int | None:
    """The column of a table that has a word in each row; None if its rows are sentences."""
    place = next((header.index(name) for name in WORD_NAMES if name in header), None)
    if place is None or (header[place] in ("text", "tokens", "words") and not set(header) & set(TAG_NAMES)):
        return None
    if set(header).intersection(_SENTENCE_IDS):
        return place
    cells = [row[place] for _, row in rows if place < len(row)]
    return None if any(len(cell.split()) > 1 or cell[:1] + cell[-1:] == "[]" for cell in cells) else place


def _with_sentences(rows: Sequence[tuple[int, list[str]]], header: Sequence[str]) -> Iterator[Line]:
    """The rows as lines of a column file, with empty lines where a column that names the sentence changes."""
    place = next((header.index(one) for one in _SENTENCE_NAMES if one in header), None)
    before = None
    for line, row in rows:
        here = row[place] if place is not None and place < len(row) else ""
        if here and before not in (None, here):
            yield line, []
        before = here or before
        yield line, row if any(row) else []


def read_content(text: str, reading: Reading, form: str | None = None) -> Content | None:
    """What a file holds, in the form that its name and content show; None for text without tags.

    `form`: "conll" or "lines" if it is known. Raises `DataError`.
    """
    as_written, text = text, with_newlines(text)
    name = reading.path.name.removesuffix(".gz").lower()
    first = text.lstrip("\ufeff \n\t")[:400]
    if name.endswith((".json", ".jsonl")) or (form is None and _looks_like_json(first)):
        return reading.of_json(text.lstrip("\ufeff"))
    if name.endswith(".csv"):
        line = first.split("\n", 1)[0]
        return reading.of_csv(as_written, max(",;\t", key=line.count))
    titles = [title.strip().casefold() for title in first.split("\n", 1)[0].split("\t")]
    if form is None and len(titles) > 1 and _is_header(titles):
        rows = [(number, line.split("\t")) for number, line in enumerate(text.split("\n"), start=1)]
        if _column_of_words(titles, rows[1:]) is None or not any(any(row) for _, row in rows[1:]):
            return reading.of_csv(as_written, "\t")
    lines = lines_of(text, reading.path)
    form = form or detect_format(text, None if reading.with_tags or reading.columns else reading.path)
    if reading.columns is None and (form == "lines" or not any(len(line.split()) > 1 for line in lines)):
        if (columns := columns_in_lines(lines)) is not None:
            read = reading.of_columns(columns)
            return replace(read, how=f"lines with tags among the words, {read.how}")
        if (marked := marked_records(lines)) is not None:
            records = ((record, number) for number, record in enumerate(marked, start=1))
            return reading.of_records(records)
    if form == "conll" or reading.with_tags:
        return reading.of_columns(list(numbered(lines)))
    check_no_tags(lines, reading.path)
    return None


def _looks_like_json(text: str) -> bool:
    return re.match(r"\{\s*\"|\[\s*[{\[]\s*\"", text) is not None


def detect_format(text: str, path: Path | None = None) -> str:
    """Return "conll" for one word a line, "lines" for one sentence a line.

    Column files have the same number of columns in every line, and either a tag at the end of every line, numbers that
    count the words, or blank lines between blocks of several lines. If most lines have a tag, it is a column file with
    a mistake in it: read as sentences, its tags would become words. Sentences of one length may have a word such as
    L-DOPA in the same place: as `path`, the name of unlabelled text decides, or it is a `DataError`.
    """
    widths: set[int] = set()
    typed: defaultdict[int, Counter[str]] = defaultdict(Counter)  # by column
    outside: set[int] = set()  # columns
    tagged = lines = blocks = counted = 0
    inside = False
    for _, fields in numbered(islice(text.split("\n"), _LINES_LOOKED_AT)):
        last_is_tag = len(fields) > 1 and is_tag(fields[-1])
        if not fields or is_aside(fields) and not (fields[0].startswith("#") and (last_is_tag or inside)):
            inside = False
            continue
        widths.add(len(fields))
        tagged += last_is_tag
        for place, value in enumerate(fields):
            if value == "O":
                outside.add(place)
            elif is_typed(value):
                typed[place][value] += 1
        counted += is_counted(fields[0]) is not None
        blocks += not inside
        lines += 1
        inside = True
    most, place = max(((found.total(), place) for place, found in typed.items()), default=(0, 0))
    if path and 2 * most > lines > 2 and blocks == 1 and place not in outside and may_be_word(typed[place]):
        if len(widths) > 1 or path.name.lower().removesuffix(".gz").endswith(".txt"):
            return "lines"
        found = f"{next(iter(typed[place]))!r} in column {place + 1} of most lines, which may be a word or a tag."
        fix = "say format: lines if each line is a sentence, or format: conll if it is a word."
        raise DataError(found, fix=fix, path=path)
    if 2 * tagged > lines > 2:
        return "conll"
    if len(widths) != 1 or (lines < 2 and "\t" not in text):
        return "lines"
    same = (
        tagged == lines
        or 2 * most > lines > 2
        or (blocks > 1 and lines > 1.5 * blocks)
        or (counted == lines > 1 and widths != {1})
    )
    return "conll" if same else "lines"
