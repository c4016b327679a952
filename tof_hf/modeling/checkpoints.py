"""Loading checkpoints with a check that no tensor of the encoder is missing, which would leave it random."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from tof_hf.errors import ModelError
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
    ModelError if it cannot be read or lacks a tensor that it should have (a pooler is never needed).
    """
    kwargs.setdefault("dtype", torch.float32)
    with _quiet():
        model, info = load_pretrained(loader, name_or_path, output_loading_info=True, **kwargs)
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
    return model, head


def label_names(model: Any) -> list[str]:
    """The labels of a tagger, in the order of their numbers. Raises ModelError if they lack "O"."""
    names = [model.config.id2label[number] for number in range(model.config.num_labels)]
    if OUTSIDE not in names:
        raise ModelError(f"This model tags no entities: its labels {names} lack {OUTSIDE!r}. Give a NER checkpoint.")
    return names


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the warnings of transformers about missing tensors and heads, which load_whole checks itself."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
