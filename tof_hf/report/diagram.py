"""The stages of a run as a tree, from the encoder down to the taggers, and which stages learned from whose labels."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from tof_hf.report.charts import percent
from tof_hf.report.reading import Run, Stage, short
from tof_hf.report.svg import Drawing

BOX, HIGH, ENCODER_HIGH, ROW, TOP = 210, 66, 28, 100, 46
GAP, GAP_LABELS = 22, 62  # to the left of a column; wider where arrows of labels go
LETTERS = 30  # of small text in the width of a box


@dataclass(frozen=True)
class _Box:
    """The top left corner of a box, and its height."""

    x: float
    y: float
    high: float

    @property
    def middle(self) -> float:
        return self.x + BOX / 2


def stage_diagram(run: Run) -> Drawing:
    """The drawing; the line of stages that leads to the final tagger is on the left."""
    places = _places(run)
    taught = [pair for pair in _teachings(run) if set(pair) <= set(places)]
    bows = {min(places[tagger][0], places[student][0]) for tagger, student in taught}
    left, right = [], 2.0
    for column in range(max(column for column, _ in places.values()) + 1):
        left.append(right + (GAP_LABELS if column in bows else GAP if column else 2))
        right = left[-1] + BOX
    boxes = {name: _Box(left[column], TOP + row * ROW, HIGH) for name, (column, row) in places.items()}
    encoder = _Box(left[0], 2, ENCODER_HIGH)
    height = TOP + ROW * (max(row for _, row in places.values()) + 1) + (30 if taught else 4)
    drawing = Drawing("stages", "Stages of the run", _description(run), max(right + 4, 300), height)
    drawing.rect(encoder.x, encoder.y, BOX, ENCODER_HIGH, "panel", stroke="line", rx=14)
    name = run.lineage.encoder.name
    drawing.text(encoder.middle, 20, name, room=BOX - 20, size=12, text_anchor="middle")
    for name, box in boxes.items():
        _arrow(drawing, boxes.get(run.stages[name].start or "", encoder), box)
    for tagger, student in taught:
        _teaching(drawing, boxes[tagger], boxes[student])
    for name, box in boxes.items():
        _stage(drawing, run, run.stages[name], box)
    if taught:
        drawing.line(4, height - 12, 34, height - 12, "four", stroke_width=1.6, stroke_dasharray="4 3")
        drawing.text(40, height - 8, "its labels are learned from", colour="soft")
    return drawing


def _teachings(run: Run) -> dict[tuple[str, str], None]:
    """Each tagger with a stage that learned from its labels or probabilities."""
    hard = [(entry.tagger, user) for _, entry in run.labellings for user in entry.used_by]
    soft = [
        (tagger, user)
        for system in run.lineage.systems.values()
        for entry in system.soft_labels
        for tagger in [*entry.teachers, *entry.voters]
        for user in entry.used_by
    ]
    return dict.fromkeys([*hard, *soft])


def _places(run: Run) -> dict[str, tuple[int, int]]:
    """Column and row of every stage: below its start, with the final tagger's line in the first column."""
    main = run.record.path_to(run.best[1] if run.best else None)
    places: dict[str, tuple[int, int]] = {}

    def put_children(start: str | None, column: int, row: int) -> None:
        children = [
            name for name, stage in run.stages.items() if (stage.start if stage.start in run.stages else None) == start
        ]
        for number, name in enumerate(sorted(children, key=lambda name: name not in main)):
            if number:
                column = max(column for column, _ in places.values()) + 1
            places[name] = (column, row)
            put_children(name, column, row + 1)

    put_children(None, 0, 0)
    return places


def _stage(drawing: Drawing, run: Run, stage: Stage, box: _Box) -> None:
    final = run.is_final(stage.name)
    edge, thick = ("one", 2.5) if final else ("soft", 1)
    dash = "none" if stage.record else "5 4"
    drawing.rect(
        box.x, box.y, BOX, HIGH, "paper", rx=6, hint=stage.name, stroke=edge, stroke_width=thick, stroke_dasharray=dash
    )
    score = next((s for split in run.splits if (s := run.score(stage.name, split))), None)
    room = BOX - (70 if score else 20)
    drawing.text(box.x + 10, box.y + 20, short(stage.name), room=room, size=13, font_weight="bold")
    if score:
        f1 = f"F1 {percent(score.f1)}"
        drawing.text(box.x + BOX - 10, box.y + 20, f1, size=12, text_anchor="end", hint=score.split)
    counts = stage.record.rows.items() if stage.record else ()
    rows = " +\u00a0".join(f"{count:,}\u00a0{what}" for what, count in counts) or "not finished"
    for number, line in enumerate(textwrap.wrap(rows, LETTERS, max_lines=2, placeholder=" …")):
        drawing.text(box.x + 10, box.y + 38 + 15 * number, line, size=10.5, colour="soft", hint=rows)
    systems = ", ".join(system for system, end in run.ends.items() if end == stage.name)
    if systems:
        below = any(other.start == stage.name for other in run.stages.values())  # an arrow starts in the middle
        x, anchor = (box.middle + 8, "start") if below else (box.middle, "middle")
        text = systems + (" (final)" if final else "")
        wide = BOX / 2 if below else BOX
        drawing.text(
            x, box.y + HIGH + 17, text, room=wide, size=12, colour="one", font_weight="bold", text_anchor=anchor
        )


def _arrow(drawing: Drawing, start: _Box, end: _Box) -> None:
    """From the bottom of one box to the top of another."""
    x, y = end.middle, end.y
    bend = "" if start.x == end.x else f"V{y - 10:.1f}H{x:.1f}"
    path = f"M{start.middle:.1f} {start.y + start.high:.1f}{bend}V{y - 5:.1f}"
    drawing.add("path", d=path, fill="none", stroke="soft", stroke_width=1.5)
    drawing.add("path", d=f"M{x:.1f} {y:.1f}l-4.5-8h9z", fill="soft")


def _teaching(drawing: Drawing, start: _Box, end: _Box) -> None:
    """A dashed bow along the left of the boxes, from a tagger to what learns from its labels."""
    y1, x2, y2 = start.y + HIGH * 0.7, end.x, end.y + HIGH * 0.4
    bow = min(start.x, x2) - min(GAP_LABELS - 8, 16 + 0.14 * abs(y2 - y1))
    path = f"M{start.x:.1f} {y1:.1f}C{bow:.1f} {y1:.1f} {bow:.1f} {y2:.1f} {x2 - 5:.1f} {y2:.1f}"
    drawing.add("path", d=path, fill="none", stroke="four", stroke_width=1.6, stroke_dasharray="4 3")
    drawing.add("path", d=f"M{x2:.1f} {y2:.1f}l-8-4.5v9z", fill="four")


def _description(run: Run) -> str:
    stages = [
        f"{name}: {run.lineage.encoder.name}, then {', '.join(map(short, dict.fromkeys(system.stages)))}"
        for name, system in run.lineage.systems.items()
    ]
    labels = [
        f"in {system} {', '.join(map(short, entry.used_by)) or 'nothing'} learned from the labels of "
        f"{short(entry.tagger)}"
        for system, entry in run.labellings
    ]
    return "; ".join(stages + labels) + "."
