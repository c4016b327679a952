"""Splitting running text into words."""

import re
import unicodedata
from functools import cache


@cache
def combining_marks() -> str:
    """Marks of Indic scripts and emoji that are missing from Python's \\w, for a regex character class."""
    marks = "".join(c for c in map(chr, range(0x300, 0xFFFF)) if unicodedata.category(c)[0] == "M") + "\u200d"
    marks += "".join(map(chr, range(0x1F3FB, 0x1F400)))
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
    """Return the characters [start, end) of the words of `split_words`."""
    return [match.span() for match in _word_pattern().finditer(text)]
