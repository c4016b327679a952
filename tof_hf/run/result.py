"""What a run returns, and its scores and stages as text tables, which are also Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tof_hf.algorithm.history import History
from tof_hf.algorithm.scores import ScoreRow
from tof_hf.run.record import RESULTS
from tof_hf.stages.record import RECORD, StageRecord
from tof_hf.stages.stage import Checkpoint
from tof_hf.utils.markdown import as_table


@dataclass(frozen=True)
class TofResult:
    """The outcome of a run.

    Attributes:
        final: Folder of the finished tagger (Algorithm 1, line 21), a stock `AutoModelForTokenClassification`
            checkpoint.
        folder: The run's folder.
        scores: Precision, recall and F1 in 0..1, after every stage and on every split.
        histories: What each system's recipe did.
        tagger: The checkpoint of the last stage.

    Example:
        >>> result = run_tof("run.yaml")
        >>> print(result.table)
        >>> tagger = load_tagger(result.final)
    """

    final: Path
    folder: Path
    scores: Sequence[ScoreRow]
    histories: Mapping[str, History]
    tagger: Checkpoint

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The scores as plain values, one dictionary a stage and split, as in `results.json`."""
        return [score.model_dump(mode="json") for score in self.scores]

    @property
    def stages(self) -> list[str]:
        """The names of all stages, system by system, in the order of training."""
        return [stage for history in self.histories.values() for stage in history.stages]

    @property
    def stage_folders(self) -> dict[str, Path]:
        """The folder of each stage, by name."""
        return {name: folder for history in self.histories.values() for name, folder in history.folders.items()}

    @property
    def table(self) -> str:
        """Two text tables, the scores in percent and the stages with their cost, and where everything was written."""
        scores = f"Scores (whole entities, counted as seqeval's default mode does): {self.folder / RESULTS}"
        places = f"{scores}\nFinal tagger: {self.final}"
        return "\n\n".join([results_table(self.scores), stages_table(list(self.stage_folders.values())), places])


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
