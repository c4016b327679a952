"""Unlabelled text, one sentence a line or one word a line, as a `datasets` builder."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from datasets import Features

from tof_hf.data.features import TEXT_FEATURES
from tof_hf.data.labels import is_tag
from tof_hf.data.readers.columns import is_markup, parse_conll, split_columns
from tof_hf.data.readers.files import FileBuilder, stem
from tof_hf.data.words import split_words
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


class TextFileBuilder(FileBuilder):
    """Unlabelled rows (id, tokens) of one text file."""

    CACHE_NAME = "tof_text"
    CODE = (parse_conll, is_tag)

    def parse(self, text: str) -> tuple[Features, list[dict[str, Any]], str]:
        """Return features, rows, and counts. Raises `DataError` if the file holds no word."""
        path = Path(self.config.path)
        form = self.config.format or detect_format(text)
        if form not in FORMATS:
            fix = 'use "conll" (one word a line), "lines" (one sentence a line) or null to detect it.'
            raise DataError(f"format={form!r}.", fix=fix, path=path)
        if form == "conll":
            columns = self.config.columns
            # Tags are dropped while reading: nothing later in a run can use them.
            sentences = [sentence.tokens for sentence in parse_conll(text, path=path, columns=columns, with_tags=False)]
        elif self.config.columns is not None:
            fix = 'leave columns out, or set format="conll" if the file has one word a line.'
            raise DataError("columns for a file with one sentence a line.", fix=fix, path=path)
        else:
            sentences = [words for words in map(split_words, text.split("\n")) if words]
        if not any(character.isalnum() for words in sentences for word in words for character in word):
            raise DataError("no text, only marks.", fix="give a file with sentences.", path=path)
        prefix = stem(path)
        rows = [{"id": f"{prefix}-{number}", "tokens": words} for number, words in enumerate(sentences)]
        words = sum(map(len, sentences))
        return TEXT_FEATURES, rows, f"{len(rows)} sentences, {words} words, format {form}"
