"""Predictions of a tagger for words: windows cut and re-joined, the Trainer's loop, only one number a piece kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import Sampler, SequentialSampler
from transformers import PreTrainedTokenizerBase, PrinterCallback, Trainer, TrainingArguments

from tof_hf.data.pseudo_labels import WordPredictions
from tof_hf.data.windows import IGNORE, by_length, encode_ner, join_words
from tof_hf.errors import ModelError

OUTSIDE = "O"


@dataclasses.dataclass(frozen=True)
class WordCollator:
    """Rows of `encode_ner` -> padded `input_ids`, `attention_mask` and, where the rows have them, `labels`."""

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        """(batch, pieces) tensors; labels are -100 on the padding."""
        batch = dict(self.tokenizer.pad({"input_ids": [row["input_ids"] for row in rows]}, return_tensors="pt"))
        if "labels" in rows[0]:
            labels = torch.full(batch["input_ids"].shape, IGNORE)
            for i, row in enumerate(rows):
                labels[i, : len(row["labels"])] = torch.tensor(row["labels"])
            batch["labels"] = labels
        return batch


class OrderedTrainer(Trainer):
    """A Trainer that evaluates and predicts in the order of the rows.

    With length-grouped training batches the stock one shuffles evaluation too, and nothing that it returns says
    which row a prediction belongs to. Our rows come sorted by length already.
    """

    def _get_eval_sampler(self, eval_dataset: Dataset) -> Sampler | None:
        # Several processes get their shares of the rows in order from accelerate.
        return SequentialSampler(eval_dataset) if self.args.world_size <= 1 else None


def predict_words(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    dataset: Dataset,
    *,
    args: TrainingArguments,
    max_length: int = 128,
    stride: int = 16,
) -> WordPredictions:
    """The most probable tag of every word and its probability; sentences of any length (paper Eq. 4).

    `dataset` has rows of `tokens`; labels in it are not looked at. With several processes each predicts a share and
    all get the whole. Words that the tokenizer drops altogether get O with probability 1.
    """
    names = _labels(model)
    windows, predicted, lengths = _predict(model, tokenizer, dataset, best_tags, args, max_length, stride)
    tags = join_words(windows, predicted[..., 0].astype(int), lengths=lengths, fill=names.index(OUTSIDE))
    probabilities = join_words(windows, predicted[..., 1].astype(float), lengths=lengths, fill=1.0)
    return WordPredictions([[names[tag] for tag in row] for row in tags], probabilities)


def predict_probabilities(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    dataset: Dataset,
    *,
    args: TrainingArguments,
    max_length: int = 128,
    stride: int = 16,
) -> list[list[np.ndarray]]:
    """The probability of every class, in the order of the model's labels, for every word; else as `predict_words`."""
    names = _labels(model)
    windows, predicted, lengths = _predict(model, tokenizer, dataset, all_probabilities, args, max_length, stride)
    outside = np.eye(len(names), dtype=np.float32)[names.index(OUTSIDE)]
    return join_words(windows, predicted, lengths=lengths, fill=outside)


def _labels(model: Any) -> list[str]:
    names = [model.config.id2label[i] for i in range(model.config.num_labels)]
    if OUTSIDE not in names:
        raise ModelError(f"This model cannot tag words: its labels {names} lack {OUTSIDE!r}. Give a NER checkpoint.")
    return names


def _predict(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    dataset: Dataset,
    reduce: Callable,
    args: TrainingArguments,
    max_length: int,
    stride: int,
) -> tuple[Dataset, np.ndarray, list[int]]:
    """The windows, `reduce` of the logits of each as (windows, pieces, numbers), and the lengths of the sentences."""
    words = dataset.select_columns([name for name in ("id", "tokens") if name in dataset.column_names])
    windows = by_length(encode_ner(words, tokenizer, max_length=max_length, stride=stride))
    trainer = OrderedTrainer(
        model=model,
        args=args,
        data_collator=WordCollator(tokenizer),
        preprocess_logits_for_metrics=reduce,
    )
    trainer.remove_callback(PrinterCallback)
    predicted = trainer.predict(windows).predictions
    trainer.accelerator.free_memory()
    return windows, predicted, [len(tokens) for tokens in words["tokens"]]


def all_probabilities(logits: Tensor | tuple[Tensor, ...], labels: Tensor | None) -> Tensor:
    """(batch, pieces, classes): the probability of every class."""
    return (logits[0] if isinstance(logits, tuple) else logits).float().softmax(-1)


def best_tags(logits: Tensor | tuple[Tensor, ...], labels: Tensor | None) -> Tensor:
    """(batch, pieces, 2): the most probable label and its probability, instead of all logits."""
    logits = logits[0] if isinstance(logits, tuple) else logits
    probability, tag = logits.float().softmax(-1).max(-1)
    return torch.stack([tag.float(), probability], dim=-1)
