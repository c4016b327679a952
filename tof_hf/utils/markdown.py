"""Markdown that shows texts of the data as they are, and tables that also read well as plain text."""

import re
from collections.abc import Sequence

from markupsafe import Markup
from tabulate import tabulate

from tof_hf.utils.text import printable

_BREAKS = re.compile(r"\s*\n\s*")
# Marks of emphasis, code, links, images, tables and mathematics, and of what begins a line.
_MARKS = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|^(?:[#>]|[+=-](?=[\s=-]|$))|(?<=^\d)[.)](?=\s|$)")
# HTML, entities and what GitHub's Markdown makes links of by itself.
_ENTITIES = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<=\w):(?=//)|(?<=\bwww)\.|(?<=\w)@(?=\w)", re.IGNORECASE)


def escape(text: str) -> Markup:
    """The text as Markdown that shows it on one line, in a table cell too."""
    line = _MARKS.sub(r"\\\g<0>", _BREAKS.sub(" ", printable(text)))
    return Markup(_ENTITIES.sub(lambda mark: f"&#{ord(mark[0])};", line))


def in_block(text: str) -> Markup:
    """The text as part of a line in a block of code."""
    return Markup(_BREAKS.sub(" ", printable(text)).replace("`", "'"))


def code(text: str) -> Markup:
    """The text as a code span, in a table cell too."""
    return Markup(f"`{in_block(text)}`".replace("|", "\\|"))


def as_table(lines: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A table whose first line is the header; the first `left` columns are left-aligned, the others right-aligned."""
    header, *rows = [[str(escape(text)) for text in line] for line in lines]
    align = ["left" if number < left else "right" for number in range(len(header))]
    return tabulate(rows, header, tablefmt="pipe", colalign=align, disable_numparse=True)
