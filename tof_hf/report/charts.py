"""Charts of plain numbers: lines, bars, counts in a matrix. Each is also told in words, for those who do not see it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tof_hf.report.svg import DASHES, SERIES, Drawing, colour_of, shorten, text_width, ticks

WIDE = 350  # small enough for a telephone; a wide page shows several beside each other
MOST_POINTS = 200  # of a line; more would not be seen


@dataclass(frozen=True)
class Series:
    """A named line: points from left to right."""

    label: str
    points: Sequence[tuple[float, float]]


def percent(value: float) -> str:
    """A share in 0..1 as it stands on axes and bars."""
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
    width: float = WIDE,
    height: float = 215,
) -> Drawing:
    """Lines over numbers, or over the places that `labels` name. A series of one point goes across as a dashed line.

    `zero`: the axis begins at 0, else near the lowest value.
    """
    told = "; ".join(
        f"{one.label}: "
        + ", ".join(f"{labels[int(x)] if labels else f'{x:g}'} {shown(y)}" for x, y in _few(one.points, 12))
        for one in series
    )
    drawing = Drawing(name, title, f"{y_title} {told}".strip(), width, height)
    drawing.text(0, 11, y_title, colour="soft")
    scale = _scale([value for one in series for _, value in one.points], zero=zero, shown=shown)
    axis = [shown(tick) for tick in scale]
    if all(text.endswith(".0") for text in axis):
        axis = [text[:-2] for text in axis]
    slanted = bool(labels) and max(text_width(label, 11) for label in labels) > (width - 80) / len(labels) - 6
    xs = [0, max(len(labels) - 1, 1)] if labels else [x for one in series for x, _ in one.points]
    frame = _Frame(
        left=14 + max(text_width(text, 11) for text in axis),
        right=width - (24 if labels else 14),
        top=22.0,
        bottom=height - (68 if slanted else 26) - (14 if labels and x_title else 0),
        inset=14 if labels else 4,
        x_range=(min(xs), max(xs)),
        y_range=(scale[0], scale[-1]),
    )
    for tick, text in zip(scale, axis, strict=True):
        y = frame.place(xs[0], tick)[1]
        drawing.line(frame.left, y, frame.right, y)
        drawing.text(frame.left - 6, y + 4, text, colour="soft", text_anchor="end")
    _x_axis(drawing, frame, labels, x_title, slanted=slanted)
    for number, one in enumerate(series):
        _line(drawing, frame, number, one, shown, labels)
    if len(series) > 1:
        drawing.height += drawing.legend([one.label for one in series], 4, height + 8, width - 8) - 4
    return drawing


@dataclass(frozen=True)
class _Frame:
    """Where a chart's lines lie in the drawing, and what its edges stand for."""

    left: float
    right: float
    top: float
    bottom: float
    inset: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The place of a point in the drawing."""
        (low_x, high_x), (low, high) = self.x_range, self.y_range
        across = (x - low_x) / (high_x - low_x) if high_x > low_x else 0.5
        wide = self.right - self.left - 2 * self.inset
        up = (y - low) / (high - low)
        return self.left + self.inset + across * wide, self.bottom - up * (self.bottom - self.top)


def _scale(values: Sequence[float], *, zero: bool, shown: Callable[[float], str]) -> list[float]:
    """The numbers on the upright axis."""
    share = shown is percent
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = max((high - low) * 0.08, 0.01 if share else abs(high) * 0.02, 1e-6)
    low = 0.0 if zero else max(0.0, low - room) if low >= 0 else low - room
    high = min(1.0, high + room) if share and high <= 1 else high + room
    scale = ticks(low, high)
    if len({shown(tick) for tick in scale}) < len(scale):  # counts, of which there are no halves
        return [float(number) for number in range(math.floor(scale[0]), math.ceil(scale[-1]) + 1)]
    return scale


def _x_axis(drawing: Drawing, frame: _Frame, labels: Sequence[str], title: str, *, slanted: bool) -> None:
    for number, label in enumerate(labels):
        _x_label(drawing, frame.place(number, frame.y_range[0])[0], frame.bottom + 16, label, slanted=slanted)
    low, high = frame.x_range
    if not labels:
        ends = {low: "start", high: "end"} if low < high else {}
        for x, anchor in ends.items():
            place = frame.place(x, frame.y_range[0])[0]
            drawing.text(place, frame.bottom + 16, f"{x:,.0f}", colour="soft", text_anchor=anchor)
        title = title if ends else f"{low:,.0f} {title}"
    middle = (frame.left + frame.right) / 2
    drawing.text(middle, drawing.height - 10, title, colour="soft", text_anchor="middle")


def _x_label(drawing: Drawing, x: float, y: float, label: str, *, slanted: bool) -> None:
    if slanted:
        text = shorten(label, 96, 11)
        turn = f"rotate(-35 {x:.1f} {y:.1f})"
        hint = label if text != label else ""
        drawing.text(x + 4, y - 4, text, colour="soft", text_anchor="end", transform=turn, hint=hint)
    else:
        drawing.text(x, y, label, colour="soft", text_anchor="middle")


def _line(
    drawing: Drawing, frame: _Frame, number: int, one: Series, shown: Callable[[float], str], labels: Sequence[str]
) -> None:
    points = _few(one.points, MOST_POINTS)
    dash = DASHES[number // len(SERIES) % len(DASHES)] or "none"
    places = [frame.place(*point) for point in points]
    if len(points) == 1 and len(labels) > 1:
        y = places[0][1]
        drawing.line(frame.left, y, frame.right, y, colour_of(number), stroke_width=1.2, stroke_dasharray="2 4")
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    drawing.add("polyline", points=path, fill="none", stroke=colour_of(number), stroke_width=2, stroke_dasharray=dash)
    if len(points) <= 30:
        for (x, y), (at, value) in zip(places, points, strict=True):
            where = labels[int(at)] if labels else f"{at:g}"
            drawing.marker(x, y, number, hint=f"{one.label}, {where}: {shown(value)}")


def _few(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most so many of the points, with the first and the last."""
    if len(points) <= most:
        return list(points)
    return [points[round(number * (len(points) - 1) / (most - 1))] for number in range(most)]


