"""Small drawings in SVG, with the colours of their page, light or dark, or as files of their own.

Not drawn with a chart library: one takes a second or more for the charts of a page instead of milliseconds, installs
80 to 100 MB, and has no place for the values that are shown on hovering.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

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
DASHES = ("none", "6 3", "2 3", "8 3 2 3")  # from the seventh series on: the same colours with another dash
MARKERS = (  # circle, square, triangle, diamond, cross, triangle that points down
    "M-3.5 0a3.5 3.5 0 1 1 7 0a3.5 3.5 0 1 1-7 0z",
    "M-3.5-3.5h7v7h-7z",
    "M0-4.5L4.5 4.5h-9z",
    "M0-4.5L4.5 0 0 4.5-4.5 0z",
    "M-4.5-2.5l2-2L0-2l2.5-2.5 2 2L2 0l2.5 2.5-2 2L0 2l-2.5 2.5-2-2L-2 0z",
    "M0 4.5L4.5-4.5h-9z",
)
MARGIN = 10  # around a drawing in a file of its own
FONT = "DejaVu Sans, Noto Sans, Liberation Sans, Arial, Helvetica, sans-serif"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML has no way to write these


@dataclass
class Drawing:
    """Shapes in order; `name` is its file's. Screen readers read `title` and `description`."""

    name: str
    title: str
    description: str
    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def add(self, tag: str, text: str = "", /, *, hint: str = "", **attributes: object) -> None:
        """One element: font_size=11 becomes font-size, names of COLOURS their colours; `hint` is shown on hovering."""
        written = "".join(f' {name.replace("_", "-")}="{_value(value)}"' for name, value in attributes.items())
        inside = (f"<title>{clean(hint)}</title>" if hint else "") + clean(text)
        self.parts.append(f"<{tag}{written}>{inside}</{tag}>" if inside else f"<{tag}{written}/>")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        room: float = math.inf,
        size: float = 11,
        colour: str = "ink",
        hint: str = "",
        **attributes: object,
    ) -> None:
        """A line of text; if it is wider than `room` it is shortened and shown in full on hovering."""
        shown = shorten(text, room, size)
        hint = hint or (text if shown != text else "")
        self.add("text", shown, hint=hint, x=x, y=y, font_size=size, fill=colour, **attributes)

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = "line", **attributes: object) -> None:
        """A straight line."""
        self.add("line", hint="", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, **attributes)

    def rect(
        self, x: float, y: float, width: float, height: float, colour: str, *, hint: str = "", **attributes: object
    ) -> None:
        """A filled rectangle."""
        self.add("rect", hint=hint, x=x, y=y, width=width, height=height, fill=colour, **attributes)

    def marker(self, x: float, y: float, number: int, *, hint: str = "") -> None:
        """A point of a series; each series has another shape, so that they differ without colour too."""
        place = f"translate({x:.1f} {y:.1f})"
        self.add("path", hint=hint, d=MARKERS[number % len(MARKERS)], transform=place, fill=colour_of(number))

    def series(self, points: Sequence[tuple[float, float]], number: int) -> None:
        """The line of a series."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = DASHES[number // len(SERIES) % len(DASHES)]
        colour = colour_of(number)
        self.add("polyline", points=path, fill="none", stroke=colour, stroke_width=2, stroke_dasharray=dash)

    def legend(self, labels: Sequence[str], *, bars: bool = False) -> None:
        """Add the names of the series at the bottom, each with a piece of its line or its bar."""
        left, y, mark = 4.0, self.height + 8, 16 if bars else 25
        for number, label in enumerate(labels):
            room = self.width - 38
            wide = mark + min(room, text_width(label)) + 13
            if left > 4 and left + wide > self.width - 4:
                left, y = 4.0, y + 18
            if bars:
                self.rect(left, y - 9, 11, 11, colour_of(number))
            else:
                self.series([(left, y - 4), (left + 20, y - 4)], number)
                self.marker(left + 10, y - 4, number)
            self.text(left + mark, y, label, room=room)
            left += wide
        self.height = y + 10

    @property
    def svg(self) -> str:
        """The drawing as an element of a page."""
        size = f'viewBox="0 0 {_value(self.width)} {_value(self.height)}" width="{_value(self.width)}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} height="{_value(self.height)}" role="img" '
            f'aria-labelledby="{self.name}-title {self.name}-text"><title id="{self.name}-title">{clean(self.title)}'
            f'</title><desc id="{self.name}-text">{clean(self.description)}</desc>{"".join(self.parts)}</svg>'
        )

    @property
    def standalone(self) -> str:
        """The drawing as a file of its own, in the light colours with a margin around it."""
        size = f'width="{_value(self.width + 2 * MARGIN)}" height="{_value(self.height + 2 * MARGIN)}"'
        text = (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}"><rect {size} fill="var(--paper)"/>'
            f'<g transform="translate({MARGIN} {MARGIN})">{self.svg}</g></svg>\n'
        )
        return re.sub(r"var\(--(\w+)\)", lambda match: COLOURS[match[1]][0] if match[1] in COLOURS else match[0], text)


def colour_of(number: int) -> str:
    """The colour of a series."""
    return SERIES[number % len(SERIES)]


def style_variables(theme: int) -> str:
    """The colours of the light (0) or dark (1) theme as CSS variables."""
    return "".join(f"--{name}:{values[theme]};" for name, values in COLOURS.items())


def clean(text: str) -> str:
    """The text, escaped for an element or an attribute."""
    return escape(_CONTROL.sub("\ufffd", text))


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


def _value(value: object) -> str:
    """An attribute's value; the name of a colour becomes the variable that holds it."""
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    text = str(value)
    return f"var(--{text})" if text in COLOURS else clean(text)
