"""A finished run as its own files tell it: lineage.json and results.json, of one seed or of several."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tof_hf.errors import DataError
from tof_hf.lineage import FILE as LINEAGE
from tof_hf.lineage import FORMAT
from tof_hf.storage.files import read_json

RESULTS = "results.json"
NAMES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class Score:
    """Entity scores in 0..1 of one tagger on one split: means over the seeds, and their standard deviations.

    `deviations` are None for a single seed. `per_type` holds the mean F1 of every entity type.
    """

    system: str
    checkpoint: str
    split: str
    means: dict[str, float]
    deviations: dict[str, float] | None
    per_type: dict[str, float]
    strict_f1: float | None


@dataclass(frozen=True)
class RunRecord:
    """`lineage` of the run that is released, `seeds` of all runs taken together, and their `scores`.

    `own`: the scores of the released run alone.
    """

    folder: Path
    lineage: dict[str, Any]
    results: dict[str, Any]
    seeds: list[int]
    scores: list[Score]
    own: list[Score]

    def of(self, checkpoint: str, split: str) -> Score | None:
        """The score of a stage's tagger on a split, if it was scored there."""
        return next((s for s in self.scores if (s.checkpoint, s.split) == (checkpoint, split)), None)

    @property
    def way(self) -> list[str]:
        """The stages from the encoder to the released tagger."""
        return self._way_to(self.lineage["final"]["stage"])

    @property
    def taught_by(self) -> dict[str, Any] | None:
        """The record of the soft labels that the released tagger learned, if it is a student."""
        taught = self.lineage["systems"][self.lineage["final"]["system"]].get("soft_labels", [])
        return next((entry for entry in taught if set(entry["used_by"]) & set(self.way)), None)

    @property
    def chain(self) -> list[str]:
        """All stages that the released tagger owes something to: those of its teachers, and its own."""
        taught = self.taught_by
        teachers = [] if taught is None else [*taught["voters"], *taught["teachers"]]
        return list(dict.fromkeys(stage for end in [*teachers, *self.way[-1:]] for stage in self._way_to(end)))

    def _way_to(self, name: str | None) -> list[str]:
        names: list[str] = []
        while name is not None:
            names.insert(0, name)
            name = self.lineage["stages"][name]["start"]
        return names


def read_run(folder: Path, others: Sequence[Path] = ()) -> RunRecord:
    """The record of a run, its scores averaged with those of the same run with other seeds (`others`).

    Raises DataError if there is no finished run, or if the others differ in more than their seed.
    """
    lineages, results = zip(*(_read(one) for one in (folder, *others)), strict=True)
    for other, lineage in zip(others, lineages[1:], strict=True):
        _check_same(lineages[0], lineage, other)
    seeds = [lineage["seed"] for lineage in lineages]
    if len(set(seeds)) < len(seeds):
        raise DataError(f"runs with the seeds {seeds}.", fix="name runs with different seeds.", path=folder)
    return RunRecord(folder, lineages[0], results[0], seeds, _scores(results), _scores(results[:1]))


def _scores(results: Sequence[dict[str, Any]]) -> list[Score]:
    """One score for every tagger and split that all runs have."""
    by_run = [{(row["system"], row["checkpoint"], row["split"]): row for row in run["rows"]} for run in results]
    shared = [key for key in by_run[0] if all(key in rows for rows in by_run)]
    return [_score(*key, [rows[key] for rows in by_run]) for key in shared if key[2] != "source_validation_mrc"]


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        lineage, results = read_json(folder / LINEAGE), read_json(folder / RESULTS)
    except ValueError as problem:
        raise DataError(f"a damaged record ({problem}).", fix="start the same run again.", path=folder) from problem
    if lineage is None or results is None or lineage.get("final") is None:
        raise DataError(
            "no finished run with a record (lineage.json, results.json).",
            fix="name the run's folder (output_dir); for one that is not finished, or of an older release, "
            "start the same run again: finished stages are reused and the record is written.",
            path=folder,
        )
    if lineage["format"] > FORMAT:
        raise DataError("a record of a newer release.", fix="update tof-hf.", path=folder / LINEAGE)
    return lineage, results


def _check_same(one: dict[str, Any], other: dict[str, Any], folder: Path) -> None:
    told = [_but_seed(lineage) for lineage in (one, other)]
    for name in told[0]:
        if told[0][name] != told[1][name]:
            raise DataError(
                f"a run that also differs in its {name}.",
                fix="average runs of the same config: they may differ in seed and output_dir alone.",
                path=folder,
            )


def _but_seed(lineage: dict[str, Any]) -> dict[str, Any]:
    """What must be the same in runs whose scores are averaged."""
    same = {name: lineage[name] for name in ("encoder", "target", "preset", "entity_types", "options", "final")}
    same["systems"] = list(lineage["systems"])
    # Which rows a limit draws depends on the seed.
    told = ("option", "name", "rows", "options")
    same["data"] = [
        [record[name] for name in told] + [None if "limit" in record["options"] else record["fingerprint"]]
        for record in lineage["data"]
    ]
    return same


def _score(system: str, checkpoint: str, split: str, rows: list[dict[str, Any]]) -> Score:
    values = {name: [row[name] for row in rows] for name in NAMES}
    types = {label for row in rows for label in row["per_type"]}
    strict = [row["strict"]["f1"] for row in rows if "strict" in row]
    return Score(
        system,
        checkpoint,
        split,
        {name: statistics.fmean(found) for name, found in values.items()},
        {name: statistics.stdev(found) for name, found in values.items()} if len(rows) > 1 else None,
        {
            label: statistics.fmean(row["per_type"][label]["f1"] if label in row["per_type"] else 0.0 for row in rows)
            for label in sorted(types)
        },
        statistics.fmean(strict) if strict else None,
    )
