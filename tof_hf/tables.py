"""The scores of a run as a text table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def results_table(rows: Sequence[dict[str, Any]]) -> str:
    """One line a stage and split: precision, recall, F1 and the F1 of every type, in percent."""
    types = sorted({label for row in rows for label in row["per_type"]})
    head = ["system", "stage", "split", "P", "R", "F1", *types]
    lines = [head, ["-" * len(name) for name in head]]
    for row in rows:
        stage = f"{row['stage']} {row['round']}" if row["round"] else row["stage"]
        scores = [f"{100 * row[name]:.2f}" for name in ("precision", "recall", "f1")]
        per_type = [f"{100 * row['per_type'][t]['f1']:.1f}" if t in row["per_type"] else "" for t in types]
        lines.append([row["system"], stage, row["split"], *scores, *per_type])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [
        "  ".join(cell.ljust(w) if i < 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    return "\n".join(line.rstrip() for line in text)
