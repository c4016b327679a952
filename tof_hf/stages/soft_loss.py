"""The loss on class probabilities: of a student of teachers, or of a tagger that goes on with soft pseudo-labels."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedTokenizerBase

from tof_hf.data.pseudo_labels import PROBABILITIES
from tof_hf.data.windows import IGNORE, NO_WORD
from tof_hf.inference.words import WordCollator
from tof_hf.stages.fit import at_least_one, token_loss

DISAGREED = -1.0


@dataclass(frozen=True)
class SoftCollator:
    """Rows of `encode_soft_labels` -> a padded batch; other rows, of the validation data, as in `WordCollator`."""

    tokenizer: PreTrainedTokenizerBase
    only_agreed: bool = False

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        """`labels` of shape (batch, pieces, classes + 1): probabilities, then the label, -1 where the voters disagree.

        All are -100 on pieces that stand for no word, and with `only_agreed` where the voters disagree.
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
        if self.only_agreed:
            labels[~agreed] = IGNORE
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
