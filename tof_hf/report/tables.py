"""The scores and the stages of a run as text tables, which are also Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tof_hf.markdown import as_table
from tof_hf.storage.files import read_json


def results_table(rows: Sequence[dict[str, Any]]) -> str:
    """One line a stage and split: precision, recall, F1 and the F1 of every type, in percent."""
    types = sorted({label for row in rows for label in row["per_type"]})
    lines = [["system", "stage", "split", "P", "R", "F1", *types]]
    for row in rows:
        stage = f"{row['stage']} {row['round']}" if row["round"] else row["stage"]
        scores = [f"{100 * row[name]:.2f}" for name in ("precision", "recall", "f1")]
        per_type = [f"{100 * row['per_type'][t]['f1']:.1f}" if t in row["per_type"] else "" for t in types]
        lines.append([row["system"], stage, row["split"], *scores, *per_type])
    return as_table(lines, left=3)


def stages_table(folders: Sequence[Path]) -> str:
    """One line for every one of the stages in these folders: its data, steps, minutes and peak memory."""
    records = [read_json(folder / "stage.json") for folder in folders]
    lines = [["stage", "rows", "windows", "steps", "minutes", "peak memory MB", "validation F1"]]
    for record in records:
        rows = ", ".join(f"{count:,} {what}" for what, count in record["rows"].items())
        best = record["best_validation_f1"]
        numbers = [
            record["windows"],
            record["steps"],
            f"{record['seconds'] / 60:.1f}",
            record["peak_memory_mb"],
        ]
        lines.append([record["name"], rows, *map(str, numbers), "" if best is None else f"{100 * best:.2f}"])
    return as_table(lines, left=2)
