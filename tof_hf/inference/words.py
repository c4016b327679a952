"""A tagger's predictions for words: sentences are cut into windows, predicted by the Trainer and joined again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import Sampler, SequentialSampler
from transformers import (
    DataCollatorForTokenClassification,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from tof_hf.data.pseudo_labels import WordPredictions
from tof_hf.data.windows import IGNORE, by_length, encode_ner, join_words
from tof_hf.modeling.checkpoints import OUTSIDE, label_names

Logits = Tensor | tuple[Tensor, ...]


@dataclasses.dataclass(frozen=True)
class WordCollator:
    """Makes padded `input_ids`, `attention_mask` and, if the rows have them, `labels` from rows of `encode_ner`."""

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        """(batch, pieces) tensors; labels are -100 on the padding."""
        pad = DataCollatorForTokenClassification(self.tokenizer, label_pad_token_id=IGNORE)
        names = [name for name in ("input_ids", "labels") if name in rows[0]]
        return dict(pad([{name: row[name] for name in names} for row in rows]))


class OrderedTrainer(Trainer):
    """A Trainer that evaluates and predicts in the order of the rows.

    With length-grouped training batches the stock one shuffles evaluation too, and its result does not say which row
    a prediction belongs to. Our rows are already sorted by length.
    """

    def _get_eval_sampler(self, eval_dataset: Dataset) -> Sampler | None:
        # With several processes accelerate distributes the rows in order.
        return SequentialSampler(eval_dataset) if self.args.world_size <= 1 else None

    def predictions(self, windows: Dataset) -> np.ndarray:
        """The reduced outputs of the model for every window, padded to the longest; this ends the trainer's work."""
        self.remove_callback(PrinterCallback)
        predicted = np.asarray(self.predict(windows).predictions)
        self.accelerator.free_memory()
        return predicted


def predict_words(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    dataset: Dataset,
    *,
    args: TrainingArguments,
    max_length: int = 128,
    stride: int = 16,
) -> WordPredictions:
    """The most probable tag of every word and its probability, for sentences of any length (paper Eq. 4).

    Args:
        model: a token classification model with a label "O".
        tokenizer: its fast tokenizer.
        dataset: rows with `tokens`; their labels are not used.
        args: batch size and device of the `Trainer` that predicts.
        max_length: pieces in a window.
        stride: words that two neighbouring windows of a sentence share.

    Returns:
        One tag and its probability (0..1) per word, on every process. Words that the tokenizer drops completely get O
        with probability 1.

    Raises:
        ModelError: the model has no label "O".

    Example:
        >>> predictions = predict_words(model, tokenizer, rows, args=TrainingArguments("out"))
        >>> predictions.tags[0]
        ['B-PER', 'I-PER', 'O']
    """
    names = label_names(model)
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
    """Like `predict_words`, but for every word the probabilities of all labels, in the order of the model's labels."""
    names = label_names(model)
    windows, predicted, lengths = _predict(model, tokenizer, dataset, all_probabilities, args, max_length, stride)
    outside = np.eye(len(names), dtype=np.float32)[names.index(OUTSIDE)]
    return join_words(windows, predicted, lengths=lengths, fill=outside)


def _predict(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    dataset: Dataset,
    reduce: Callable[[Logits, Tensor | None], Tensor],
    args: TrainingArguments,
    max_length: int,
    stride: int,
) -> tuple[Dataset, np.ndarray, list[int]]:
    """The windows, `reduce` of their logits (windows, pieces, numbers), and the lengths of the sentences in words."""
    words = dataset.select_columns([name for name in ("id", "tokens") if name in dataset.column_names])
    windows = by_length(encode_ner(words, tokenizer, max_length=max_length, stride=stride))
    trainer = OrderedTrainer(
        model=model,
        args=args,
        data_collator=WordCollator(tokenizer),
        preprocess_logits_for_metrics=reduce,
    )
    return windows, trainer.predictions(windows), [len(tokens) for tokens in words["tokens"]]


def all_probabilities(logits: Logits, labels: Tensor | None) -> Tensor:
    """(batch, pieces, classes): the probability of every class."""
    return (logits[0] if isinstance(logits, tuple) else logits).float().softmax(-1)


def best_tags(logits: Logits, labels: Tensor | None) -> Tensor:
    """(batch, pieces, 2): the most probable label and its probability, instead of all logits."""
    probability, tag = all_probabilities(logits, labels).max(-1)
    return torch.stack([tag.float(), probability], dim=-1)
