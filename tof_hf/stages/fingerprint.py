"""The fingerprint of a stage: the hash by which a finished one is known again, and what changed if it is not."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from transformers import PreTrainedTokenizerBase

from tof_hf.config import MlmConfig, StageConfig
from tof_hf.data.fingerprint import content_hash
from tof_hf.stages.stage import StageTask
from tof_hf.utils.devices import has_bf16

FINGERPRINT_FORMAT = 2  # what an older release wrote cannot be compared, and is trained anew

# TrainingArguments that decide what is logged, shown and kept, and how rows are fetched and predicted: no weight
# depends on them. When in doubt an option stands in neither list.
_WITHOUT_EFFECT = frozenset(
    {
        "dataloader_num_workers", "dataloader_pin_memory", "dataloader_prefetch_factor", "ddp_timeout", "disable_tqdm",
        "eval_accumulation_steps", "log_level", "log_level_replica", "log_on_each_node", "logging_first_step",
        "logging_nan_inf_filter", "logging_steps", "logging_strategy", "per_device_eval_batch_size", "project",
        "report_to", "run_name", "save_on_each_node", "save_total_limit", "skip_memory_metrics",
    }
)  # fmt: skip
# Own options whose whole effect is which rows there are: the rows themselves are in the recipe.
_CHOOSE_ROWS = frozenset(
    {
        "equal_sizes", "include_target_test", "max_ner_mrc", "max_pseudo", "max_pseudo_mrc", "max_sentences",
        "max_source", "max_source_qa", "max_target_qa", "max_translated", "max_translated_ner_mrc",
        "max_translated_qa", "max_validation", "source_ratio", "use_ner_mrc", "use_pseudo", "use_pseudo_mrc",
        "use_source", "use_source_qa", "use_target_qa", "use_translated", "use_translated_ner_mrc",
        "use_translated_qa", "validate_translated",
    }
)  # fmt: skip
# Options that are younger than the format, with the value that leaves everything as it was: it does not count.
_YOUNGER = {"head_learning_rate": None, "soft_loss": "mse"}
_CHOOSE_VALIDATION_ROWS = ("max_validation", "validate_translated")


def fingerprint_inputs(task: StageTask) -> dict[str, Any]:
    """All that decides what a stage ends with, as JSON knows it: same recipe, same weights.

    Its options and seed, what it starts from (by that one's key), the tokenizer, and the rows themselves, encoded:
    where they lay and what the files were called does not matter. `beside`, which is not in the key, has the options
    that chose the rows.
    """
    options, beside = _deciding(task.config)
    return {
        "format": FINGERPRINT_FORMAT,
        "stage": str(task.stage).rstrip("0123456789"),
        "options": options,
        "beside": beside,
        "seed": task.seed,
        "start": task.start.key,
        "tokenizer": _tokenizer_hash(task.tokenizer),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),  # batch sizes are per process
        "bf16": bool(task.config.training.get("bf16", has_bf16() and not task.config.training.get("fp16"))),
        "labels": list(task.label_names),
        "train": content_hash(task.train),
        "validation": task.validation and content_hash(task.validation),
    }


def _deciding(config: StageConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options that decide, and beside them those that choose rows, which are told but do not count."""
    # The seed in force stands in the recipe; whether it was named here or for the whole run makes no difference.
    own = {k: v for k, v in dataclasses.asdict(config).items() if k not in ("enabled", "seed", "training")}
    beside = {name: value for name, value in own.items() if name in _CHOOSE_ROWS}
    # MLM draws its masks where rows are fetched: other workers, other masks.
    kept = {"dataloader_num_workers"} if isinstance(config, MlmConfig) else set()
    training = {k: v for k, v in config.training.items() if k in kept or k not in _WITHOUT_EFFECT}
    counts = {k: v for k, v in own.items() if k not in beside and not (k in _YOUNGER and v == _YOUNGER[k])}
    return counts | {"training": training}, beside


def fingerprint(recipe: Mapping[str, Any]) -> str:
    """Same recipe, same key; what only stands beside it does not count."""
    counts = {name: value for name, value in recipe.items() if name != "beside"}
    return hashlib.sha256(json.dumps(counts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What is another one in the new recipe, for people: `learning_rate 1e-06 -> 2e-06`, `other training rows`.

    Where an option chose the other rows, the option is named instead: `max_source 100 -> 200`.
    """
    if old.get("format") != new.get("format"):
        return ["trained by an older release"]
    told = {
        "start": "it starts from another model",
        "tokenizer": "another tokenizer",
        "train": "other training rows",
        "validation": "other validation rows",
        "labels": "other entity types",
        "processes": "another number of processes",
        "bf16": "bfloat16 on or off",
    }
    old, new = json.loads(json.dumps([old, new], default=str))
    chosen = _differences(*(recipe.get("beside", {}) for recipe in (old, new)))
    found: list[str] = []
    for name, words in told.items():
        if old.get(name) != new.get(name):
            why = [line for line in chosen if (line.split()[0] in _CHOOSE_VALIDATION_ROWS) == (name == "validation")]
            found += why if why and name in ("train", "validation") else [words]
    return found + _differences(*(_flat(recipe["options"]) | {"seed": recipe["seed"]} for recipe in (old, new)))


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """`name before -> after` for every option that differs."""
    pairs = {name: (old.get(name, "default"), new.get(name, "default")) for name in [*old, *new]}
    return [f"{name} {before} -> {after}" for name, (before, after) in pairs.items() if before != after]


def _flat(options: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in options.items() if k != "training"} | options.get("training", {})


def _tokenizer_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state |= {"truncation": None, "padding": None}  # these change from call to call
    state["special"] = {name: str(token) for name, token in sorted(tokenizer.special_tokens_map.items())}
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]
