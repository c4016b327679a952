"""The lines of a column file, split into columns."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from tof_hf.utils.text import is_visible

Line: TypeAlias = tuple[int, list[str]]  # number from 1, and columns; none for an empty line


def is_aside(fields: Sequence[str]) -> bool:
    """Whether a line may hold no word: a comment, `-DOCSTART-`, `IMGID:`."""
    return fields[0].startswith(("#", "IMGID:")) or any(field.startswith("-DOCSTART-") for field in fields)


def is_counted(field: str) -> bool | None:
    """Whether this is the number of a word; False for ranges and empty nodes of CoNLL-U (1-2, 1.1), None for others."""
    if field.isdecimal() and field.isascii():
        return True
    return False if re.fullmatch(r"\d+[-.]\d+", field, re.ASCII) else None


def numbered(lines: Iterable[str]) -> Iterator[Line]:
    """The lines with their numbers, split into columns."""
    return ((number, split_columns(line)) for number, line in enumerate(lines, start=1))


def split_columns(line: str) -> list[str]:
    """Return the fields of a line: between tabs if it has one, else between blanks (not no-break spaces)."""
    line = line.lstrip("\ufeff")
    if "\t" in line:
        return [field.strip(" \r") for field in line.rstrip(" \t\r").split("\t")] if line.strip() else []
    if line.isascii():
        return line.split()
    return [field for field in line.strip(" \r").split(" ") if field] if is_visible(line) else []
