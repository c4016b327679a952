"""Distillation: a student learns the class probabilities of teachers on unlabelled target text.

Related methods use target text in this way: TSL (Wu et al. 2020, ACL) and UniTrans (Wu et al. 2020, IJCAI).
"""

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
from tof_hf.config.row_kinds import RowKind
from tof_hf.data.soft_labels import PROBABILITIES, encode_soft_labels
from tof_hf.data.windows import IGNORE, NO_WORD
from tof_hf.inference.words import WordCollator
from tof_hf.stages.fit import at_least_one, token_loss
from tof_hf.stages.ner import build_tagger, tagger_validation
from tof_hf.stages.stage import Stage, StageSetup

DISAGREED = -1.0


def distillation_stage(
    setup: StageSetup[DistillationConfig],
    *,
    labelled: Dataset,
    validation: Mapping[str, Dataset],
    label_names: Sequence[str],
) -> Stage:
    """The stage that trains a student with a fresh classifier on soft labels.

    Args:
        setup: its start is the checkpoint whose encoder is trained.
        labelled: rows of `tof_hf.data.soft_labels.soft_label`.
        validation: source NER rows by kind; the checkpoint with the best entity F1 on them is kept.
        label_names: the IOB2 labels.
    """
    config, tokenizer = setup.config, setup.tokenizer
    return Stage(
        **vars(setup),
        build=lambda: build_tagger(setup, label_names, keep_head=False),
        train=encode_soft_labels(labelled, tokenizer, max_length=config.max_length, stride=config.stride),
        collator=SoftCollator(tokenizer),
        loss=functools.partial(distillation_loss, soft_loss=config.soft_loss, hard_weight=config.hard_weight),
        rows={str(RowKind.TAUGHT): len(labelled)},
        label_names=label_names,
        validation=tagger_validation(setup, validation, label_names),
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
                labels[i, pieces] = torch.tensor([[*word, DISAGREED] for word in row[PROBABILITIES]])
        agreed = batch["labels"] != IGNORE
        labels[..., -1][agreed] = batch["labels"][agreed].float()
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
    return (soft_total + hard_weight * hard_total) / at_least_one(count)
