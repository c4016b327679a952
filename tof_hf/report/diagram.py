"""The stages of a run as a tree, from the encoder down to the taggers, with what learns from whose labels."""

from __future__ import annotations

from dataclasses import dataclass

from tof_hf.report.charts import percent
from tof_hf.report.reading import Run, Stage
from tof_hf.report.svg import Drawing, shorten, text_width

BOX, HIGH, ROW = 210, 66, 100
GAP, GAP_LABELS = 22, 62  # left of a column; wider where arrows of labels go


@dataclass(frozen=True)
class _Place:
    column: int
    row: int


def stage_diagram(run: Run) -> Drawing:
    """The drawing; the final tagger's way stands on the left."""
    places = _places(run)
    taught = [(tagger, user) for tagger, user in _teachings(run) if tagger in places and user in places]
    columns = max((place.column for place in places.values()), default=0) + 1
    teaching = {min(places[tagger].column, places[user].column) for tagger, user in taught}
    left: list[float] = []
    right = 2.0
    for column in range(columns):
        left.append(right + (GAP_LABELS if column in teaching else GAP if column else 2))
        right = left[-1] + BOX
    rows = max((place.row for place in places.values()), default=0) + 1
    height = 46 + rows * ROW + (30 if taught else 4)
    drawing = Drawing("stages", "Stages of the run", _told(run), max(right + 4, 300), height)

    def corner(name: str | None) -> tuple[float, float]:
        """Left and top of the box of a stage; of the encoder, if it is none."""
        place = places.get(name, _Place(0, -1))
        return left[place.column], 46.0 + place.row * ROW if place.row >= 0 else 2.0

    _encoder(drawing, run, *corner(None))
    for name in places:
        _arrow(drawing, corner(run.stages[name].start), corner(name), high=HIGH if run.stages[name].start else 28)
    for tagger, user in taught:
        _teaching(drawing, corner(tagger), corner(user))
    for name in places:
        _box(drawing, run, run.stages[name], *corner(name))
    if taught:
        drawing.line(4, height - 12, 34, height - 12, "four", stroke_width=1.6, stroke_dasharray="4 3")
        drawing.text(40, height - 8, "its labels are learned from", colour="soft")
    return drawing


def _teachings(run: Run) -> dict[tuple[str, str], None]:
    """Each tagger with a stage that learned from its labels or probabilities."""
    by_labels = [(entry.tagger, user) for entry in run.labellings for user in entry.used_by]
    soft = [entry for journey in run.lineage["systems"].values() for entry in journey.get("soft_labels", [])]
    by_teachers = [
        (tagger, user) for entry in soft for tagger in entry["teachers"] + entry["voters"] for user in entry["used_by"]
    ]
    return dict.fromkeys([*by_labels, *by_teachers])


def _places(run: Run) -> dict[str, _Place]:
    """Column and row of every stage: children below their start, the first child straight below."""
    children: dict[str | None, list[str]] = {}
    for name, stage in run.stages.items():
        children.setdefault(stage.start if stage.start in run.stages else None, []).append(name)
    chain = {None: True}
    name = run.best[1] if run.best else None
    while name in run.stages:
        chain[name] = True
        name = run.stages[name].start
    places: dict[str, _Place] = {}
    columns = 0

    def put(name: str, row: int) -> None:
        nonlocal columns
        places[name] = _Place(columns, row)
        below(name, row + 1)

    def below(name: str | None, row: int) -> None:
        nonlocal columns
        ordered = sorted(children.get(name, ()), key=lambda child: child not in chain)
        for number, child in enumerate(ordered):
            columns += number > 0
            put(child, row)

    below(None, 0)
    return places


def _encoder(drawing: Drawing, run: Run, x: float, y: float) -> None:
    name = run.lineage["encoder"]["name"]
    drawing.rect(x, y, BOX, 28, "panel", stroke="line", rx=14)
    text = shorten(name, BOX - 20, 12)
    drawing.text(x + BOX / 2, y + 18, text, size=12, text_anchor="middle", hint=name if text != name else "")


