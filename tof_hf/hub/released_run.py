"""A finished run as it is released: its record, with scores of one seed or the means of several."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tof_hf.algorithm.history import History, LabellingRecord, SoftLabelsRecord
from tof_hf.algorithm.scores import ScoreRow
from tof_hf.errors import DataError
from tof_hf.run.record import LINEAGE, RESULTS, FinalRecord, Lineage, RunRecord, read_run

METRICS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class MeanScore:
    """Entity scores in 0..1 of one tagger on one split: means over the seeds, and their standard deviations.

    `deviations` are None for a single seed. `per_type` holds the mean F1 of every entity type.
    """

    means: dict[str, float]
    deviations: dict[str, float] | None
    per_type: dict[str, float]
    strict_f1: float | None


@dataclass(frozen=True)
class ReleasedRun(RunRecord):
    """The record of the released run, and the `seeds` of all runs that are averaged.

    `means`: the mean scores, by stage and split; `scores` are those of the released run alone.
    """

    final: FinalRecord
    seeds: Sequence[int]
    means: Mapping[tuple[str, str], MeanScore]

    @property
    def history(self) -> History:
        """What the recipe of the released system did."""
        return self.lineage.systems[self.final.system]

    def mean(self, checkpoint: str, split: str) -> MeanScore | None:
        """The score of a stage's tagger on a split, if it was scored there."""
        return self.means.get((checkpoint, split))

    @property
    def path(self) -> list[str]:
        """The stages from the encoder to the released tagger."""
        return self.path_to(self.final.stage)

    @property
    def distilled_from(self) -> SoftLabelsRecord | None:
        """The soft labels that the released tagger was trained on, if it is a student."""
        return next((entry for entry in self.history.soft_labels if set(entry.used_by) & set(self.path)), None)

    @property
    def all_stages(self) -> list[str]:
        """All stages that contributed to the released tagger: those of its teachers, and its own."""
        soft = self.distilled_from
        teachers = [] if soft is None else [*soft.voters, *soft.teachers]
        ends = [*teachers, *self.path[-1:]]
        return list(dict.fromkeys(stage for end in ends for stage in self.path_to(end)))

    @property
    def labelled(self) -> list[LabellingRecord]:
        """The labels that one of these stages was trained on."""
        return [entry for entry in self.history.pseudo_labels if set(entry.used_by) & set(self.all_stages)]


def read_released_run(folder: Path, others: Sequence[Path] = ()) -> ReleasedRun:
    """A finished run, its scores averaged with those of the same run with other seeds (`others`).

    Raises DataError if there is no finished run, or if the others differ in more than their seed.
    """
    run, *other_runs = runs = [_read_finished(one) for one in (folder, *others)]
    for other in other_runs:
        theirs = _but_seed(other.lineage)
        for name, ours in _but_seed(run.lineage).items():
            if ours != theirs[name]:
                fix = "average runs of the same config: they may differ in seed and output_dir alone."
                raise DataError(f"a run that also differs in its {name}.", fix=fix, path=other.folder)
    seeds = [one.lineage.seed for one in runs]
    if len(set(seeds)) < len(seeds):
        raise DataError(f"runs with the seeds {seeds}.", fix="name runs with different seeds.", path=folder)
    assert run.lineage.final is not None  # _read_finished
    by_run = [{(row.checkpoint, row.split): row for row in one.scores} for one in runs]
    means = {key: _mean([rows[key] for rows in by_run]) for key in by_run[0] if all(key in rows for rows in by_run)}
    return ReleasedRun(run.folder, run.lineage, run.scores, run.lineage.final, seeds, means)


def _read_finished(folder: Path) -> RunRecord:
    if (folder / LINEAGE).is_file() and (folder / RESULTS).is_file():
        run = read_run(folder)
        if run.lineage.final is not None:
            return run
    raise DataError(
        "no finished run with a record (lineage.json, results.json).",
        fix="name the run's folder (output_dir); for one that is not finished, or of an older release, "
        "start the same run again: finished stages are reused and the record is written.",
        path=folder,
    )


def _mean(rows: Sequence[ScoreRow]) -> MeanScore:
    """The means over the seeds."""
    values = {name: [getattr(row, name) for row in rows] for name in METRICS}
    types = sorted({label for row in rows for label in row.per_type})
    strict = [row.strict.f1 for row in rows if row.strict is not None]
    return MeanScore(
        {name: statistics.fmean(found) for name, found in values.items()},
        {name: statistics.stdev(found) for name, found in values.items()} if len(rows) > 1 else None,
        {
            label: statistics.fmean(row.per_type[label].f1 if label in row.per_type else 0.0 for row in rows)
            for label in types
        },
        statistics.fmean(strict) if strict else None,
    )


def _but_seed(lineage: Lineage) -> dict[str, object]:
    """What must be the same in runs whose scores are averaged."""
    same: dict[str, object] = lineage.model_dump(
        include={"encoder", "target", "preset", "entity_types", "options", "final"}
    )
    # Which rows a limit draws depends on the seed.
    data = [
        (one.option, one.name, one.rows, one.options, None if "limit" in one.options else one.fingerprint)
        for one in lineage.data
    ]
    return same | {"systems": list(lineage.systems), "data": data}