def bar_chart(
    name: str,
    title: str,
    groups: Sequence[tuple[str, Sequence[float | None]]],
    *,
    series: Sequence[str] = ("",),
    shown: Callable[[float], str] = percent,
    highest: float | None = None,
    width: float = WIDE,
) -> Drawing:
    """Bars from left to right: a group for each name, in it a bar for each of the `series` (None: no bar)."""
    many = len(series) > 1
    thick, gap = (13, 12) if many else (16, 7)
    column = min(0.4 * width, max((text_width(label, 11) for label, _ in groups), default=0) + 10)
    values = [value for _, row in groups for value in row if value is not None]
    top_value = highest or max(values, default=0) or 1
    room = width - column - 12 - max((text_width(shown(value), 11) for value in values), default=0)
    told = "; ".join(
        f"{label}: "
        + ", ".join(f"{one} {shown(v)}".strip() for one, v in zip(series, row, strict=True) if v is not None)
        for label, row in groups
    )
    drawing = Drawing(name, title, told, width, 0)
    y = 6.0
    for label, row in groups:
        text = shorten(label, column - 8, 11)
        middle = y + len(row) * thick / 2
        drawing.text(column - 8, middle + 4, text, text_anchor="end", hint=label if text != label else "")
        for number, value in enumerate(row):
            if value is not None:
                long = max(1.0, value / top_value * room)
                hint = f"{label}, {series[number]}: {shown(value)}" if many else ""
                drawing.rect(column, y + 1, long, thick - 2, colour_of(number), rx=2, hint=hint)
                drawing.text(column + long + 5, y + thick / 2 + 4, shown(value), colour="soft")
            y += thick
        y += gap
    drawing.line(column, 0, column, y - gap + 6, "soft")
    drawing.height = y
    if many:
        drawing.height += 10
        drawing.height += drawing.legend(series, 4, drawing.height, width - 8, boxes=True) - 8
    return drawing


def matrix(
    name: str, title: str, types: Sequence[str], counts: Sequence[Sequence[int]], *, nothing: str = "nothing"
) -> Drawing:
    """Counts of true types (rows) by predicted types (columns); the last of both is `nothing`."""
    names = [*types, nothing]
    column = min(110.0, max(text_width(label, 11) for label in names) + 12) + 18
    cell = max(56.0, min(76.0, (WIDE - column) / len(names)))
    high, top = 30, 48
    told = "; ".join(
        f"true {true}: " + ", ".join(f"{count:,} as {guess}" for guess, count in zip(names, row, strict=True) if count)
        for true, row in zip(names, counts, strict=True)
        if any(row)
    )
    drawing = Drawing(name, title, told, column + cell * len(names) + 2, top + high * len(names) + 4)
    drawing.text(column + cell * len(names) / 2, 12, "predicted", colour="soft", text_anchor="middle")
    drawing.text(10, top + high * len(names) / 2, "true", colour="soft", text_anchor="middle",
                 transform=f"rotate(-90 10 {top + high * len(names) / 2})")  # fmt: skip
    for number, label in enumerate(names):
        text = shorten(label, cell - 4, 11)
        hint, slope = label if text != label else "", {"font_style": "italic"} if number == len(types) else {}
        drawing.text(column + (number + 0.5) * cell, top - 9, text, text_anchor="middle", hint=hint, **slope)
        text = shorten(label, column - 30, 11)
        hint = label if text != label else ""
        drawing.text(column - 8, top + number * high + 19, text, text_anchor="end", hint=hint, **slope)
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            x, y = column + j * cell, top + i * high
            share = count / max(1, sum(row))
            if not (i == j == len(types)):
                fill = {"fill_opacity": round(0.04 + 0.36 * share, 3)}
                hint = f"true {names[i]}, predicted {names[j]}: {count:,}"
                drawing.rect(x + 1, y + 1, cell - 2, high - 2, "one" if i == j else "two", rx=3, hint=hint, **fill)
                weight = {"font_weight": "bold"} if i == j else {}
                drawing.text(x + cell / 2, y + 19, f"{count:,}", text_anchor="middle", **weight)
    return drawing
