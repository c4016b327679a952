"""Soft labels: teachers' class probabilities for every word of raw target text, and the hard labels they agree on."""

from collections.abc import Sequence

import numpy as np
from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from tof_hf.data.features import ner_features
from tof_hf.data.pseudo_labels import UNSURE, frequent_texts, without_texts
from tof_hf.data.windows import NO_WORD, encode_ner

PROBABILITIES = "class_probabilities"
Probabilities = Sequence[Sequence[np.ndarray]]  # of every word of every sentence, one number a class


def soft_label(
    dataset: Dataset, teachers: Sequence[Probabilities], voters: Sequence[Probabilities], *, label_names: Sequence[str]
) -> Dataset:
    """The sentences with `class_probabilities`, the mean of the teachers', and the labels that the voters agree on.

    `ner_tags` is the first voter's most probable label (without voters, that of the mean); `ner_unsure` is true on
    words where another voter has another label, and on all words if there are no voters.
    """
    mean: Probabilities = [
        [np.stack(words).mean(axis=0, dtype=np.float64).astype(np.float32) for words in zip(*sentences, strict=True)]
        for sentences in zip(*teachers, strict=True)
    ]
    votes = [[[int(word.argmax()) for word in sentence] for sentence in voter] for voter in voters or [mean]]
    unsure = [
        [not voters or len(set(labels)) > 1 for labels in zip(*sentences, strict=True)]
        for sentences in zip(*votes, strict=True)
    ]
    columns = {"id": dataset["id"][:], "tokens": dataset["tokens"][:], "ner_tags": votes[0]}
    others = {UNSURE: List(Value("bool")), PROBABILITIES: List(List(Value("float32")))}
    features = Features(ner_features(label_names) | others)
    return Dataset.from_dict(columns | {UNSURE: unsure, PROBABILITIES: mean}, features=features)


def without_frequent_texts(labelled: Dataset, share: float | None) -> tuple[Dataset, dict[str, int]]:
    """The rows without the entities whose text is more than `share` of all entities, and the count of each such text.

    The class of their words is O with probability 1, and they have no hard label. Without such a text, or a share,
    these are the same rows.
    """
    texts = {} if share is None else frequent_texts(labelled, share)
    if not texts:
        return labelled, {}
    outside = [float(name == "O") for name in labelled.features["ner_tags"].feature.names]
    return without_texts(labelled, texts, others={UNSURE: True, PROBABILITIES: outside}), texts


def encode_soft_labels(
    dataset: Dataset, tokenizer: PreTrainedTokenizerBase, *, max_length: int = 128, stride: int = 16
) -> Dataset:
    """The windows of `encode_ner`, with the `class_probabilities` of each word at its first piece.

    `labels` are -100 on words that the voters do not agree on.
    """
    windows = encode_ner(dataset.remove_columns(PROBABILITIES), tokenizer, max_length=max_length, stride=stride)
    probabilities = dataset[PROBABILITIES][:]
    column = [
        [probabilities[row][word] for word in words if word != NO_WORD]
        for row, words in zip(windows["row"], windows["word_ids"], strict=True)
    ]
    return windows.add_column(PROBABILITIES, column, feature=List(List(Value("float32"))))
