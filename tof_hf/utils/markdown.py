"""Markdown tables that also read well as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate


def as_table(lines: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A table whose first line is the header; the first `left` columns are left-aligned, the others right-aligned."""
    header, *rows = [[cell(text) for text in line] for line in lines]
    align = ["left" if number < left else "right" for number in range(len(header))]
    return tabulate(rows, header, tablefmt="pipe", colalign=align, disable_numparse=True)


def cell(text: str) -> str:
    """The text, escaped so that it stays in one table cell."""
    return text.replace("|", "\\|").replace("\n", " ")
