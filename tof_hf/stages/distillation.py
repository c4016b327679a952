"""A student learns from teachers on raw target text: their class probabilities, and the labels they agree on.

This is how the peers of TOF use the target's text: TSL (Wu et al. 2020, ACL) and UniTrans (Wu et al. 2020, IJCAI).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedTokenizerBase

from tof_hf.config import DistillationConfig
from tof_hf.data.soft_labels import PROBABILITIES, encode_soft_labels
from tof_hf.data.windows import IGNORE, NO_WORD
from tof_hf.inference.words import WordCollator
from tof_hf.modeling.transfer import load_for_ner
from tof_hf.stages.fit import token_loss
from tof_hf.stages.name import StageName
from tof_hf.stages.ner import argmax, held_out_sentences
from tof_hf.stages.stage import Checkpoint, StageTask

DISAGREED = -1.0


def distillation_task(
    start: Checkpoint,
    config: DistillationConfig,
    *,
    stage: StageName,
    taught: Dataset,
    validation: Mapping[str, Dataset],
    label_names: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
) -> StageTask:
    """A stage: the student with the best entity F1 on `validation` (source sentences) after learning from `taught`.

    `taught` are rows of `tof_hf.data.soft_labels.soft_label`; the student's classifier is fresh.
    """
    held_out, metrics = held_out_sentences(validation, config, label_names, tokenizer)
    return StageTask(
        stage=stage,
        start=start,
        config=config,
        seed=seed,
        tokenizer=tokenizer,
        build=lambda: load_for_ner(start.path, label_names, keep_head=False),
        train=encode_soft_labels(taught, tokenizer, max_length=config.max_length, stride=config.stride),
        collator=SoftCollator(tokenizer),
        loss=functools.partial(distillation_loss, soft_loss=config.soft_loss, hard_weight=config.hard_weight),
        rows={"taught": len(taught)},
        validation_rows={name: len(rows) for name, rows in validation.items()},
        label_names=label_names,
        validation=held_out,
        metrics=metrics,
        reduce_logits=argmax,
    )


@dataclass(frozen=True)
class SoftCollator:
    """Rows of `encode_soft_labels` -> a padded batch; other rows as `WordCollator` has them (the validation)."""

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        """`labels` (batch, pieces, classes + 1): probabilities, then the label or -1 where the voters disagree.

        They are -100 on pieces that speak for no word.
        """
        batch = WordCollator(self.tokenizer)(rows)
        if PROBABILITIES not in rows[0]:
            return batch
        classes = next((len(word) for row in rows for word in row[PROBABILITIES]), 1)
        labels = torch.full((*batch["input_ids"].shape, classes + 1), float(IGNORE))
        for i, row in enumerate(rows):
            pieces = [piece for piece, word in enumerate(row["word_ids"]) if word != NO_WORD]
            if pieces:
                labels[i, pieces, :-1] = torch.tensor(row[PROBABILITIES])
                agreed = torch.tensor([row["labels"][piece] for piece in pieces], dtype=torch.float)
                labels[i, pieces, -1] = agreed.masked_fill(agreed == IGNORE, DISAGREED)
        return batch | {"labels": labels}


def distillation_loss(
    outputs: Any,
    labels: Tensor,
    num_items_in_batch: Tensor | int | None = None,
    *,
    soft_loss: Literal["mse", "cross_entropy"] = "mse",
    hard_weight: float = 0.0,
) -> Tensor:
    """Per word the mean square between the student's and the teachers' class probabilities, over all words of a step.

    With `soft_loss="cross_entropy"` their cross entropy instead. And `hard_weight` times the cross entropy on the words
    that the voters agree on, over all words too.
    """
    if labels.dim() == 2:  # the validation sentences
        return token_loss(outputs, labels)
    logits = outputs["logits"].float()
    spoken = labels[..., 0] != IGNORE
    soft, hard = labels[..., :-1], labels[..., -1]
    if soft_loss == "mse":
        apart = (logits.softmax(-1) - soft).square().mean(-1)[spoken].sum()
    else:
        apart = F.cross_entropy(logits[spoken], soft[spoken], reduction="sum")
    agreed = spoken & (hard != DISAGREED)
    crossed = F.cross_entropy(logits[agreed], hard[agreed].long(), reduction="sum")
    # The Trainer counts every number that is not -100: the classes and the label of every word.
    words = spoken.sum() if num_items_in_batch is None else num_items_in_batch / labels.size(-1)
    return (apart + hard_weight * crossed) / (words.clamp(min=1) if isinstance(words, Tensor) else max(1, words))
