"""Frozen parts of an encoder."""

from __future__ import annotations

import torch
from torch import nn
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel

from tof_hf.errors import ModelError
from tof_hf.modeling.checkpoints import encoder_of
from tof_hf.utils.pretrained import make_from_config


def freeze_layers(model: PreTrainedModel, count: int) -> None:
    """Freeze the embeddings, all that is tied to them, and the `count` lowest layers of the encoder; 0 freezes nothing.

    Raises:
        ModelError: the encoder has fewer layers, or its layers share their weights.
    """
    if not count:
        return
    encoder = encoder_of(model)
    layers = _layers(encoder)
    if count > len(layers):
        raise ModelError(
            f"{type(encoder).__name__} has {len(layers)} layers with weights of their own, freeze_layers is {count}. "
            "What to do: lower it."
        )
    embeddings = [module for name, module in encoder.named_children() if name.startswith("embeddings")]
    for module in (*embeddings, *layers[:count]):
        module.requires_grad_(False)


def layers_to_freeze(encoder: PreTrainedConfig) -> int:
    """How many layers of an encoder can be frozen: all, or none if they share their weights, as in ALBERT."""
    with torch.device("meta"):
        return len(_layers(make_from_config(AutoModel, encoder)))


def _layers(encoder: PreTrainedModel) -> nn.ModuleList:
    lists = (module for module in encoder.modules() if isinstance(module, nn.ModuleList))
    return next((layers for layers in lists if len(layers) == encoder.config.num_hidden_layers), nn.ModuleList())
