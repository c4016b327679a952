"""Line charts, bar charts and matrices of counts. Each describes its numbers in words as well."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tof_hf.report.svg import Drawing, colour_of, text_width

WIDE, HIGH = 350, 205  # fits a phone; a wide page shows several charts side by side
MOST_POINTS = 200  # drawn of a line; more would not be visible
WITH_MARKERS = 30  # points at most; a longer line has no markers

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A named line: points from left to right."""

    label: str
    points: Sequence[Point]


def percent(value: float) -> str:
    """A share in 0..1 as a percentage."""
    return f"{100 * value:.1f}"


def line_chart(
    name: str,
    title: str,
    series: Sequence[Series],
    *,
    labels: Sequence[str] = (),
    x_title: str = "",
    y_title: str = "",
    shown: Callable[[float], str] = percent,
    zero: bool = False,
) -> Drawing:
    """Lines over numbers, or over the named positions 0, 1, ... of `labels`.

    A series of a single point also gets a dotted line across the chart. `zero`: the axis begins at 0, not near the
    lowest value.
    """

    def position(x: float) -> str:
        return labels[int(x)] if labels else f"{x:g}"

    description = [
        f"{one.label}: " + ", ".join(f"{position(x)} {shown(y)}" for x, y in _few(one.points, 12)) for one in series
    ]
    drawing = Drawing(name, title, f"{y_title} {'; '.join(description)}".strip(), WIDE, HIGH)
    drawing.text(0, 11, y_title, colour="soft")
    scale = _scale([y for one in series for _, y in one.points], zero=zero, shown=shown)
    axis = [shown(tick).removesuffix(".0") for tick in scale]
    slanted = bool(labels) and max(map(text_width, labels)) > (WIDE - 80) / len(labels) - 6
    left, right = 14 + max(map(text_width, axis)), WIDE - (24 if labels else 14)
    bottom = HIGH - (68 if slanted else 26) - (14 if labels and x_title else 0)
    inset = 14 if labels else 4
    xs = [float(x) for x in range(len(labels))] if labels else [x for one in series for x, _ in one.points]
    place_x = _linear((min(xs), max(xs)), (left + inset, right - inset))
    place_y = _linear((scale[0], scale[-1]), (bottom, 22))
    for tick, text in zip(scale, axis, strict=True):
        drawing.line(left, place_y(tick), right, place_y(tick))
        drawing.text(left - 6, place_y(tick) + 4, text, colour="soft", text_anchor="end")
    low = bottom + 16
    for middle, label in zip(map(place_x, xs), labels, strict=False):
        if slanted:
            turn = f"rotate(-35 {middle:.1f} {low:.1f})"
            drawing.text(middle + 4, low - 4, label, room=96, colour="soft", text_anchor="end", transform=turn)
        else:
            drawing.text(middle, low, label, colour="soft", text_anchor="middle")
    for x, anchor in {min(xs): "start", max(xs): "end"}.items() if not labels else ():
        drawing.text(place_x(x), low, f"{x:,.0f}", colour="soft", text_anchor=anchor)
    drawing.text((left + right) / 2, HIGH - 10, x_title, colour="soft", text_anchor="middle")
    for number, one in enumerate(series):
        points = _few(one.points, MOST_POINTS)
        if len(points) == 1 and len(labels) > 1:
            level = place_y(points[0][1])
            drawing.line(left, level, right, level, colour_of(number), stroke_width=1.2, stroke_dasharray="2 4")
        drawing.series([(place_x(x), place_y(y)) for x, y in points], number)
        for x, y in points if len(points) <= WITH_MARKERS else ():
            drawing.marker(place_x(x), place_y(y), number, hint=f"{one.label}, {position(x)}: {shown(y)}")
    if len(series) > 1:
        drawing.legend([one.label for one in series])
    return drawing


def _linear(values: tuple[float, float], places: tuple[float, float]) -> Callable[[float], float]:
    """Maps the first and last of the values to the first and last of the places, and the others in proportion."""
    scale = (places[1] - places[0]) / ((values[1] - values[0]) or 1)
    return lambda value: places[0] + (value - values[0]) * scale


