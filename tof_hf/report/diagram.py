"""The stages of a run as a tree, from the encoder down to the taggers, and which stages learned from whose labels."""

import textwrap
from dataclasses import dataclass

from tof_hf.report.reading import Run
from tof_hf.report.svg import Drawing, draw

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
    learned_from = [pair for pair in _learned_from(run) if set(pair) <= set(places)]
    bows = {min(places[tagger][0], places[student][0]) for tagger, student in learned_from}
    left, right = [], 2.0
    for column in range(max(column for column, _ in places.values()) + 1):
        left.append(right + (GAP_LABELS if column in bows else GAP if column else 2))
        right = left[-1] + BOX
    boxes = {name: _Box(left[column], TOP + row * ROW, HIGH) for name, (column, row) in places.items()}
    counts = {name: stage.record.rows if stage.record else {} for name, stage in run.stages.items()}
    rows = {name: [f"{count:,}\u00a0{what}" for what, count in of.items()] for name, of in counts.items()}
    return draw(
        "stages.svg.jinja",
        name="stages",
        title="Stages of the run",
        width=max(right + 4, 300),
        height=TOP + ROW * (max(row for _, row in places.values()) + 1) + (30 if learned_from else 4),
        run=run,
        top_box=_Box(left[0], 2, ENCODER_HIGH),
        boxes=boxes,
        box_width=BOX,
        learned_from=[(boxes[tagger], boxes[student]) for tagger, student in learned_from],
        bow_room=GAP_LABELS - 8,
        rows={name: " +\u00a0".join(texts) or "not finished" for name, texts in rows.items()},
        wrap=lambda rows: textwrap.wrap(rows, LETTERS, max_lines=2, placeholder=" …"),
    )


def _learned_from(run: Run) -> dict[tuple[str, str], None]:
    """Each tagger with a stage that learned from its labels or probabilities."""
    hard = [
        (tagger, user)
        for _, entry in run.labellings
        for tagger in [entry.tagger, *entry.others]
        for user in entry.used_by
    ]
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
    main = run.path_to(run.best[1] if run.best else None)
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
