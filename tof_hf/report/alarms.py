"""What a reader of a report has to know first: what the run lacks, and what looks wrong in it."""

from __future__ import annotations

from collections.abc import Collection

from tof_hf.algorithm.history import ForgettingRecord, LabellingRecord
from tof_hf.report.figures import short_names
from tof_hf.report.reading import Run, short


def missing(run: Run, counted: Collection[tuple[str, str]]) -> list[str]:
    """What the run does not have, in sentences; `counted`: stage and split of the scores whose tags were kept."""
    lines = []
    if run.lineage.final is None:
        lines.append("The run is not finished: it has no final tagger yet. Run the same command again to continue it.")
        wanted = run.lineage.options.get("systems")
        systems = [str(system) for system in wanted] if isinstance(wanted, list) else []
        if waiting := [system for system in systems if system not in run.lineage.systems]:
            lines.append(f"Systems not begun: {', '.join(waiting)}.")
    stages = run.stages.values()
    if unfinished := [short(stage.name) for stage in stages if stage.record is None]:
        lines.append(f"Stages not finished: {', '.join(unfinished)}.")
    if not run.scores:
        lines.append("No tagger has been scored yet.")
    elif "target" not in run.splits:
        lines.append("There was no labelled target data: how good the taggers are on the target is not known.")
    scored = {(score.checkpoint, score.split) for score in run.scores}
    if bare := scored - set(counted):
        lines.append(f"For {len(bare)} of {len(scored)} scores the tags were not kept: no mistakes are shown for them.")
    if lost := [short(stage.name) for stage in stages if stage.lost]:
        lines.append(f"At some steps the loss was infinite or not a number: {', '.join(lost)}.")
    if any(stage.record and stage.record.steps and not (stage.loss or stage.validation_f1) for stage in stages):
        lines.append("For some stages no learning curve was kept.")
    return lines


def alarms(run: Run) -> list[str]:
    """Stages that forgot too much of the source, then what looks wrong in the pseudo-labels."""
    names = short_names(run)
    forgotten = [_drop(drop, name, names) for name, system in run.lineage.systems.items() for drop in system.forgetting]
    labels = [
        f"Labels by {names.get(entry.tagger, entry.tagger)} ({system}): {alarm}."
        for system, entry in run.labellings
        for alarm in entry.health.alarms
    ]
    return forgotten + labels


def against_source(entry: LabellingRecord, kind: str) -> str:
    """How many entities of a type there are for one in as many sentences of the source; empty if not recorded."""
    if kind not in entry.health.against_source:
        return ""
    ratio = entry.health.against_source[kind]
    if ratio is None:
        return "none in the source"
    return f"{ratio:,.0f} × the source's" if ratio >= 10 else f"{ratio:.2g} × the source's"


def _drop(drop: ForgettingRecord, system: str, names: dict[str, str]) -> str:
    """What a stage lost, and which tagger the run continued from if the stage was trained again."""
    stage, best, kept = (names.get(name, name) for name in (drop.stage, drop.best_stage, drop.kept or ""))
    lost = (
        f"{stage} ({system}) forgot: F1 on source validation fell to {drop.f1:.2%}, from {drop.best_f1:.2%} after "
        f"{best}."
    )
    if drop.mixed_f1 is None:
        return lost
    return f"{lost} Trained again with source sentences it has {drop.mixed_f1:.2%}; the run continues from {kept}."
