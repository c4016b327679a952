"""Small drawings in SVG: they take their colours from the page they stand in, light or dark, or stand alone."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

# Name: colour on a light page, on a dark one. Text has a contrast of 4.5 at least to `paper`, all else of 3.
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
DASHES = ("", "6 3", "2 3", "8 3 2 3")  # for a seventh series and on: the colours come again with another dash
MARKERS = ("circle", "square", "triangle", "diamond", "cross", "ring")
MARGIN = 10  # of a drawing that stands alone
_FONT = "DejaVu Sans, Noto Sans, Liberation Sans, Arial, Helvetica, sans-serif"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML has no way to write these
_WIDTHS = {"wide": 1.0, "capital": 0.74, "other": 0.6}  # of the font size, as wide as a letter is on average


@dataclass
class Drawing:
    """Shapes in order; `name` is that of its file. `title` and `description` tell it to those who do not see it."""

    name: str
    title: str
    description: str
    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def add(self, tag: str, text: str | None = None, /, *, hint: str = "", **attributes: object) -> None:
        """One element; `font_size=11` becomes font-size, colours are names of COLOURS, `hint` is shown on hovering."""
        told = "".join(f' {name.strip("_").replace("_", "-")}="{_value(v)}"' for name, v in attributes.items())
        inside = (f"<title>{clean(hint)}</title>" if hint else "") + ("" if text is None else clean(text))
        self.parts.append(f"<{tag}{told}>{inside}</{tag}>" if inside else f"<{tag}{told}/>")

    def text(
        self, x: float, y: float, text: str, *, size: float = 11, colour: str = "ink", **attributes: object
    ) -> None:
        self.add("text", text, x=x, y=y, font_size=size, fill=colour, **attributes)

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str = "line", **attributes: object) -> None:
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=colour, **attributes)

    def rect(self, x: float, y: float, width: float, height: float, colour: str, **attributes: object) -> None:
        self.add("rect", x=x, y=y, width=width, height=height, fill=colour, **attributes)

    def marker(self, x: float, y: float, number: int, *, hint: str = "", size: float = 3.5) -> None:
        """A point of a series: another shape and colour for each, so that colour is not needed."""
        colour, shape = colour_of(number), MARKERS[number % len(MARKERS)]
        if shape == "circle":
            self.add("circle", cx=x, cy=y, r=size, fill=colour, hint=hint)
        elif shape == "ring":
            self.add("circle", cx=x, cy=y, r=size, fill="paper", stroke=colour, stroke_width=2, hint=hint)
        elif shape == "square":
            self.rect(x - size, y - size, 2 * size, 2 * size, colour, hint=hint)
        elif shape == "cross":
            d = f"M{_value(x - size)} {_value(y - size)}l{2 * size} {2 * size}m0 {-2 * size}l{-2 * size} {2 * size}"
            self.add("path", d=d, stroke=colour, stroke_width=2.5, fill="none", hint=hint)
        else:
            s = size + 1
            corners = [(0, -s), (s, s), (-s, s)] if shape == "triangle" else [(0, -s), (s, 0), (0, s), (-s, 0)]
            self.add("polygon", points=" ".join(f"{x + a:g},{y + b:g}" for a, b in corners), fill=colour, hint=hint)

    def legend(self, labels: Sequence[str], x: float, y: float, width: float, *, boxes: bool = False) -> float:
        """The names of the series beside their marks, in as many lines as needed; gives the height that took."""
        left, top = x, y
        for number, label in enumerate(labels):
            label_shown = shorten(label, width - 30, 11)
            wide = text_width(label_shown, 11) + 38
            if left > x and left + wide > x + width:
                left, top = x, top + 18
            if boxes:
                self.rect(left, top - 9, 11, 11, colour_of(number))
            else:
                dash = {"stroke_dasharray": DASHES[number // len(SERIES) % len(DASHES)] or "none"}
                self.line(left, top - 4, left + 20, top - 4, colour_of(number), stroke_width=2, **dash)
                self.marker(left + 10, top - 4, number)
            self.text(left + (16 if boxes else 25), top, label_shown, hint=label if label != label_shown else "")
            left += wide - (9 if boxes else 0)
        return top + 18 - y if labels else 0.0

    @property
    def svg(self) -> str:
        """The drawing as an element of a page."""
        ids = f"{self.name}-title", f"{self.name}-text"
        size = f'viewBox="0 0 {_value(self.width)} {_value(self.height)}" width="{_value(self.width)}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} height="{_value(self.height)}" role="img" '
            f'aria-labelledby="{ids[0]} {ids[1]}"><title id="{ids[0]}">{clean(self.title)}</title>'
            f'<desc id="{ids[1]}">{clean(self.description)}</desc>{"".join(self.parts)}</svg>'
        )


def standalone(drawing: Drawing) -> str:
    """A drawing as a file of its own, in the light colours on their own ground."""
    wide, high = _value(drawing.width + 2 * MARGIN), _value(drawing.height + 2 * MARGIN)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-MARGIN} {-MARGIN} {wide} {high}" width="{wide}" '
        f'height="{high}" font-family="{_FONT}">'
    )
    ground = f'<rect x="{-MARGIN}" y="{-MARGIN}" width="{wide}" height="{high}" fill="var(--paper)"/>'
    told = f"<title>{clean(drawing.title)}</title><desc>{clean(drawing.description)}</desc>"
    text = f"{head}{told}{ground}{''.join(drawing.parts)}</svg>\n"
    return re.sub(r"var\(--(\w+)\)", lambda match: COLOURS[match[1]][0] if match[1] in COLOURS else match[0], text)


def style_variables(theme: int) -> str:
    """The colours of the light (0) or dark (1) theme as CSS variables."""
    return "".join(f"--{name}:{values[theme]};" for name, values in COLOURS.items())


def colour_of(number: int) -> str:
    """The colour of a series."""
    return SERIES[number % len(SERIES)]


def clean(text: str) -> str:
    """Text as it may stand in an element or an attribute."""
    return escape(_CONTROL.sub("\ufffd", text))


def text_width(text: str, size: float) -> float:
    """About how wide a text is."""
    return size * sum(_WIDTHS[_kind(letter)] for letter in text)


def _kind(letter: str) -> str:
    if unicodedata.east_asian_width(letter) in "WF":
        return "wide"
    return "capital" if letter.isupper() or letter in "mw%@<>+=" else "other"


def shorten(text: str, width: float, size: float) -> str:
    """The text; its middle is cut out if it does not fit, for names often differ at their ends."""
    left, right = text[: (len(text) + 1) // 2], text[(len(text) + 1) // 2 :]
    cut = text
    while left and text_width(cut, size) > width:
        left, right = (left, right[1:]) if len(right) > len(left) else (left[:-1], right)
        cut = f"{left}…{right}"
    return cut


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from at most `low` to at least `high`."""
    span = max(high - low, 1e-9)
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * part for part in (1, 2, 2.5, 5, 10) if span / (power * part) <= most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _value(value: object) -> str:
    """An attribute's value; the name of a colour becomes the variable that holds it."""
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    text = str(value)
    return f"var(--{text})" if text in COLOURS else clean(text)
