"""The scores and the stages of a run as text tables, which are also Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tof_hf.algorithm.scores import ScoreRow
from tof_hf.stages.record import RECORD, StageRecord
from tof_hf.utils.markdown import as_table


def results_table(scores: Sequence[ScoreRow]) -> str:
    """One line a stage and split: precision, recall, F1 and the F1 of every type, in percent."""
    types = sorted({label for row in scores for label in row.per_type})
    lines = [["system", "stage", "split", "P", "R", "F1", *types]]
    for row in scores:
        numbers = [f"{100 * value:.2f}" for value in (row.precision, row.recall, row.f1)]
        per_type = [f"{100 * row.per_type[label].f1:.1f}" if label in row.per_type else "" for label in types]
        lines.append([row.system, row.label, row.split, *numbers, *per_type])
    return as_table(lines, left=3)


def stages_table(folders: Sequence[Path]) -> str:
    """One line for every one of the stages in these folders: its data, steps, minutes and peak memory."""
    records = [StageRecord.read(folder / RECORD) for folder in folders]
    lines = [["stage", "rows", "windows", "steps", "minutes", "peak memory MB", "validation F1"]]
    for record in records:
        rows = ", ".join(f"{count:,} {what}" for what, count in record.rows.items())
        numbers = [record.windows, record.steps, f"{record.seconds / 60:.1f}", record.peak_memory_mb]
        best = record.best_validation_f1
        lines.append([record.name, rows, *map(str, numbers), "" if best is None else f"{100 * best:.2f}"])
    return as_table(lines, left=2)