def _box(drawing: Drawing, run: Run, stage: Stage, x: float, y: float) -> None:
    final = run.final is not None and stage.name == run.final[1]
    edge = {"stroke": "one", "stroke_width": 2.5} if final else {"stroke": "soft", "stroke_width": 1}
    if not stage.finished:
        edge |= {"stroke_dasharray": "5 4"}
    drawing.rect(x, y, BOX, HIGH, "paper", rx=6, hint=stage.name, **edge)
    score = next((s for split in run.splits if (s := run.of(stage.name, split))), None)
    drawing.text(x + 10, y + 20, shorten(stage.short, BOX - (70 if score else 20), 13), size=13, font_weight="bold")
    if score:
        drawing.text(x + BOX - 10, y + 20, f"F1 {percent(score.f1)}", size=12, text_anchor="end", hint=score.split)
    lines = _lines([f"{count:,} {what}" for what, count in stage.rows.items()] or ["not finished"])
    for number, line in enumerate(lines):
        drawing.text(x + 10, y + 38 + 15 * number, line, size=10.5, colour="soft", hint=_rows(stage))
    systems = [system for system, end in run.ends.items() if end == stage.name]
    if systems:
        named = ", ".join(systems) + (" (final)" if final else "")
        text = shorten(named, BOX - 12, 13)
        hint = named if text != named else ""
        goes_on = any(other.start == stage.name for other in run.stages.values())  # an arrow stands in the middle
        style = {"colour": "one", "font_weight": "bold", "text_anchor": "start" if goes_on else "middle"}
        drawing.text(x + BOX / 2 + (8 if goes_on else 0), y + HIGH + 17, text, size=12, hint=hint, **style)


def _lines(parts: list[str]) -> list[str]:
    """The parts with a plus between them in two lines; what does not fit is left out."""
    lines = [""]
    for number, part in enumerate(parts):
        text = part if number == 0 else f"+ {part}"
        if lines[-1] and text_width(f"{lines[-1]} {text}", 10.5) > BOX - 20:
            lines.append("")
        lines[-1] = f"{lines[-1]} {text}".strip()
    if len(lines) > 2:
        lines = [lines[0], lines[1] + " …"]
    return [shorten(line, BOX - 20, 10.5) for line in lines]


def _rows(stage: Stage) -> str:
    return " + ".join(f"{count:,} {what}" for what, count in stage.rows.items())


def _arrow(drawing: Drawing, start: tuple[float, float], end: tuple[float, float], *, high: float) -> None:
    """From the bottom of one box to the top of another."""
    x1, y1, x2, y2 = start[0] + BOX / 2, start[1] + high, end[0] + BOX / 2, end[1]
    bend = y2 - 10
    path = f"M{x1:.1f} {y1:.1f}V{y2 - 5:.1f}" if x1 == x2 else f"M{x1:.1f} {y1:.1f}V{bend:.1f}H{x2:.1f}V{y2 - 5:.1f}"
    drawing.add("path", d=path, fill="none", stroke="soft", stroke_width=1.5)
    drawing.add(
        "polygon", points=f"{x2:.1f},{y2:.1f} {x2 - 4.5:.1f},{y2 - 8:.1f} {x2 + 4.5:.1f},{y2 - 8:.1f}", fill="soft"
    )


def _teaching(drawing: Drawing, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A dashed bow along the left of the boxes, from a tagger to what learns from its labels."""
    x1, y1, x2, y2 = start[0], start[1] + HIGH * 0.7, end[0], end[1] + HIGH * 0.4
    bow = min(x1, x2) - min(GAP_LABELS - 8, 16 + 0.14 * abs(y2 - y1))
    path = f"M{x1:.1f} {y1:.1f}C{bow:.1f} {y1:.1f} {bow:.1f} {y2:.1f} {x2 - 5:.1f} {y2:.1f}"
    drawing.add("path", d=path, fill="none", stroke="four", stroke_width=1.6, stroke_dasharray="4 3")
    drawing.add(
        "polygon", points=f"{x2:.1f},{y2:.1f} {x2 - 8:.1f},{y2 - 4.5:.1f} {x2 - 8:.1f},{y2 + 4.5:.1f}", fill="four"
    )


def _told(run: Run) -> str:
    lines = []
    for system, stages in run.systems.items():
        lines.append(
            f"{system}: {run.lineage['encoder']['name']}, then " + ", ".join(run.stages[s].short for s in stages)
        )
    for entry in run.labellings:
        users = ", ".join(user.rpartition("-")[2] for user in entry.used_by) or "nothing"
        lines.append(f"in {entry.system} {users} learned from the labels of {entry.tagger.rpartition('-')[2]}")
    return "; ".join(lines) + "."
