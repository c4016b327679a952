"""Distillation: a student learns the class probabilities of teachers on unlabelled target text.

Related methods use target text in this way: TSL (Wu et al. 2020, ACL) and UniTrans (Wu et al. 2020, IJCAI).
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
    """The stage that trains a student with a fresh classifier on soft labels.

    Args:
        start: the checkpoint whose encoder it starts from.
        config: the options of the section `distillation`.
        stage: what the stage is called.
        taught: rows of `tof_hf.data.soft_labels.soft_label`.
        validation: source NER rows by kind; the checkpoint with the best entity F1 on them is kept.
        label_names: the IOB2 labels.
        tokenizer: the encoder's.
        seed: of training.
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
    """Rows of `encode_soft_labels` -> a padded batch; other rows, of the validation data, as in `WordCollator`."""

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        """`labels` of shape (batch, pieces, classes + 1): probabilities, then the label, -1 where the voters disagree.

        All are -100 on pieces that stand for no word.
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
    """The mean over all words of a step of the distance between the student's and the teachers' class probabilities.

    Args:
        outputs: the model's outputs, with `logits` of shape (batch, pieces, classes).
        labels: those of `SoftCollator`, or class numbers of shape (batch, pieces) for the validation data.
        num_items_in_batch: how many numbers in the labels of the whole step are not -100; None counts this batch.
        soft_loss: the distance: mean squared error, or cross entropy.
        hard_weight: the weight of the cross entropy on the words whose label the voters agree on, added to it.
    """
    if labels.dim() == 2:  # the validation sentences
        return token_loss(outputs, labels)
    logits = outputs["logits"].float()
    words = labels[..., 0] != IGNORE
    soft, hard = labels[..., :-1], labels[..., -1]
    if soft_loss == "mse":
        soft_total = (logits.softmax(-1) - soft).square().mean(-1)[words].sum()
    else:
        soft_total = F.cross_entropy(logits[words], soft[words], reduction="sum")
    agreed = words & (hard != DISAGREED)
    hard_total = F.cross_entropy(logits[agreed], hard[agreed].long(), reduction="sum")
    # The Trainer counts all numbers that are not -100: the probabilities and the label of every word.
    count = words.sum() if num_items_in_batch is None else num_items_in_batch / labels.size(-1)
    return (soft_total + hard_weight * hard_total) / (
        count.clamp(min=1) if isinstance(count, Tensor) else max(1, count)
    )
