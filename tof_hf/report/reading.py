"""A run folder, finished or not, as its own files tell it: scores, stages with their curves, labellings, translation.

Nothing of the run is changed, and nothing is computed that needs a model.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tof_hf.errors import DataError
from tof_hf.report.files import LINEAGE, TAGS, instead_of_run, predictions_file, read_table, stage_folder
from tof_hf.run_folder import read_json, read_whole_json

# The same as in tof_hf.lineage and tof_hf.steps (a test sees to it), whose imports take seconds.
FORMAT, MIXED = 1, "_mix"
RESULTS = "results.json"
SPLITS = {"target": "target", "source_test": "source test", "source_validation": "source validation"}
_READER = "source_validation_mrc"  # the spans of an MRC stage, which are no entities

Points = tuple[tuple[float, float], ...]  # step, value


@dataclass(frozen=True)
class TypeScore:
    """Scores in 0..1 of one entity type; `support` is the number of true entities."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Score:
    """Entity scores in 0..1 of one tagger on one split; `label` names its stage and round for people.

    `predictions`: the name of the file with its tags; None in a record of an older release.
    """

    system: str
    label: str
    split: str
    checkpoint: str
    precision: float
    recall: float
    f1: float
    strict_f1: float | None
    per_type: Mapping[str, TypeScore]
    predictions: str | None = None


@dataclass(frozen=True)
class Stage:
    """One training run: what it began with and learned from, what it cost, and its curves over the steps.

    `start` is None for the pretrained encoder; a stage that is not `finished` has no numbers. `lost`: somewhere its
    loss was infinite or no number at all; those points are not in the curves.
    """

    name: str
    start: str | None
    finished: bool = True
    rows: Mapping[str, int] = field(default_factory=dict)
    windows: int = 0
    steps: int = 0
    seconds: float = 0.0
    peak_memory_mb: int | None = None
    head: str = ""
    loss: Points = ()
    validation_loss: Points = ()
    validation_f1: Points = ()
    lost: bool = False

    @property
    def short(self) -> str:
        """The last part of the name, which says what the stage itself does."""
        return self.name.rpartition("-")[2]


@dataclass(frozen=True)
class Labelling:
    """Target sentences that a tagger labelled on the way; `health` has the numbers of LabelHealth as they were kept.

    `file` is None if the labels are not in the run any more.
    """

    system: str
    tagger: str
    file: Path | None
    sentences: int
    words: int
    entities: Mapping[str, int]
    mean_probability: float | None
    mean_entity_probability: float | None
    health: Mapping[str, Any]
    learned_from: str
    used_by: Sequence[str]


@dataclass(frozen=True)
class Run:
    """All that a report tells. `ends`: the last tagger of every system; `final`: system and stage of the released one.

    `missing`: what is not there, in sentences. `translation`: the projection report of each kind of rows.
    """

    folder: Path
    lineage: Mapping[str, Any]
    scores: Sequence[Score]
    stages: Mapping[str, Stage]
    systems: Mapping[str, Sequence[str]]
    labellings: Sequence[Labelling]
    ends: Mapping[str, str]
    final: tuple[str, str] | None
    translation: Mapping[str, Mapping[str, Any]]
    missing: Sequence[str]

    @property
    def types(self) -> list[str]:
        """The entity types that the run knows, and those that only a scored split has."""
        found = [kind for score in self.scores for kind in score.per_type]
        return list(dict.fromkeys([*self.lineage["entity_types"], *found]))

    @property
    def splits(self) -> list[str]:
        """The scored splits, the target first."""
        there = {score.split: None for score in self.scores}
        return [split for split in SPLITS if split in there] + [split for split in there if split not in SPLITS]

    @property
    def best(self) -> tuple[str, str] | None:
        """System and stage of the final tagger; of an unfinished run, of the last one that was scored."""
        return self.final or next(reversed(list(self.ends.items())), None)

    def of(self, checkpoint: str, split: str) -> Score | None:
        """The score of a stage's tagger on a split, if it was scored there."""
        return next((s for s in self.scores if (s.checkpoint, s.split) == (checkpoint, split)), None)


def read_run(folder: Path) -> Run:
    """Everything about the run in `folder`. Raises DataError if there is none, or if its record cannot be read."""
    try:
        lineage, results = read_json(folder / LINEAGE), read_json(folder / RESULTS)
    except ValueError as problem:
        raise DataError(f"a damaged record ({problem}).", fix="start the same run again.", path=folder) from problem
    if lineage is None:
        raise DataError(instead_of_run(folder), fix="name the folder of a run (output_dir).", path=folder)
    if lineage["format"] > FORMAT:
        raise DataError("a record of a newer release.", fix="update tof-hf.", path=folder / LINEAGE)
    scores = _scores((results or {"rows": []})["rows"])
    systems = {name: tuple(dict.fromkeys(journey["stages"])) for name, journey in lineage["systems"].items()}
    names = dict.fromkeys(name for journey in systems.values() for name in journey)
    stages = {name: _stage(folder, name, lineage["stages"].get(name), list(names)) for name in names}
    final = lineage.get("final")
    return Run(
        folder=folder,
        lineage=lineage,
        scores=scores,
        stages=stages,
        systems=systems,
        labellings=[
            _labelling(folder, system, entry)
            for system, journey in lineage["systems"].items()
            for entry in journey["pseudo_labels"]
        ],
        ends=_ends(lineage, scores),
        final=final and (final["system"], final["stage"]),
        translation=_translation(folder, lineage),
        missing=_missing(folder, lineage, scores, stages),
    )


