"""What a word is in running text."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache


@cache
def combining_marks() -> str:
    """Marks that are part of words in Indic scripts and of emoji but not of Python's \\w, for a character class."""
    marks = "".join(c for c in map(chr, range(0x300, 0xFFFF)) if unicodedata.category(c)[0] == "M") + "\u200d"
    marks += "".join(chr(c) for c in range(0x1F3FB, 0x1F400)) if sys.maxunicode > 0xFFFF else ""
    return re.escape(marks)


@cache
def _word_pattern() -> re.Pattern[str]:
    marks = combining_marks()
    part = rf"[\w{marks}]+"
    return re.compile(rf"{part}(?:['’\-]{part})*|\S[{marks}]*")


def split_words(text: str) -> list[str]:
    """Return the words of a sentence: runs with inner apostrophes and hyphens, else single marks."""
    return _word_pattern().findall(text)


def find_word_spans(text: str) -> list[tuple[int, int]]:
    """Return where the words of `split_words` stand, characters [start, end)."""
    return [match.span() for match in _word_pattern().finditer(text)]
