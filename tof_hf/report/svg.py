"""Small drawings in SVG, with the colours of their page, light or dark, or as files of their own.

Not drawn with a chart library: one takes a second or more for the charts of a page instead of milliseconds, installs
80 to 100 MB, and has no place for the values that are shown on hovering.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tof_hf.report.reading import short
from tof_hf.utils.templates import shown, templates
from tof_hf.utils.text import printable

# Name: colour on a light page, on a dark one. Text has a contrast of at least 4.5 to `paper`, all else of 3.
COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#14181f"),
    "panel": ("#f3f5f8", "#1e242d"),
    "ink": ("#1a2028", "#e8ecf1"),
    "soft": ("#525c69", "#a9b4c0"),
    "line": ("#d5dbe2", "#38424f"),
    "one": ("#0b5cc2", "#7db8ff"),
    "two": ("#b84a06", "#ff9a52"),
    "three": ("#167a3b", "#62d391"),
    "four": ("#8a2fd6", "#cda6ff"),
    "five": ("#0b7285", "#5fcde0"),
    "six": ("#b81d62", "#ff8fbd"),
    "good": ("#167a3b", "#62d391"),
    "bad": ("#b3261e", "#ff9087"),
}
SERIES = ("one", "two", "three", "four", "five", "six")


@dataclass(frozen=True)
class Drawing:
    """An element `<svg>` for a page; `name` is that of its file. Screen readers read its title and description."""

    name: str
    title: str
    width: float
    height: float
    svg: Markup

    @property
    def standalone(self) -> str:
        """The drawing as a file of its own, in the light colours with a margin around it."""
        text = _DRAWINGS.get_template("file.svg.jinja").render(drawing=self)
        return re.sub(r"var\(--(\w+)\)", lambda match: COLOURS[match[1]][0] if match[1] in COLOURS else match[0], text)


def draw(
    template: str,
    *,
    name: str,
    title: str,
    width: float,
    height: float,
    series: Sequence[str] = (),
    bars: bool = False,
    **values: object,
) -> Drawing:
    """The drawing that a template makes of the values, with the names of the `series`, lines or bars, at its bottom."""
    legend: list[tuple[float, float, str]] = []
    left, low, mark = 4.0, height + 8, 16 if bars else 25
    for label in series:
        wide = mark + min(width - 38, text_width(label)) + 13
        if left > 4 and left + wide > width - 4:
            left, low = 4.0, low + 18
        legend.append((left, low, label))
        left += wide
    height = low + 10 if legend else height
    values |= {"name": name, "title": title, "width": width, "height": height, "legend": legend, "bars": bars}
    return Drawing(name, title, width, height, Markup(_DRAWINGS.get_template(template).render(values)))


def text_width(text: str, size: float = 11) -> float:
    """Roughly how wide a text is."""
    return size * sum(_letter_width(letter) for letter in text)


def _letter_width(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return 0.74 if letter.isupper() or letter in "mw%@<>+=" else 0.6


def shorten(text: str, width: float, size: float = 11) -> str:
    """The text; if it is too wide, its middle is left out, because long names often differ at their ends."""
    shown, kept = text, len(text)
    while kept and text_width(shown, size) > width:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    return shown


def _written(value: object) -> object:
    """A value as a drawing has it: numbers with two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else shown(printable)(value)


PAGES = templates("tof_hf.report", "html")
PAGES.filters |= {"short": short, "shorten": shorten}
_DRAWINGS = PAGES.overlay(finalize=_written)
_DRAWINGS.globals["colours"] = SERIES
