"""Checkpoints: loaded with a check that no tensor of the encoder is missing (it would be random), and identified.

A pretrained encoder is identified by the content of a folder, or by the commit of a Hub repository.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from tof_hf.data.labels import is_tag
from tof_hf.data.words import CONFIG_KEY, describe_rule
from tof_hf.errors import ModelError, as_data_error
from tof_hf.storage.files import read_object, sha256
from tof_hf.utils.outside import read_json_file
from tof_hf.utils.pretrained import load_pretrained

OUTSIDE = "O"
WEIGHTS = ("model.safetensors", "*.safetensors", "*.safetensors.index.json")
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
)
MODEL_FILES = ("config.json", *WEIGHTS, *TOKENIZER)  # what makes a tagger and its tokenizer
# In the order in which transformers looks for them; an index names further files.
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_IGNORED_SETTINGS = {"transformers_version", "_name_or_path", "dtype", "torch_dtype"}  # always loaded as float32
_HUB_OPTIONS = {"revision", "token", "cache_dir", "local_files_only", "subfolder"}
_CODE = ("auto_map", "custom_pipelines")  # where a config names Python files of its checkpoint


def read_config(name_or_path: str, **kwargs: Any) -> PreTrainedConfig:
    """The checkpoint's configuration; ModelError if there is none."""
    return load_pretrained(AutoConfig, name_or_path, **{key: kwargs[key] for key in _HUB_OPTIONS & kwargs.keys()})


def encoder_of(model: PreTrainedModel) -> PreTrainedModel:
    """The model without its head; a bare encoder is its own."""
    return getattr(model, model.base_model_prefix, model)


def load_whole(
    loader: Any, name_or_path: str, *, fresh_head: bool = False, **kwargs: Any
) -> tuple[PreTrainedModel, set[str]]:
    """The model in single precision, and the names of its head's tensors that the checkpoint lacks.

    `loader` is an Auto class or a model class. Without `fresh_head` the checkpoint must have the head too. Raises
    ModelError if it cannot be read, lacks a tensor that it should have (a pooler is never needed), or holds NaN.
    """
    kwargs.setdefault("dtype", torch.float32)
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # missing tensors and heads are checked here
    try:
        model, info = load_pretrained(loader, name_or_path, output_loading_info=True, **kwargs)
    finally:
        logging.set_verbosity(verbosity)
    for name in _CODE:  # otherwise a saved copy would refer to Python files that it does not have
        vars(model.config).pop(name, None)
    prefix = f"{model.base_model_prefix}."
    bare = encoder_of(model) is model
    missing = {name for name in info["missing_keys"] if "pooler" not in name}
    head = {name for name in missing if not bare and not name.startswith(prefix)}
    reshaped = {key[0] for key in info["mismatched_keys"] if bare or key[0].startswith(prefix)}
    lost = sorted(reshaped | (missing - head if fresh_head else missing))
    if lost:
        raise ModelError(f"{name_or_path} lacks {len(lost)} tensors of its shape, e.g. {lost[0]}. Is it complete?")
    # The sum is quick, but can be too large for numbers that are not.
    unsure = [(name, weights) for name, weights in model.named_parameters() if not weights.sum().isfinite()]
    if broken := [name for name, weights in unsure if not weights.isfinite().all()]:
        raise ModelError(
            f"{name_or_path}: {len(broken)} of its tensors hold NaN or infinite numbers, e.g. {broken[0]}: the file is "
            "damaged, or its training diverged. What to do: take another checkpoint, or train it again with a lower "
            "learning rate."
        )
    return model, head


def with_word_rule(config_file: Path, rule: str) -> dict[str, Any]:
    """The content of a tagger's config.json, with the rule by which it splits text into words."""
    content = read_object(config_file) or {}
    return content | {CONFIG_KEY: (content.get(CONFIG_KEY) or {}) | describe_rule(rule)}


def check_vocabulary(tokenizer: PreTrainedTokenizerBase, config: PreTrainedConfig, name: str) -> None:
    """Raise ModelError if the tokenizer has pieces that the model `name` has no embedding for."""
    rows = getattr(config, "vocab_size", None)
    last, number = max(tokenizer.get_vocab().items(), key=lambda item: item[1])
    if rows is not None and number >= rows:
        raise ModelError(
            f"{name}: its tokenizer has pieces up to number {number:,} ({last!r}), but the model has embeddings for "
            f"the numbers below {rows:,} only. What to do: put the tokenizer there that belongs to the model, or give "
            "the model more embeddings with resize_token_embeddings and save it."
        )


def label_names(model: Any) -> list[str]:
    """The labels of a tagger, in the order of their numbers. Raises ModelError unless they are "O" and IOB2 tags."""
    names = [model.config.id2label.get(number) for number in range(model.config.num_labels)]
    if OUTSIDE not in names:
        raise ModelError(f"This model tags no entities: its labels {names} lack {OUTSIDE!r}. Give a NER checkpoint.")
    wrong = [name for name in names if not (isinstance(name, str) and is_tag(name))]
    if wrong or len(set(names)) < len(names):
        what = (
            f"the label {wrong[0]!r}, which is no tag such as B-PER" if wrong else f"labels that occur twice, {names}"
        )
        raise ModelError(f"This model cannot be used as a tagger: found {what}. Correct id2label in its config.json.")
    return names


def encoder_key(name_or_path: str) -> str:
    """The identity of a pretrained encoder: a hash of the folder's weights and config, or the Hub id and its commit.

    It leaves out the tokenizer, which a stage's fingerprint has anyway.
    """
    folder = Path(name_or_path)
    if not folder.is_dir():
        return "@".join(filter(None, (name_or_path, hub_commit(name_or_path, ask=True))))
    config = read_object(folder / "config.json") or {}  # loading will say what is wrong with it
    counted = {name: value for name, value in config.items() if name not in _IGNORED_SETTINGS}
    digest = hashlib.sha256(json.dumps(counted, sort_keys=True).encode())
    for file in weight_files(folder):
        digest.update(bytes.fromhex(sha256(file)))
    return digest.hexdigest()[:16]


def weight_files(folder: Path) -> list[Path]:
    """The files that the weights of a folder are loaded from, without copies in other formats."""
    first = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if first is None:  # names of older libraries
        return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    if first.suffix != ".json":
        return [first]
    with as_data_error("an index of weights that names no files", fix="download the checkpoint again.", path=first):
        shards = sorted(set(read_json_file(first)["weight_map"].values()))
        return [file for name in shards if (file := folder / name).is_file()]


def hub_commit(name: str, *, ask: bool = False) -> str | None:
    """The commit of a Hub repository in the local cache; None if it is not there.

    `ask`: download its config first if it is not in the cache.
    """
    with contextlib.suppress(HFValidationError, ModelError):  # loading will say what is wrong
        found = None if Path(name).exists() else try_to_load_from_cache(name, "config.json")
        if isinstance(found, str):
            return Path(found).parent.name
        if ask:
            read_config(name)
            return hub_commit(name)
    return None
