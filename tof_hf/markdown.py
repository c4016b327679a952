"""Tables in Markdown that are as easy to read as text."""

from __future__ import annotations

from collections.abc import Sequence


def as_table(lines: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A table, its header first; the first `left` columns are aligned to the left, the others to the right."""
    lines = [[cell(text) for text in line] for line in lines]
    widths = [max(2, *map(len, column)) for column in zip(*lines, strict=True)]  # a rule is -: at least
    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    aligned = [
        [text.ljust(w) if i < left else text.rjust(w) for i, (text, w) in enumerate(zip(line, widths, strict=True))]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [aligned[0], rule, *aligned[1:]])


def cell(text: str) -> str:
    """Text as it may stand in a table, or in one line."""
    return text.replace("|", "\\|").replace("\n", " ")
