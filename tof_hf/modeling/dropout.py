"""Dropout and attention for training on processors: those of torch cost a fifth of a step with short sentences.

torch draws every random number of a processor by itself and computes attention with dropout in float32 throughout. Here
one draw gives the random bits of four numbers, and attention multiplies in the precision of autocast, as on GPUs.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

_ATTENTION = "training_on_processors"
_LEVELS = 2**16  # of the probability


def fast_dropout(values: Tensor, probability: float) -> Tensor:
    """The values, each 0 with this probability, which is rounded to 16 bits, and the others scaled up to keep the mean.

    Args:
        values: on a processor.
        probability: from 0 to below 1 - 2**-17.
    """
    dropped = round(probability * _LEVELS)
    bits = torch.empty(math.ceil(values.numel() / 4), dtype=torch.int64).random_(-(2**63), None)
    kept = bits.view(torch.int16)[: values.numel()].view(values.shape).ge_(dropped - _LEVELS // 2)
    scale = torch.tensor(_LEVELS / (_LEVELS - dropped), dtype=values.dtype)
    if values.element_size() == kept.element_size():  # 0 or 1 times the bits of the scale: no pass to convert it
        return values * kept.mul_(scale.view(torch.int16)).view(values.dtype)
    return values * kept.to(values.dtype).mul_(scale)


class FastDropout(nn.Dropout):
    """`nn.Dropout` by `fast_dropout`."""

    def forward(self, input: Tensor) -> Tensor:
        """The same numbers in evaluation; in training some are 0."""
        if not self.training or not 0 < self.p < 1:
            return super().forward(input)
        return fast_dropout(input, self.p)


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attention of an encoder with dropout; all else is left to `scaled_dot_product_attention`."""
    plain = attention_mask is not None and attention_mask.dtype == torch.bool or not getattr(module, "is_causal", True)
    if not dropout or not plain or query.shape[1] != key.shape[1] or options.get("position_bias") is not None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **options
        )
    scores = (query * (query.shape[-1] ** -0.5 if scaling is None else scaling)) @ key.mT
    if attention_mask is not None:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    weights = fast_dropout(scores.softmax(-1, dtype=torch.float32).to(scores.dtype), dropout)
    return (weights @ value).transpose(1, 2).contiguous(), None


def use_fast_dropout(model: PreTrainedModel) -> None:
    """Have the model, which is on a processor, use these; its weights, its config on disk and its outputs stay."""
    AttentionInterface.register(_ATTENTION, attention)
    AttentionMaskInterface.register(_ATTENTION, sdpa_mask)
    for module in model.modules():
        if type(module) is nn.Dropout:
            module.__class__ = FastDropout
        elif isinstance(module, PreTrainedModel) and module.config._attn_implementation == "sdpa":
            module.config._attn_implementation = _ATTENTION
