"""Loading checkpoints so that nothing of the encoder starts from random numbers unnoticed."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from tof_hf.errors import ModelError
from tof_hf.utils.pretrained import load_pretrained

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
_HUB_OPTIONS = {"revision", "token", "cache_dir", "local_files_only", "subfolder"}
_CODE = ("auto_map", "custom_pipelines")  # where a config names Python files of its checkpoint


def read_config(name_or_path: str, **kwargs: Any) -> PreTrainedConfig:
    """The checkpoint's configuration; ModelError if there is none."""
    given = {name: value for name, value in kwargs.items() if name in _HUB_OPTIONS}
    return load_pretrained(AutoConfig, name_or_path, **given)


def load_whole(
    loader: Any, name_or_path: str, *, fresh_head: bool = False, **kwargs: Any
) -> tuple[PreTrainedModel, set[str]]:
    """The model in single precision, and the names of its head's tensors that the checkpoint lacks.

    `loader` is an Auto class or a model class. Without `fresh_head` the checkpoint must hold the head too. Raises
    ModelError if it cannot be read or lacks a tensor that it should hold (a pooler is never needed).
    """
    kwargs.setdefault("dtype", torch.float32)
    model, info = load_pretrained(loader, name_or_path, output_loading_info=True, **kwargs)
    for name in _CODE:  # else a saved copy would refer to Python files that it does not have
        vars(model.config).pop(name, None)
    prefix = f"{model.base_model_prefix}."
    bare = model.base_model is model
    missing = {name for name in info["missing_keys"] if "pooler" not in name}
    head = {name for name in missing if not bare and not name.startswith(prefix)}
    reshaped = {key[0] for key in info["mismatched_keys"] if bare or key[0].startswith(prefix)}
    lost = sorted(reshaped | (missing - head if fresh_head else missing))
    if lost:
        raise ModelError(f"{name_or_path} lacks {len(lost)} tensors of its shape, e.g. {lost[0]}. Is it complete?")
    return model, head
