"""What the record of a run says against its taggers and their labels, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tof_hf.report.figures import short_names
from tof_hf.report.reading import Labelling, Run


def alarms(run: Run) -> list[str]:
    """Stages that forgot too much of the source, then what looks wrong in labels."""
    names = short_names(run)
    forgotten = [
        _drop(system, drop, names)
        for system, journey in run.lineage["systems"].items()
        for drop in journey.get("forgetting", [])
    ]
    labels = [
        f"Labels by {names.get(entry.tagger, entry.tagger)} ({entry.system}): {alarm}."
        for entry in run.labellings
        for alarm in entry.health.get("alarms", [])
    ]
    return forgotten + labels


def against_source(entry: Labelling, kind: str) -> str:
    """How many entities of a type there are for one of the source, in as many sentences; empty if it was not kept."""
    known = entry.health.get("against_source", {})
    if kind not in known:
        return ""
    if (ratio := known[kind]) is None:
        return "none in the source"
    return f"{ratio:,.0f} × the source's" if ratio >= 10 else f"{ratio:.2g} × the source's"


def _drop(system: str, drop: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """What a stage lost, and which tagger the run went on from if the stage was trained again."""
    told = (
        f"{names.get(drop['stage'], drop['stage'])} ({system}) forgot: F1 on source validation fell to "
        f"{drop['f1']:.2%}, from {drop['best_f1']:.2%} after {names.get(drop['best_stage'], drop['best_stage'])}."
    )
    if drop.get("mixed_f1") is None:
        return told
    kept = names.get(drop["kept"], drop["kept"])
    return f"{told} Trained again with source sentences it has {drop['mixed_f1']:.2%}; the run goes on from {kept}."
