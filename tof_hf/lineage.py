"""The record of a run, `lineage.json`: what was made of what, how, with which options, and what that brought.

It is written anew after every system, goes into the released model, and is the only source of the model card. No
folder of this machine stands in it: local files are named by their last part.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tof_hf.config import TofConfig, load_config
from tof_hf.data.labels import entity_types
from tof_hf.inputs import DataRecord
from tof_hf.modeling.identity import hub_commit
from tof_hf.seen import Seen, TextSeen
from tof_hf.stages.task import Checkpoint
from tof_hf.steps import Journey
from tof_hf.storage.files import read_json
from tof_hf.versions import versions

FILE = "lineage.json"
FORMAT = 1
# Told elsewhere in the record, or of no interest to others.
_ABOUT_DATA = ("model", "output_dir", "source", "target", "push_to_hub", "release")


def lineage(
    config: TofConfig,
    records: Sequence[DataRecord],
    label_names: Sequence[str],
    journeys: Mapping[str, Journey],
    rows: Sequence[Mapping[str, Any]],
    *,
    seen: Seen,
    final: tuple[str, Checkpoint] | None = None,
) -> dict[str, Any]:
    """The record as JSON knows it. `rows`: the scores so far. `seen`: what training sees of what is scored. `final`:
    the system whose tagger is in `final/`, and it.

    A stage that is not finished yet is not in it.
    """
    names = dict.fromkeys(stage for journey in journeys.values() for stage in journey.stages)
    folders = {name: folder for journey in journeys.values() for name, folder in journey.folders.items()}
    options = changed_options(config)
    stages = {name: _stage(name, folders[name], Path(config.output_dir), options) for name in names if name in folders}
    f1 = {row["checkpoint"]: row["f1"] for row in rows if row["split"] == "source_validation"}
    for name, stage in stages.items():
        if section_of(name) == "mlm":
            stage["target_text"] = _text_seen(seen.text, stage)
        stage["source_validation_f1"] = {"before": _f1_before(name, stages, f1), "after": f1.get(name)}
    return {
        "format": FORMAT,
        "versions": versions(),
        "encoder": {
            "name": _public_name(config.model),
            "hub": _on_hub(config.model),
            "commit": hub_commit(config.model),
        },
        "entity_types": entity_types(label_names),
        "target": config.target.name,
        "preset": config.preset,
        "seed": config.seed,
        "rounds": config.rounds,
        "tagging_scheme": "IOB2",
        "options": options,
        "data": [dataclasses.asdict(record) for record in records],
        "zero_resource": {
            "target_labels": "dropped where text is read; labelled target sentences go to the scorer alone",
            "target_test_text_in_mlm": config.mlm.include_target_test and any(section_of(n) == "mlm" for n in names),
            "target_gold_sentences_in_target_text": seen.shared("target.gold", "target.text"),
            "overlaps": seen.overlaps,
        },
        "systems": {name: journey.as_dict() for name, journey in journeys.items()},
        "stages": stages,
        "final": None if final is None else {"system": final[0], "stage": final[1].name},
    }


def changed_options(config: TofConfig) -> dict[str, Any]:
    """The options that differ from the preset's, by their dotted keys; paths by their last part."""
    plain = config.to_dict()
    same = {name: plain[name] for name in _ABOUT_DATA} | {"preset": config.preset}
    default = _flat(load_config(same).to_dict())
    missing = object()
    return {
        key: _public(value, always=key in ("translation.dictionary", "queries"))
        for key, value in _flat(plain).items()
        if key.partition(".")[0] not in _ABOUT_DATA and default.get(key, missing) != value
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        flat |= _flat(value, f"{key}.") if isinstance(value, Mapping) and value else {key: value}
    return flat


def _stage(name: str, folder: Path, run: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """The stage's own record without the Trainer's log; `start` is None for what began with the pretrained encoder.

    `folder` in it counts from the run's: `stages/mlm`, or `../stages/mlm-0123456789ab` for one that runs share.
    """
    record = read_json(folder / "stage.json")
    told = {k: v for k, v in record.items() if k not in ("log", "recipe", "files", "name")}
    section = section_of(name)
    return told | {
        "start": record["start"] or None,
        "folder": Path(os.path.relpath(folder, run)).as_posix(),
        "options": {k.partition(".")[2]: v for k, v in options.items() if k.partition(".")[0] == section},
        "fingerprints": {name: record["recipe"][name] for name in ("start", "train", "validation", "tokenizer")},
    }


def _text_seen(text: TextSeen, stage: Mapping[str, Any]) -> dict[str, Any] | None:
    """None for a stage of another recipe, which took other target sentences."""
    same = stage["rows"].get("target") == text.sentences + text.test_sentences
    return dataclasses.asdict(text) if same else None


def section_of(stage: str) -> str:
    """The section of the run file that holds the options of the stage of this name."""
    kind, number = re.fullmatch(r"(.*?)(\d*)(?:_tr)?(?:_mix)?", stage.rpartition("-")[2]).groups()
    return f"continual_{kind}" if number else {"translated_ner": "ner", "tuned_ner": "ner"}.get(kind, kind)


def _f1_before(name: str, stages: Mapping[str, Any], f1: Mapping[str, float]) -> float | None:
    """The score of the last tagger that this stage descends from."""
    start = stages[name]["start"]
    while start is not None and start not in f1:
        start = stages[start]["start"]
    return f1.get(start)


def _public(value: Any, *, always: bool = False) -> Any:
    """The value with every path of this machine in it cut to its last part; `always`: a text is a path."""
    if isinstance(value, (list, tuple)):
        return [_public(item, always=always) for item in value]
    if isinstance(value, Mapping):
        return {name: _public(item) for name, item in value.items()}
    if isinstance(value, str) and (always or value.startswith(("~", ".")) or "/" in value or os.sep in value):
        return Path(value).name if always or not _on_hub(value) or value.startswith(("~", ".")) else value
    return value


def _public_name(name_or_path: str) -> str:
    """A Hub id as it is, a folder by its last part."""
    return name_or_path if _on_hub(name_or_path) else Path(name_or_path).resolve().name


def _on_hub(name_or_path: str) -> bool:
    return not (Path(name_or_path).is_absolute() or Path(name_or_path).exists())
