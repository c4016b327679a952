"""Soft labels: teachers' class probabilities for every word of raw target text, and the hard labels they agree on."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features, List, Value, concatenate_datasets
from transformers import PreTrainedTokenizerBase

from tof_hf.data.columns import in_memory
from tof_hf.data.features import ner_features
from tof_hf.data.lists import flat, list_column
from tof_hf.data.mapping import Batch
from tof_hf.data.pseudo_labels import PROBABILITIES, UNSURE, frequent_texts, without_texts
from tof_hf.data.windows import NO_WORD, encode_ner, ner_windows

PROBABILITY_FEATURES = Features({PROBABILITIES: List(List(Value("float32")))})
SHARPENING = 2  # the power of probabilities: a temperature of 0.5, as in MixMatch (Berthelot et al. 2019)


def soft_label(
    words: pa.Table,
    teachers: Sequence[np.ndarray],
    voters: Sequence[np.ndarray],
    *,
    label_names: Sequence[str],
    decode: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda found, _: found.argmax(-1),
) -> Dataset:
    """The sentences with `class_probabilities`, the mean of the teachers', and the labels that the voters agree on.

    `words` are rows of `id` and `tokens`. Probabilities have the shape (words, classes), one sentence after the other.
    `ner_tags` is the first voter's label (without voters, that of the mean), which `decode` chooses by probabilities
    and the bounds of sentences; `ner_unsure` is true on words where another voter has another label, and on all words
    if there are no voters.
    """
    bounds = flat(words.column("tokens"))[1]
    mean = mean_of(teachers)
    votes = np.stack([decode(voter, bounds) for voter in voters or [mean]])
    unsure = (votes != votes[0]).any(0) if voters else np.full(len(mean), True)
    columns = {
        "id": words.column("id"),
        "tokens": words.column("tokens"),
        "ner_tags": list_column(bounds, votes[0]),
        UNSURE: list_column(bounds, unsure),
        PROBABILITIES: _by_word(bounds, mean),
    }
    return in_memory(columns, soft_features(label_names))


def mean_of(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of the taggers' probabilities, each of shape (words, classes)."""
    mean: np.ndarray = np.stack(probabilities).mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def soft_features(label_names: Sequence[str]) -> Features:
    """The features of soft labels."""
    return Features(ner_features(label_names) | {UNSURE: List(Value("bool"))} | PROBABILITY_FEATURES)


def with_probabilities(
    labelled: Dataset, probabilities: np.ndarray | None = None, *, sharpened: bool = False
) -> Dataset:
    """The NER rows with `class_probabilities`, of shape (words, classes); by default 1 for the label of each word.

    `sharpened`: squared, and divided by their sum (Berthelot et al. 2019). Rows that have probabilities keep them.
    """
    if PROBABILITIES in labelled.column_names:
        return labelled
    table = labelled.select_columns(["ner_tags"]).with_format("arrow")[:]
    tags, bounds = flat(table.column("ner_tags"))
    if probabilities is None:
        probabilities = np.eye(len(labelled.features["ner_tags"].feature.names), dtype=np.float32)[tags.to_numpy()]
    if sharpened:
        powers = probabilities**SHARPENING
        probabilities = powers / powers.sum(-1, keepdims=True)
    column = in_memory({PROBABILITIES: _by_word(bounds, probabilities)}, PROBABILITY_FEATURES)
    return concatenate_datasets([labelled, column], axis=1)


def _by_word(bounds: np.ndarray, probabilities: np.ndarray) -> Any:
    """The column of (words, classes) probabilities."""
    words, classes = probabilities.shape
    return list_column(bounds, list_column(np.arange(words + 1) * classes, probabilities.ravel()))


def without_frequent_texts(labelled: Dataset, share: float | None) -> tuple[Dataset, dict[str, int]]:
    """The rows without the entities whose text is more than `share` of all entities, and the count of each such text.

    The class of their words is O with probability 1, and they have no hard label. Without such a text, or a share,
    these are the same rows.
    """
    texts = {} if share is None else frequent_texts(labelled, share)
    if not texts:
        return labelled, {}
    return without_texts(labelled, texts, others={UNSURE: True}), texts


def encode_soft_labels(
    dataset: Dataset, tokenizer: PreTrainedTokenizerBase, *, max_length: int = 128, stride: int = 16
) -> Dataset:
    """The windows of `encode_ner`, with the `class_probabilities` of each word at its first piece.

    `labels` are -100 on words that the voters do not agree on.
    """
    return encode_ner(
        dataset,
        tokenizer,
        max_length=max_length,
        stride=stride,
        windows=_with_probabilities,
        others=PROBABILITY_FEATURES,
    )


def _with_probabilities(batch: Batch, indices: list[int], **options: Any) -> Batch:
    windows, first = ner_windows(batch, indices, **options), indices[0]
    pairs = zip(windows["row"], windows["word_ids"], strict=True)
    windows[PROBABILITIES] = [
        [batch[PROBABILITIES][row - first][word] for word in words if word != NO_WORD] for row, words in pairs
    ]
    return windows
