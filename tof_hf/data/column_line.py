"""A line of a column file; importing this loads nothing heavy."""

import re

from tof_hf.errors import DataError


def column_line(word: str, tag: str = "") -> str:
    """The line of a word in a column file, with a tab after a word with a blank; raises DataError for other ones."""
    if not word.strip() or word.strip(" ") != word or re.search(r"[\t-\r\x1c-\x1f]", word):
        fix = "give words without line breaks, tabs and blanks at their ends, or write *.jsonl or *.parquet."
        raise DataError(f"the word {word!r}, which would break the columns.", fix=fix)
    separator = "\t" if " " in word else " " if tag else ""
    return f"{word}{separator}{tag}\n"
