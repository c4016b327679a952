"""Padding of span-extraction windows to the longest one in the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from tof_hf.data.windows import IGNORE


@dataclass(frozen=True)
class SpanCollator:
    """Makes the inputs of `SpanExtractionModel.forward` from rows of `encode_mrc`.

    Args:
        tokenizer: the tokenizer that the rows were encoded with.
        span_match: whether to add the `spans` that the span-match loss needs.

    Example:
        >>> batch = SpanCollator(tokenizer)([windows[0], windows[1]])
        >>> loss = model(**batch).loss
    """

    tokenizer: PreTrainedTokenizerBase
    span_match: bool = False

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        """Padded tensors of the rows.

        `input_ids`, `attention_mask`, `context_mask` and, for some tokenizers, `token_type_ids`: (batch, pieces).
        `labels`: (batch, pieces, 2), -100 outside the context. With `span_match`, `spans`: (batch, most spans, 2),
        padded with -1.
        """
        names = [name for name in self.tokenizer.model_input_names if name in rows[0]]
        batch = self.tokenizer.pad({name: [row[name] for row in rows] for name in names}, return_tensors="pt")
        size = batch["input_ids"].shape
        context = torch.zeros(size, dtype=torch.bool)
        labels = torch.full((*size, 2), IGNORE)
        spans = torch.full((size[0], max(1, *(len(row["spans"]) for row in rows)), 2), -1)
        for i, row in enumerate(rows):
            first, end = row["context"]
            context[i, first:end] = True
            labels[i, first:end] = 0
            labels[i, row["ignored"]] = IGNORE
            for k, (start, stop) in enumerate(row["spans"]):
                labels[i, start, 0] = labels[i, stop, 1] = 1
                spans[i, k] = torch.tensor([start, stop])
        out = dict(batch) | {"context_mask": context, "labels": labels}
        return out | {"spans": spans} if self.span_match else out
