"""The files of a run that a report opens: where they lie, and their rows, if they can be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tof_hf.run_folder import read_whole_json

if TYPE_CHECKING:
    from tof_hf.report.reading import Score

LINEAGE = "lineage.json"  # the same as in tof_hf.lineage (a test sees to it), whose imports take seconds
TAGS = ("id", "tokens", "gold", "predicted")


def stage_folder(run: Path, stage: str) -> Path:
    """The folder of a stage of this run, whether or not it is there. Nothing else knows where stages lie."""
    stages = (read_whole_json(run / LINEAGE) or {}).get("stages", {})
    return run / stages.get(stage, {}).get("folder", f"stages/{stage}")  # elsewhere where runs share their stages


def instead_of_run(folder: Path) -> str:
    """What stands where a run was expected."""
    if not folder.exists():
        return "nothing of that name."
    if not folder.is_dir():
        return "a file."
    if (folder / "config.yaml").is_file():
        return "a run that has no record (lineage.json) yet: no stage is finished, or it is of an older release."
    there = sorted(path.name for path in folder.iterdir())[:5]
    return f"no lineage.json{', but ' + ', '.join(there) if there else ' in an empty folder'}."


def predictions_file(run: Path, score: Score) -> Path | None:
    """The tags of a scored tagger beside the true ones, in the file that the score names.

    A score of an older release names none: the newest then, if the split was another one before.
    """
    folder = stage_folder(run, score.checkpoint)
    if score.predictions is not None:
        file = folder / Path(score.predictions).name
        return file if file.is_file() else None
    found = folder.glob(f"predictions-{score.split}-*.parquet")
    return max(found, key=lambda file: file.stat().st_mtime, default=None)


def read_table(file: Path, columns: Sequence[str]) -> Any | None:
    """The rows of a Parquet file as an Arrow table; None if the file is damaged or has no such columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file, columns=list(columns))
        table.validate(full=True)
    except (OSError, pa.ArrowException):
        return None
    return table if set(columns) <= set(table.column_names) else None
