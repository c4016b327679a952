"""Soft labels: teachers' class probabilities for every word of raw target text, and the hard labels they agree on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from datasets import ClassLabel, Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from tof_hf.data.label_selection import UNSURE, frequent_texts, without_texts
from tof_hf.data.windows import NO_WORD, encode_ner

PROBABILITIES = "class_probabilities"
Probabilities = Sequence[Sequence[np.ndarray]]  # of every word of every sentence, one number a class


def soft_label(
    dataset: Dataset, teachers: Sequence[Probabilities], voters: Sequence[Probabilities], *, label_names: Sequence[str]
) -> Dataset:
    """The sentences with `class_probabilities`, the mean of the teachers', and the labels that the voters agree on.

    `ner_tags` is the first voter's most probable label (without voters, that of the mean); `ner_unsure` is true on
    words where another voter has another one, and on all words if nobody votes.
    """
    mean = [
        [np.mean(words, axis=0, dtype=np.float64).astype(np.float32) for words in zip(*of_all, strict=True)]
        for of_all in zip(*teachers, strict=True)
    ]
    votes = [[_labels(sentence) for sentence in of_one] for of_one in voters]
    tags = votes[0] if votes else [_labels(sentence) for sentence in mean]
    unsure = [
        [not votes or any(other[row][word] != tag for other in votes) for word, tag in enumerate(sentence)]
        for row, sentence in enumerate(tags)
    ]
    return Dataset.from_dict(
        {"id": dataset["id"][:], "tokens": dataset["tokens"][:], "ner_tags": tags, UNSURE: unsure, PROBABILITIES: mean},
        features=soft_label_features(label_names),
    )


def without_frequent_texts(taught: Dataset, share: float | None) -> tuple[Dataset, dict[str, int]]:
    """The rows where texts that are more than `share` of all entities are none, and how often each of them was one.

    On their words the class is O for certain, and there is no hard label. Without such a text, or a share, the very
    same rows.
    """
    texts = {} if share is None else frequent_texts(taught, share)
    if not texts:
        return taught, {}
    certain = [float(name == "O") for name in taught.features["ner_tags"].feature.names]
    return without_texts(taught, texts, beside={UNSURE: True, PROBABILITIES: certain}), texts


def soft_label_features(label_names: Sequence[str]) -> Features:
    """The columns of soft-labelled rows."""
    return Features(
        {
            "id": Value("string"),
            "tokens": List(Value("string")),
            "ner_tags": List(ClassLabel(names=list(label_names))),
            UNSURE: List(Value("bool")),
            PROBABILITIES: List(List(Value("float32"))),
        }
    )


def encode_soft_labels(
    dataset: Dataset, tokenizer: PreTrainedTokenizerBase, *, max_length: int = 128, stride: int = 16
) -> Dataset:
    """The windows of `encode_ner`, and for every piece that speaks for a word the `class_probabilities` of that word.

    `labels` are -100 on words that the voters do not agree on.
    """
    windows = encode_ner(dataset.remove_columns(PROBABILITIES), tokenizer, max_length=max_length, stride=stride)
    known = dataset[PROBABILITIES][:]
    spoken = [
        [known[row][word] for word in words if word != NO_WORD]
        for row, words in zip(windows["row"], windows["word_ids"], strict=True)
    ]
    return windows.add_column(PROBABILITIES, spoken, feature=List(List(Value("float32"))))


def _labels(sentence: Sequence[np.ndarray]) -> list[int]:
    return [int(word.argmax()) for word in sentence]
