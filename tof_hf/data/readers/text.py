"""Unlabelled rows: of text with one sentence or one word a line, of any labelled file, and of tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from datasets import Dataset

from tof_hf.data.features import TEXT_FEATURES
from tof_hf.data.readers.fields import choose_fields
from tof_hf.data.readers.files import Parsed, RowReader, check_length, lines_of
from tof_hf.data.readers.forms import Content, Reading, read_content
from tof_hf.data.readers.layout import find_layout
from tof_hf.data.readers.records import sentence_of
from tof_hf.data.readers.tables import Row, Table
from tof_hf.data.readers.tagged_text import columns_in_lines
from tof_hf.data.words import UNICODE, split_words
from tof_hf.errors import DataError

FORMATS = ("conll", "lines")


def parse_text(
    text: str,
    path: Path,
    *,
    columns: Mapping[str, Any] | None = None,
    format: str | None = None,
    word_rule: str = UNICODE,
) -> Parsed:
    """Return the rows of a text file. Raises `DataError` if it holds no word."""
    if format not in (None, *FORMATS):
        fix = 'use "conll" (one word a line), "lines" (one sentence a line) or null to detect it.'
        raise DataError(f"format={format!r}.", fix=fix, path=path)
    # Tags are dropped while reading: nothing later in a run can use them.
    read = read_content(text, Reading(path, columns, with_tags=False, word_rule=word_rule), format)
    if read is None and columns is not None:
        fix = 'leave columns out, or set format="conll" if the file has one word a line.'
        raise DataError("columns for a file with one sentence a line.", fix=fix, path=path)
    if read is not None:
        summary: list[str] = []
        return TEXT_FEATURES, _rows(read, path, summary), summary
    if not any(map(str.isalnum, text)):
        raise _no_text(path)
    return TEXT_FEATURES, _Lines(lines_of(text, path), word_rule), ["a sentence a line"]


def _rows(read: Content, path: Path, summary: list[str]) -> Iterator[Row]:
    """The rows, one by one; `summary` says in the end what they were."""
    sentences = words = 0
    text = False
    for sentence in read.sentences:
        check_length(sentence.row, of=f" (row {sentences})", path=path)
        text = text or any(map(str.isalnum, chain.from_iterable(sentence.tokens)))
        sentences, words = sentences + 1, words + len(sentence.tokens)
        yield sentence.row
    if not text:
        raise _no_text(path)
    summary += [f"{read.how}; {sentences} sentences, {words} words", *read.warnings]


def _no_text(path: Path) -> DataError:
    return DataError("no text, only marks.", fix="give a file with sentences.", path=path)


class _Lines(Iterable[Row]):
    """Sentences that are split into words when their turn comes: all words would take ten times the text's memory."""

    def __init__(self, lines: Sequence[str], word_rule: str) -> None:
        self.lines, self.word_rule = lines, word_rule

    def __iter__(self) -> Iterator[Row]:
        return ({"tokens": words} for line in self.lines if (words := split_words(line, self.word_rule)))


def text_rows(table: Table, *, columns: Mapping[str, Any] | None, format: str | None, word_rule: str) -> Dataset:
    """Return the rows of a table with words, or with a text that is split into words; `format` is for files."""
    existing = table.dataset.column_names
    fields = choose_fields(
        table.sample((columns or {}).values()),
        columns=columns,
        with_tags=False,
        word_rule=word_rule,
        existing=existing,
        error=table.origin.error,
    )
    return table.sentences(fields).select_columns(list(TEXT_FEATURES))


TEXT = RowReader(
    "text",
    parse_text,
    text_rows,
    depends_on=(read_content, find_layout, sentence_of, choose_fields, columns_in_lines, split_words),
)
