"""Unlabelled rows: of text with one sentence or one word a line, and of tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path

from datasets import Dataset

from tof_hf.data.features import TEXT_FEATURES
from tof_hf.data.labels import is_tag
from tof_hf.data.readers.columns import is_markup, parse_conll, split_columns
from tof_hf.data.readers.files import Parsed, RowReader, lines_of
from tof_hf.data.readers.tables import Row, Table, is_string, is_word
from tof_hf.data.words import UNICODE, split_words
from tof_hf.errors import DataError

FORMATS = ("conll", "lines")
_LINES_LOOKED_AT = 2000


def detect_format(text: str) -> str:
    """Return "conll" for one word a line, "lines" for one sentence a line.

    Column files have the same number of columns in every line, and either a tag at the end of every line or
    blank lines between blocks of several lines. If most lines end in a tag, it is a column file with a mistake in it:
    read as sentences, its tags would become words.
    """
    widths: set[int] = set()
    tagged = 0
    lines = blocks = 0
    inside = False
    for line in islice(text.split("\n"), _LINES_LOOKED_AT):
        if not line.strip():
            inside = False
            continue
        fields = split_columns(line)
        if is_markup(fields, line, inside=inside):
            continue
        widths.add(len(fields))
        tagged += len(fields) > 1 and is_tag(fields[-1])
        blocks += not inside
        lines += 1
        inside = True
    if 2 * tagged > lines > 2:
        return "conll"
    if len(widths) != 1 or (lines < 2 and "\t" not in text):
        return "lines"
    return "conll" if tagged == lines or (blocks > 1 and lines > 1.5 * blocks) else "lines"


def parse_text(
    text: str,
    path: Path,
    *,
    columns: Mapping[str, int] | None = None,
    format: str | None = None,
    word_rule: str = UNICODE,
) -> Parsed:
    """Return the rows of a text file. Raises `DataError` if it holds no word."""
    lines = lines_of(text, path)
    form = format or detect_format(text)
    if form not in FORMATS:
        fix = 'use "conll" (one word a line), "lines" (one sentence a line) or null to detect it.'
        raise DataError(f"format={form!r}.", fix=fix, path=path)
    if form == "conll":
        # Tags are dropped while reading: nothing later in a run can use them.
        sentences = [sentence.tokens for sentence in parse_conll(text, path=path, columns=columns, with_tags=False)]
    elif columns is not None:
        fix = 'leave columns out, or set format="conll" if the file has one word a line.'
        raise DataError("columns for a file with one sentence a line.", fix=fix, path=path)
    else:
        sentences = None
    words = text if sentences is None else chain.from_iterable(chain.from_iterable(sentences))
    if not any(map(str.isalnum, words)):
        raise DataError("no text, only marks.", fix="give a file with sentences.", path=path)
    if sentences is None:
        return TEXT_FEATURES, _Lines(lines, word_rule), "format lines"
    counts = f"{len(sentences)} sentences, {sum(map(len, sentences))} words, format {form}"
    return TEXT_FEATURES, [{"tokens": words} for words in sentences], counts


class _Lines(Iterable[Row]):
    """Sentences that are split into words when their turn comes: all words would take ten times the text's memory."""

    def __init__(self, lines: Sequence[str], word_rule: str) -> None:
        self.lines, self.word_rule = lines, word_rule

    def __iter__(self) -> Iterator[Row]:
        return ({"tokens": words} for line in self.lines if (words := split_words(line, self.word_rule)))


def text_rows(table: Table, *, columns: Mapping[str, str] | None, format: str | None, word_rule: str) -> Dataset:
    """Return the rows of a table with `tokens`, or with a `text` that is split into words; `format` is for files."""
    columns = dict(columns or {})
    columns.pop("ner_tags", None)  # an option of labelled files, of which only the words are read here
    if "tokens" in columns and "text" in columns:
        raise table.origin.error("columns for tokens and for text.", "name one of them.")
    names = {*table.dataset.column_names, *columns}
    if not names & {"tokens", "text"}:
        raise table.unknown_column("tokens")
    key = "text" if "text" in columns or "tokens" not in names else "tokens"
    table = table.with_columns(columns, needed=(key,))
    if key == "tokens":
        table.need_words("tokens")
    elif not is_string(table.dataset.features["text"]):
        raise table.origin.error("a column 'text' that holds no text.", "name the column with the sentences.")
    return table.rows(partial(_text_row, word_rule), TEXT_FEATURES, depends_on=(_text_row, split_words))


def _text_row(word_rule: str, record: Row) -> Row | None:
    if "text" in record:
        words = split_words(record["text"] or "", word_rule)
    else:
        words = list(filter(is_word, record["tokens"] or []))
    return {"tokens": words} if words else None


TEXT = RowReader("text", parse_text, text_rows, depends_on=(parse_conll, is_tag, split_words))