def _scale(values: Sequence[float], *, zero: bool, shown: Callable[[float], str]) -> list[float]:
    """The numbers on the vertical axis."""
    share = shown is percent
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = max((high - low) * 0.08, 0.01 if share else abs(high) * 0.02, 1e-6)
    low = 0.0 if zero else max(0.0, low - room) if low >= 0 else low - room
    high = min(1.0, high + room) if share and high <= 1 else high + room
    scale = ticks(low, high)
    if len({shown(tick) for tick in scale}) < len(scale):  # counts: there are no halves
        return [float(number) for number in range(math.floor(scale[0]), math.ceil(scale[-1]) + 1)]
    return scale


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from `low` or less to `high` or more."""
    span = max(high - low, 1e-9)
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * part for part in (1, 2, 2.5, 5, 10) if span / (power * part) <= most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _few(points: Sequence[Point], most: int) -> Sequence[Point]:
    """At most so many of the points, with the first and the last."""
    if len(points) <= most:
        return points
    return [points[round(number * (len(points) - 1) / (most - 1))] for number in range(most)]


def bar_chart(
    name: str,
    title: str,
    groups: Sequence[tuple[str, Sequence[float | None]]],
    *,
    series: Sequence[str] = ("",),
    shown: Callable[[float], str] = percent,
    highest: float | None = None,
) -> Drawing:
    """Horizontal bars: a group for each name, and in it a bar for each of the `series` (None: no bar)."""
    several = len(series) > 1
    thick, gap = (13, 12) if several else (16, 7)
    left = min(0.4 * WIDE, max((text_width(label) for label, _ in groups), default=0) + 10)
    values = [value for _, row in groups for value in row if value is not None]
    longest = WIDE - left - 12 - max((text_width(shown(value)) for value in values), default=0)
    scale = longest / (highest or max(values, default=0) or 1)
    description = [
        f"{label}: "
        + ", ".join(f"{one} {shown(v)}".strip() for one, v in zip(series, row, strict=True) if v is not None)
        for label, row in groups
    ]
    drawing = Drawing(name, title, "; ".join(description), WIDE, 6)
    for label, row in groups:
        top = drawing.height
        drawing.text(left - 8, top + len(row) * thick / 2 + 4, label, room=left - 8, text_anchor="end")
        for number, value in enumerate(row):
            if value is not None:
                y, long = top + number * thick, max(1.0, value * scale)
                hint = f"{label}, {series[number]}: {shown(value)}" if several else ""
                drawing.rect(left, y + 1, long, thick - 2, colour_of(number), rx=2, hint=hint)
                drawing.text(left + long + 5, y + thick / 2 + 4, shown(value), colour="soft")
        drawing.height += len(row) * thick + gap
    drawing.line(left, 0, left, drawing.height - gap + 6, "soft")
    if several:
        drawing.legend(series, bars=True)
    return drawing


def matrix(
    name: str, title: str, types: Sequence[str], counts: Sequence[Sequence[int]], *, nothing: str = "nothing"
) -> Drawing:
    """Counts of true types (rows) by predicted types (columns); the last of both is `nothing`."""
    names = [*types, nothing]
    left, top = min(110.0, max(map(text_width, names)) + 12) + 18, 48
    wide, high = max(56.0, min(76.0, (WIDE - left) / len(names))), 30
    right, bottom = left + wide * len(names), top + high * len(names)
    description = [
        f"true {true}: " + ", ".join(f"{n:,} as {predicted}" for predicted, n in zip(names, row, strict=True) if n)
        for true, row in zip(names, counts, strict=True)
        if any(row)
    ]
    drawing = Drawing(name, title, "; ".join(description), right + 2, bottom + 4)
    turn = f"rotate(-90 10 {(top + bottom) / 2})"
    drawing.text((left + right) / 2, 12, "predicted", colour="soft", text_anchor="middle")
    drawing.text(10, (top + bottom) / 2, "true", colour="soft", text_anchor="middle", transform=turn)
    for i, (true, row) in enumerate(zip(names, counts, strict=True)):
        x, y = left + i * wide, top + i * high
        slope = "italic" if i == len(types) else "normal"
        drawing.text(x + wide / 2, top - 9, true, room=wide - 4, text_anchor="middle", font_style=slope)
        drawing.text(left - 8, y + 19, true, room=left - 30, text_anchor="end", font_style=slope)
        for j, (predicted, count) in enumerate(zip(names, row, strict=True)):
            if i == j == len(types):
                continue
            x = left + j * wide
            hint = f"true {true}, predicted {predicted}: {count:,}"
            shade = round(0.04 + 0.36 * count / max(1, sum(row)), 3)
            colour, weight = ("one", "bold") if i == j else ("two", "normal")
            drawing.rect(x + 1, y + 1, wide - 2, high - 2, colour, rx=3, fill_opacity=shade, hint=hint)
            drawing.text(x + wide / 2, y + 19, f"{count:,}", text_anchor="middle", font_weight=weight)
    return drawing
