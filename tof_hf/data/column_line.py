"""Lines of column files, one word each; importing this loads nothing heavy."""

import re
from collections.abc import Sequence

from tof_hf.errors import DataError


def column_text(words: Sequence[str], tags: Sequence[str], *, separator: str = " ") -> str:
    """One sentence, a word a line, with an empty line after it."""
    lines = zip(words, tags or [""] * len(words), strict=True)
    return "".join(column_line(word, tag, separator=separator) for word, tag in lines) + "\n"


def column_line(word: str, tag: str = "", *, separator: str = " ") -> str:
    """The line of a word in a column file, with a tab where a blank is inside; raises DataError for other ones."""
    if not word.strip() or word.strip(" \ufeff") != word or re.search(r"[\0\t-\r\x1c-\x1f]", word + tag):
        fix = "give words without line breaks, tabs and blanks at their ends, or write *.jsonl or *.parquet."
        raise DataError(f"the word {word!r}, which would break the columns.", fix=fix)
    separator = "\t" if " " in word + tag else separator if tag else ""
    return f"{word}{separator}{tag}\n"
