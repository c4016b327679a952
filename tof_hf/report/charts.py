"""Line charts, bar charts and matrices of counts. Each describes its numbers in words as well."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tof_hf.report.svg import Drawing, draw, text_width

WIDE, HIGH = 350, 205  # fits a phone; a wide page shows several charts side by side
MOST_POINTS = 200  # drawn of a line; more would not be visible

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
    scale = _scale([y for one in series for _, y in one.points], zero=zero, shown=shown)
    ticks = [(tick, shown(tick).removesuffix(".0")) for tick in scale]
    slanted = bool(labels) and max(map(text_width, labels)) > (WIDE - 80) / len(labels) - 6
    left, right = 14 + max(text_width(text) for _, text in ticks), WIDE - (24 if labels else 14)
    bottom = HIGH - (68 if slanted else 26) - (14 if labels and x_title else 0)
    inset = 14 if labels else 4
    xs = [float(x) for x in range(len(labels))] if labels else [x for one in series for x, _ in one.points]
    return draw(
        "line_chart.svg.jinja",
        name=name,
        title=title,
        width=WIDE,
        height=HIGH,
        series=[one.label for one in series] if len(series) > 1 else (),
        lines=series,
        few=_few,
        most_points=MOST_POINTS,
        place_x=_linear((min(xs), max(xs)), (left + inset, right - inset)),
        place_y=_linear((scale[0], scale[-1]), (bottom, 22)),
        position=lambda x: labels[int(x)] if labels else f"{x:g}",
        labels=labels,
        slanted=slanted,
        ends={} if labels else {min(xs): "start", max(xs): "end"},
        left=left,
        right=right,
        low=bottom + 16,
        ticks=ticks,
        x_title=x_title,
        y_title=y_title,
        shown=shown,
    )


def _linear(values: tuple[float, float], places: tuple[float, float]) -> Callable[[float], float]:
    """Maps the first and last of the values to the first and last of the places, and the others in proportion."""
    scale = (places[1] - places[0]) / ((values[1] - values[0]) or 1)
    return lambda value: round(places[0] + (value - values[0]) * scale, 1)


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
    """At most `most` of the points, with the first and the last."""
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
    bars = [(label, [(i, value) for i, value in enumerate(row) if value is not None]) for label, row in groups]
    values = [value for _, row in bars for _, value in row]
    left = min(0.4 * WIDE, max((text_width(label) for label, _ in groups), default=0) + 10)
    longest = WIDE - left - 12 - max((text_width(shown(value)) for value in values), default=0)
    height = 6 + len(groups) * (len(series) * thick + gap)
    return draw(
        "bar_chart.svg.jinja",
        name=name,
        title=title,
        width=WIDE,
        height=height,
        series=series if several else (),
        bars=True,
        groups=bars,
        names=series,
        thick=thick,
        gap=gap,
        left=left,
        bottom=height - gap + 6,
        scale=longest / (highest or max(values, default=0) or 1),
        shown=shown,
    )


def matrix(
    name: str, title: str, types: Sequence[str], counts: Sequence[Sequence[int]], *, nothing: str = "nothing"
) -> Drawing:
    """Counts of true types (rows) by predicted types (columns); the last of both is `nothing`."""
    names = [*types, nothing]
    left, top = min(110.0, max(map(text_width, names)) + 12) + 18, 48
    wide, high = max(56.0, min(76.0, (WIDE - left) / len(names))), 30
    right, bottom = left + wide * len(names), top + high * len(names)
    return draw(
        "matrix.svg.jinja",
        name=name,
        title=title,
        width=right + 2,
        height=bottom + 4,
        rows=[(true, [*zip(names, row, strict=True)]) for true, row in zip(names, counts, strict=True)],
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        wide=wide,
        high=high,
    )
