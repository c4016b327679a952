"""The fingerprint of a stage: the hash that decides whether a finished one is reused, and what changed if it is not."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from transformers import PreTrainedTokenizerBase

from tof_hf.config import StageConfig
from tof_hf.config.section import facts
from tof_hf.config.stages import STAGES
from tof_hf.data.fingerprint import content_hash
from tof_hf.stages.record import FingerprintInputs
from tof_hf.stages.stage import Stage
from tof_hf.utils.devices import has_bf16

FINGERPRINT_FORMAT = 2  # stages of another format are trained again
_ROW_OPTIONS = "beside"  # the key of the options that chose the rows; they do not count
_NOTHING = object()


def fingerprint_inputs(stage: Stage) -> FingerprintInputs:
    """All that affects the stage's weights, as JSON values: its options and seed, start, tokenizer and rows.

    The start counts by its key, and the rows by their encoded content, not by the names of files.
    """
    options, row_options = _deciding(stage.config)
    return {
        "format": FINGERPRINT_FORMAT,
        "stage": stage.stage_name.in_fingerprints,
        "options": options,
        _ROW_OPTIONS: row_options,
        "seed": stage.seed,
        "start": stage.start.key,
        "tokenizer": _tokenizer_hash(stage.tokenizer),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),  # batch sizes are per process
        "bf16": bool(stage.config.training.get("bf16", has_bf16() and not stage.config.training.get("fp16"))),
        "labels": list(stage.label_names),
        "train": content_hash(stage.train),
        "validation": stage.validation and content_hash(stage.validation.windows),
    }


def _deciding(config: StageConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options that affect the weights, and those that chose the rows."""
    config = config.filled({})
    # The inputs have the seed in force, wherever it was set.
    options = {name: value for name, value in config if name not in ("seed", "training")}
    row_options = {name: value for name, value in options.items() if config.effect(name).endswith(" rows")}
    counts = {
        name: value
        for name, value in options.items()
        if config.effect(name) == "weights"
        and value != facts(type(config).model_fields[name]).get("since_default", _NOTHING)
    }
    training = {name: value for name, value in config.training.items() if config.effect(name) == "weights"}
    return counts | {"training": training}, row_options


def fingerprint(inputs: Mapping[str, Any]) -> str:
    """The key of a stage: the hash of its inputs, except the options that chose the rows."""
    return _hash({name: value for name, value in inputs.items() if name != _ROW_OPTIONS})


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs in the new inputs, in words: `learning_rate 1e-06 -> 2e-06`, `other training rows`.

    If the rows differ because of an option, the option is named instead: `max_source 100 -> 200`.
    """
    if old.get("format") != new.get("format"):
        return ["trained by an older release"]
    descriptions = {
        "start": "it starts from another model",
        "tokenizer": "another tokenizer",
        "train": "other training rows",
        "validation": "other validation rows",
        "labels": "other entity types",
        "processes": "another number of processes",
        "bf16": "bfloat16 on or off",
    }
    old, new = json.loads(json.dumps([old, new], default=str))
    chosen = _differences(*(inputs.get(_ROW_OPTIONS, {}) for inputs in (old, new)))
    found: list[str] = []
    for name, words in descriptions.items():
        if old.get(name) != new.get(name):
            why = [line for line in chosen if _chooses_validation(line.split()[0]) == (name == "validation")]
            found += why if why and name in ("train", "validation") else [words]
    return found + _differences(*(_all_options(inputs["options"]) | {"seed": inputs["seed"]} for inputs in (old, new)))


def _chooses_validation(option: str) -> bool:
    return any(kind.effect(option) == "validation rows" for kind in STAGES.values())


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """`name before -> after` for every option that differs."""
    pairs = {name: (old.get(name, "default"), new.get(name, "default")) for name in [*old, *new]}
    return [f"{name} {before} -> {after}" for name, (before, after) in pairs.items() if before != after]


def _all_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in options.items() if k != "training"} | options.get("training", {})


def _tokenizer_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state |= {"truncation": None, "padding": None}  # these change from call to call
    state["special"] = {name: str(token) for name, token in sorted(tokenizer.special_tokens_map.items())}
    return _hash(state)
