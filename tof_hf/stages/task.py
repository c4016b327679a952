"""A stage before it runs: what it is given, and the key by which a finished one is known again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase, Trainer, TrainingArguments

from tof_hf.config import StageConfig
from tof_hf.data.fingerprint import content_hash
from tof_hf.devices import has_bf16
from tof_hf.inference import OrderedTrainer


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved model: the names of the stages that made it (none for the encoder), its folder or Hub id, its key."""

    name: str
    path: str
    key: str

    @property
    def folder(self) -> Path:
        """The stage's folder, which holds the model, the record and the scores."""
        return Path(self.path).parent


@dataclass(frozen=True)
class StageTask:
    """All that one stage needs; datasets are encoded, `build` gives the model and what it kept (a HandOff).

    `rows` and `validation_rows`: how many rows of which kind it trains on and is chosen by, for the record.
    """

    stage: str
    start: Checkpoint
    config: StageConfig
    seed: int
    tokenizer: PreTrainedTokenizerBase
    build: Callable[[], tuple[Any, Any]]
    train: Dataset
    collator: Callable
    loss: Callable
    rows: dict[str, int]
    validation_rows: dict[str, int] = dataclasses.field(default_factory=dict)
    label_names: Sequence[str] = ()
    validation: Dataset | None = None
    metrics: Callable | None = None
    reduce_logits: Callable | None = None
    trainer: type[Trainer] = OrderedTrainer
    repeats: int = 1
    before_training: Callable[[Any, TrainingArguments, Dataset], None] | None = None

    @property
    def name(self) -> str:
        """The name of the stage's folder: the stages that led to it and its own."""
        return f"{self.start.name}-{self.stage}".removeprefix("-")


def stage_recipe(task: StageTask) -> dict[str, Any]:
    """All that decides what a stage ends with, as JSON knows it: same recipe, same weights.

    Its options and seed, what it starts from (by that one's key), the tokenizer, and the rows themselves, encoded:
    where they lay and what the files were called does not matter.
    """
    # The seed in force stands beside them; whether it was named here or for the whole run makes no difference.
    options = {k: v for k, v in dataclasses.asdict(task.config).items() if k not in ("enabled", "seed")}
    return {
        "stage": task.stage.rstrip("0123456789"),
        "options": options,
        "seed": task.seed,
        "start": task.start.key,
        "tokenizer": _tokenizer_hash(task.tokenizer),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),  # batch sizes are per process
        "bf16": bool(task.config.training.get("bf16", has_bf16() and not task.config.training.get("fp16"))),
        "labels": list(task.label_names),
        "train": content_hash(task.train),
        "validation": task.validation and content_hash(task.validation),
    }


def recipe_key(recipe: Mapping[str, Any]) -> str:
    """Same recipe, same key."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True, default=str).encode()).hexdigest()[:16]


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What is another one in the new recipe, for people: `learning_rate 1e-06 -> 2e-06`, `other training rows`."""
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
    found = [told[name] for name in told if old.get(name) != new.get(name)]
    flat = [_flat(recipe["options"]) | {"seed": recipe["seed"]} for recipe in (old, new)]
    for name in dict.fromkeys([*flat[0], *flat[1]]):
        before, after = (options.get(name, "default") for options in flat)
        if before != after:
            found.append(f"{name} {before} -> {after}")
    return found


def _flat(options: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in options.items() if k != "training"} | options.get("training", {})


def _tokenizer_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state |= {"truncation": None, "padding": None}  # these change from call to call
    state["special"] = {name: str(token) for name, token in sorted(tokenizer.special_tokens_map.items())}
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]


def encoder_key(name_or_path: str) -> str:
    """What identifies the pretrained encoder: the bytes of a folder's weights, or the Hub id."""
    folder = Path(name_or_path)
    if not folder.is_dir():
        return name_or_path
    digest = hashlib.sha256()
    weights = [*folder.glob("*.safetensors"), *folder.glob("*.bin")]
    for file in sorted([*weights, folder / "config.json", folder / "tokenizer.json"]):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
