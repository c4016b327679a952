"""Column files: one word a line with its annotation, a blank line after each sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from tof_hf.data.labels import check_scheme, is_tag, split_tag
from tof_hf.data.readers.files import lines_of
from tof_hf.errors import DataError
from tof_hf.utils.outside import TEXT

_COLUMN_KEYS = ("tokens", "ner_tags")


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """The words of a sentence and, if requested, its tags as written in the file."""

    tokens: list[str]
    tags: list[str]


def split_columns(line: str) -> list[str]:
    """Return the fields of a line: between tabs if it has one, else between blanks (not no-break spaces)."""
    if "\t" in line:
        return [field.strip(" \r") for field in line.rstrip(" \t\r").split("\t")]
    return line.split() if line.isascii() else [field for field in line.strip(" \r").split(" ") if field]


def is_markup(fields: list[str], line: str, *, inside: bool) -> bool:
    """Return whether a line holds no word: `-DOCSTART-`, `IMGID:`, or a comment above a sentence."""
    if line.startswith(("-DOCSTART-", "IMGID:")):
        return True
    # "# text = ..." above a sentence is a comment; the word "#" has a tag in its last column.
    return line.startswith("# ") and not inside and not (len(fields) > 1 and is_tag(fields[-1]))


def check_tag(tag: str, scheme: str | None) -> None:
    """Raise `DataError` for what is not a tag of the scheme; None means any scheme."""
    split_tag(tag)
    if scheme is not None:
        check_scheme([tag], scheme)


def parse_conll(text: str, *, path: Path, **options: Any) -> list[TaggedSentence]:
    """Return the sentences of the text of a column file, as `conll_sentences` with these options."""
    return list(conll_sentences(lines_of(text, path), path=path, **options))


def conll_sentences(
    lines: Iterable[str],
    *,
    path: Path,
    columns: Mapping[str, int] | None = None,
    with_tags: bool = True,
    scheme: str | None = None,
) -> Iterator[TaggedSentence]:
    """Yield the sentences of a column file; token first and tag last unless `columns` says otherwise.

    `-DOCSTART-`, `IMGID:` and comment lines are dropped, and so are words that are nothing but white space.
    Sentences that are empty after that do not count. Raises `DataError` with the line for a changing number
    of columns, a missing column and an unknown tag.
    """
    token_column, tag_column = _column_indices(columns, path)
    used = (token_column, tag_column) if with_tags else (token_column,)
    needed = max(len(used), *(max(index + 1, -index) for index in used))
    if scheme is not None:
        check_scheme([], scheme)
    sentence = TaggedSentence([], [])
    known: set[str] = set()
    width = first_line = count = length = 0
    longest = TEXT.limit
    for number, line in enumerate(chain(lines, [""]), start=1):
        fields = split_columns(line)
        # In Dutch CoNLL-2002 -DOCSTART- is the first line of a real sentence: only the line is dropped. The words
        # before it belong to another document.
        if not line.strip() or (line[0] in "-I#" and is_markup(fields, line, inside=bool(sentence.tokens))):
            if sentence.tokens:
                yield sentence
                count += 1
                sentence, length = TaggedSentence([], []), 0
            continue
        if not width:
            if len(fields) < needed:
                raise _too_few(len(fields), line, columns, needed, path, number)
            width, first_line = len(fields), number
        if len(fields) != width:
            raise DataError(
                f"{_count(len(fields))} ({line.strip()[:60]!r}) where line {first_line} has {width}.",
                fix="give every word the same number of columns, separated by tabs or blanks, "
                "and separate sentences by empty lines.",
                path=path,
                line=number,
            )
        token = fields[token_column]
        if with_tags and (tag := fields[tag_column]) not in known:
            try:
                check_tag(tag, scheme)
            except DataError as error:
                raise DataError(error.found, fix=error.fix, path=path, line=number) from None
            known.add(tag)
        if token.strip():
            sentence.tokens.append(token)
            if (length := length + len(token)) > longest:
                TEXT.check(length, path=path, line=number)
            if with_tags:
                sentence.tags.append(tag)
    if not count:
        raise DataError("no sentence.", fix="give a file with one word a line.", path=path)


def _column_indices(columns: Mapping[str, int] | None, path: Path) -> tuple[int, int]:
    indices = dict(columns or {})
    for key, index in indices.items():
        if key not in _COLUMN_KEYS or isinstance(index, bool) or not isinstance(index, int):
            raise DataError(
                f"columns entry {key!r}: {index!r}.",
                fix="for a column file write numbers, as in columns: {tokens: 0, ner_tags: -1}.",
                path=path,
            )
    return indices.get("tokens", 0), indices.get("ner_tags", -1)


def _too_few(
    width: int, line: str, columns: Mapping[str, int] | None, needed: int, path: Path, number: int
) -> DataError:
    found = f"{_count(width)} ({line.strip()[:60]!r}), where at least {needed} are needed."
    fix = "give one word a line with its tag in the last column; only unlabelled text (target.text) may lack tags."
    if columns is not None:
        existing = "only 0" if width == 1 else f"0 to {width - 1}"
        fix = f"name columns that are there ({existing}; -1 is the last), as in columns: {{tokens: 0, ner_tags: -1}}."
    return DataError(found, fix=fix, path=path, line=number)


def _count(columns: int) -> str:
    return "1 column" if columns == 1 else f"{columns} columns"
