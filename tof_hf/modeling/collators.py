"""Padding of span-extraction windows to the longest of the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from tof_hf.data.windows import IGNORE


@dataclass(frozen=True)
class SpanCollator:
    """Rows of `encode_mrc` -> the inputs of `SpanExtractionModel.forward`; labels exist on the context alone."""

    tokenizer: PreTrainedTokenizerBase
    span_match: bool = False

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask`, (`token_type_ids`), `context_mask` of (batch, pieces); `labels` of (batch,
        pieces, 2); with `span_match` also `spans` of (batch, most spans, 2), padded with -1."""
        names = [name for name in self.tokenizer.model_input_names if name in rows[0]]
        batch = self.tokenizer.pad({name: [row[name] for row in rows] for name in names}, return_tensors="pt")
        size = batch["input_ids"].shape
        context = torch.zeros(size, dtype=torch.bool)
        labels = torch.full((*size, 2), IGNORE)
        spans = torch.full((size[0], max(1, *(len(row["spans"]) for row in rows), 1), 2), -1)
        for i, row in enumerate(rows):
            first, end = row["context"]
            context[i, first:end] = True
            labels[i, first:end] = 0
            labels[i, row["ignored"]] = IGNORE
            for k, (start, stop) in enumerate(row["spans"]):
                labels[i, start, 0] = 1
                labels[i, stop, 1] = 1
                spans[i, k] = torch.tensor([start, stop])
        out = dict(batch) | {"context_mask": context, "labels": labels}
        return out | {"spans": spans} if self.span_match else out