def _scores(rows: Sequence[Mapping[str, Any]]) -> list[Score]:
    """All but those of MRC spans. A second tagger of a system with the same label is numbered, as in `ner (2)`."""
    taggers: dict[tuple[str, str], list[str]] = defaultdict(list)
    scores = []
    for row in rows:
        if row["split"] != _READER:
            score = _score(row)
            known = taggers[score.system, score.label]
            known += [score.checkpoint] if score.checkpoint not in known else []
            number = known.index(score.checkpoint) + 1
            scores.append(score if number == 1 else replace(score, label=f"{score.label} ({number})"))
    return scores


def _score(row: Mapping[str, Any]) -> Score:
    per_type = {
        kind: TypeScore(one["precision"], one["recall"], one["f1"], one["support"])
        for kind, one in row["per_type"].items()
    }
    numbers = (row["precision"], row["recall"], row["f1"], row.get("strict", {}).get("f1"))
    label = f"{row['stage']} {row['round']}" if row["round"] else row["stage"]
    return Score(row["system"], label, row["split"], row["checkpoint"], *numbers, per_type, row.get("predictions"))


def _stage(folder: Path, name: str, record: Mapping[str, Any] | None, names: Sequence[str]) -> Stage:
    if record is None:
        parents = [other for other in names if name.startswith(f"{other}-")]
        return Stage(name, max(parents, key=len, default=None), finished=False)
    log = (read_whole_json(stage_folder(folder, name) / "stage.json") or {}).get("log", [])
    return Stage(
        name=name,
        start=record["start"],
        rows=record["rows"],
        windows=record["windows"],
        steps=record["steps"],
        seconds=record["seconds"],
        peak_memory_mb=record["peak_memory_mb"],
        head=_head(record.get("hand_off") or {}),
        loss=_curve(log, "loss"),
        validation_loss=_curve(log, "eval_loss"),
        validation_f1=_curve(log, "eval_f1"),
        lost=any(not math.isfinite(entry.get(name) or 0.0) for entry in log for name in ("loss", "eval_loss")),
    )


def _head(hand_off: Mapping[str, Any]) -> str:
    """Whether a stage's head came from the stage before."""
    if hand_off.get("head_fresh"):
        return "fresh"
    return "kept" if hand_off.get("head_kept") else ""


def _curve(log: Sequence[Mapping[str, Any]], name: str) -> Points:
    known = [(entry["step"], entry[name]) for entry in log if entry.get(name) is not None]
    return tuple((step, value) for step, value in known if math.isfinite(value))


def _labelling(folder: Path, system: str, entry: Mapping[str, Any]) -> Labelling:
    file = stage_folder(folder, entry["tagger"]) / Path(entry["file"]).name
    chosen = entry.get("selection")
    return Labelling(
        system=system,
        tagger=entry["tagger"],
        file=file if file.is_file() else None,
        sentences=entry["sentences"],
        words=entry["words"],
        entities=entry["entities"],
        mean_probability=entry["mean_probability"],
        mean_entity_probability=entry["mean_entity_probability"],
        health=entry.get("health", {}),
        learned_from=_learned_from(chosen) if chosen else "all",
        used_by=tuple(dict.fromkeys(entry["used_by"])),
    )


def _ends(lineage: Mapping[str, Any], scores: Sequence[Score]) -> dict[str, str]:
    """The last scored tagger of every system, without those that were left because they forgot too much."""
    ends: dict[str, str] = {}
    for score in scores:
        drops = lineage["systems"].get(score.system, {}).get("forgetting", [])
        left = {drop["stage"] + MIXED for drop in drops} - {drop.get("kept") for drop in drops}
        if score.checkpoint not in left:
            ends[score.system] = score.checkpoint
    return ends


def _translation(folder: Path, lineage: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    if lineage["options"].get("translation.dictionary") is None:
        return {}  # what lies there is of an earlier run in this folder
    files = sorted((folder / "translation").glob("*.json"))
    return {file.stem: told for file in files if (told := read_whole_json(file)) is not None}


def _missing(
    folder: Path, lineage: Mapping[str, Any], scores: Sequence[Score], stages: Mapping[str, Stage]
) -> list[str]:
    lines = []
    if lineage.get("final") is None:
        lines.append("The run is not finished: it has no final tagger yet. The same command goes on where it was.")
        wanted = lineage["options"].get("systems", [])
        waiting = [system for system in wanted if system not in lineage["systems"]]
        lines += [f"Systems not begun: {', '.join(waiting)}."] if waiting else []
    unfinished = [stage.short for stage in stages.values() if not stage.finished]
    lines += [f"Stages not finished: {', '.join(unfinished)}."] if unfinished else []
    if not scores:
        lines.append("No tagger was scored yet.")
    elif all(score.split != "target" for score in scores):
        lines.append("No labelled target data was at hand: how good the taggers are on the target is not known.")
    scored = {(score.checkpoint, score.split): predictions_file(folder, score) for score in scores}
    bare = [pair for pair, file in scored.items() if file is None or read_table(file, TAGS) is None]
    if bare:
        lines.append(f"For {len(bare)} of {len(scored)} scores the tags were not kept: no mistakes are shown for them.")
    lost = [stage.short for stage in stages.values() if stage.lost]
    lines += [f"At some steps the loss was infinite or no number: {', '.join(lost)}."] if lost else []
    if any(stage.finished and stage.steps and not (stage.loss or stage.validation_f1) for stage in stages.values()):
        lines.append("Of some stages no learning curve was kept.")
    return lines


def _learned_from(chosen: Mapping[str, Any]) -> str:
    by = "" if chosen["by"] == "all" else f" by {chosen['by']}"
    texts = ", ".join(chosen.get("no_entities", ()))
    return f"{chosen['sentences']:,}{by}" + (f", {texts} as no entity" if texts else "")
