"""Pseudo-labels: a tagger's own predictions on raw target text become training data (Algorithm 1, lines 7, 10, 17).

The paper uses all labels. Options leave out unsure sentences or words, and take away the labels of frequent texts. A
word without a sure label is marked in the column `ner_unsure`: `encode_ner` gives its pieces no label, `ner_to_mrc`
asks no question that it could answer.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features, List, Value, concatenate_datasets

from tof_hf.data.columns import Entities, entity_batches, flat_batches, in_memory
from tof_hf.data.features import ner_features
from tof_hf.data.labels import Span, entity_starts, entity_types, spans_from_tags, split_tag
from tof_hf.data.lists import flat, list_column
from tof_hf.data.mapping import Batch, cached_map
from tof_hf.data.mixing import mix
from tof_hf.errors import DataError

UNSURE = "ner_unsure"
PROBABILITIES = "class_probabilities"
UNSURE_FEATURES = Features({UNSURE: List(Value("bool"))})
T = TypeVar("T")
MIN_COUNT = 20  # a share of fewer entities or words says little


@dataclass(frozen=True, slots=True)
class WordPredictions:
    """One tag and its probability for every word of every sentence."""

    tags: list[list[str]]
    probabilities: list[list[float]]


def pseudo_label(
    dataset: Dataset, predictions: WordPredictions, *, label_names: Sequence[str], repair: bool = True
) -> Dataset:
    """Return the sentences with their predicted tags (Algorithm 1, lines 7, 10 and 17).

    Labels are hard (the most probable tag of each word) and nothing is filtered, as in the paper.

    Args:
        dataset: Unlabelled rows (`id`, `tokens`).
        predictions: A tag and its probability (0..1) for every word.
        label_names: The names that `ner_tags` numbers, such as `["O", "B-LOC", "I-LOC"]`.
        repair: Turn the tags into strict IOB2 first.

    Returns:
        Rows with `id`, `tokens`, `ner_tags` and `ner_probabilities`, one number a word.

    Raises:
        DataError: Predictions and sentences differ in length.

    Example:
        >>> predicted = WordPredictions(tags=[["B-LOC", "O"]], probabilities=[[0.9, 0.8]])
        >>> labelled = pseudo_label(text, predicted, label_names=["O", "B-LOC", "I-LOC"])
    """
    bounds = np.cumsum([0, *map(len, predictions.tags)])
    words = dataset.select_columns(["id", "tokens"]).with_format("arrow")[:]
    lengths = np.diff(flat(words.column("tokens"))[1])
    if len(lengths) != len(predictions.tags) or (lengths != np.diff(bounds)).any():
        pairs = zip(words.column("id").to_pylist(), lengths, np.diff(bounds), strict=False)
        row, length, tags = next((pair for pair in pairs if pair[1] != pair[2]), ("", len(lengths), len(bounds) - 1))
        raise DataError(
            f"{tags} predicted tags for the {length} words of sentence {row!r}",
            fix="predict on the same dataset that you label",
        )
    names = sorted({tag for tags in predictions.tags for tag in tags} | {"O"})
    number = {name: place for place, name in enumerate(names)}
    return label_words(
        words,
        np.array([number[tag] for tags in predictions.tags for tag in tags], dtype=np.int64),
        np.array([one for row in predictions.probabilities for one in row], dtype=np.float32),
        tag_names=names,
        label_names=label_names,
        repair=repair,
    )


def label_words(
    words: pa.Table,
    tags: np.ndarray,
    probabilities: np.ndarray,
    *,
    tag_names: Sequence[str],
    label_names: Sequence[str],
    repair: bool,
) -> Dataset:
    """The rows of `pseudo_label`, from flat arrays: the number in `tag_names` and the probability of every word."""
    bounds = flat(words.column("tokens"))[1]
    number = {name: place for place, name in enumerate(label_names)}
    if repair:
        starts, inside = entity_starts(tags, tag_names, bounds)
        kinds = [split_tag(name)[1] for name in tag_names]
        first, later = (
            np.array([number.get(f"{prefix}-{kind}" if kind else "O", -1) for kind in kinds]) for prefix in "BI"
        )
        tags = np.where(starts, first[tags], np.where(inside, later[tags], number["O"]))
    else:
        tags = np.array([number.get(name, -1) for name in tag_names])[tags]
    if (tags < 0).any():
        fix = "label with a tagger of the same types."
        raise DataError(f"tags that are not among {', '.join(label_names)}.", fix=fix)
    columns = {
        "id": words.column("id"),
        "tokens": words.column("tokens"),
        "ner_tags": list_column(bounds, tags),
        "ner_probabilities": list_column(bounds, probabilities.astype(np.float32)),
    }
    return in_memory(columns, Features(ner_features(label_names) | {"ner_probabilities": List(Value("float32"))}))


@dataclass(frozen=True)
class LabelStatistics:
    """Counts of pseudo-labelled rows, with the entities of each type.

    `mean_probability`: of the tags of all words, `mean_entity_probability`: of words in entities; None without any.
    """

    sentences: int
    words: int
    entities: dict[str, int]
    mean_probability: float | None
    mean_entity_probability: float | None


def label_statistics(labelled: Dataset) -> LabelStatistics:
    """The counts of rows of `pseudo_label`."""
    names = labelled.features["ner_tags"].feature.names
    counts, sums = np.zeros(len(names), dtype=np.int64), np.zeros(len(names))
    for _, columns in flat_batches(labelled, "ner_tags", "ner_probabilities"):
        tags = columns["ner_tags"].to_numpy()
        counts += np.bincount(tags, minlength=len(names))
        sums += np.bincount(tags, columns["ner_probabilities"].to_numpy(), minlength=len(names))
    inside = np.array([name != "O" for name in names])
    words, in_entities = int(counts.sum()), int(counts[inside].sum())
    return LabelStatistics(
        sentences=len(labelled),
        words=words,
        entities={name[2:]: int(count) for name, count in zip(names, counts, strict=True) if name.startswith("B-")},
        mean_probability=round(float(sums.sum()) / words, 4) if words else None,
        mean_entity_probability=round(float(sums[inside].sum()) / in_entities, 4) if in_entities else None,
    )


def frequent_texts(labelled: Dataset, share: float) -> dict[str, int]:
    """Texts that are more than `share` of all entities, and at least 20, with their counts, the most frequent first."""
    counts = Counter(chain.from_iterable(batch.texts() for batch in entity_batches(labelled, "tokens")))
    return {
        text: count for text, count in counts.most_common() if count >= MIN_COUNT and count > share * counts.total()
    }


def without_texts(labelled: Dataset, texts: Collection[str], *, others: Mapping[str, Any] | None = None) -> Dataset:
    """The rows without the entities of these texts: their words are O with probability 1.

    `others`: values of these words in other columns.
    """
    feature = labelled.features["ner_tags"].feature
    certain = {"ner_probabilities": 1.0, PROBABILITIES: [float(name == "O") for name in feature.names]}
    known = {name: value for name, value in certain.items() if name in labelled.column_names}
    return cached_map(
        labelled,
        _without_texts,
        features=labelled.features,
        description="Labelling frequent texts as O",
        names=feature.names,
        texts=sorted(texts),
        values={"ner_tags": feature.str2int("O"), **known, **(others or {})},
    )


def _without_texts(
    batch: Batch, indices: list[int], *, names: list[str], texts: list[str], values: Mapping[str, Any]
) -> Batch:
    batch = {**batch}
    for row, (tokens, tags) in enumerate(zip(batch["tokens"], batch["ner_tags"], strict=True)):
        for span in spans_from_tags([names[tag] for tag in tags]):
            if " ".join(tokens[span.start : span.end]) in texts:
                for name, value in values.items():
                    batch[name][row][span.start : span.end] = [value] * (span.end - span.start)
    return batch


def entity_texts(labelled: Dataset) -> Iterator[list[str]]:
    """The texts of the entities of every sentence, words joined by blanks, in the order of `entity_spans`."""
    for batch in entity_batches(labelled, "tokens"):
        yield from _by_row(batch, batch.texts())


def entity_spans(labelled: Dataset) -> Iterator[list[Span]]:
    """The entities of every sentence."""
    types = entity_types(labelled.features["ner_tags"].feature.names)
    for batch in entity_batches(labelled):
        before = batch.bounds[batch.rows]
        numbers = zip((batch.starts - before).tolist(), (batch.ends - before).tolist(), batch.kinds, strict=True)
        yield from _by_row(batch, [Span(start, end, types[kind]) for start, end, kind in numbers])


def _by_row(batch: Entities, values: list[T]) -> Iterator[list[T]]:
    """The values of a batch's entities, a list for each row."""
    ends = np.searchsorted(batch.starts, batch.bounds[1:]).tolist()
    yield from (values[start:end] for start, end in pairwise([0, *ends]))


def mean_probabilities(labelled: Dataset) -> np.ndarray:
    """The mean probability of the words of every entity, in the order of `entity_spans`."""
    parts = [np.zeros(0)]
    for batch in entity_batches(labelled, "ner_probabilities"):
        words = np.append(batch.columns["ner_probabilities"].to_numpy().astype(np.float64), 0.0)
        places = np.stack([batch.starts, batch.ends], axis=1).ravel()
        if len(places):
            parts.append(np.add.reduceat(words, places)[::2] / (batch.ends - batch.starts))
    return np.concatenate(parts)


def mix_labelled(datasets: Sequence[Dataset], *, columns: Sequence[str]) -> Dataset:
    """`mix`, with `ner_unsure` if some rows have it; the words of the others are all sure."""
    if any(UNSURE in dataset.column_names for dataset in datasets):
        datasets, columns = [_with_unsure(dataset) for dataset in datasets], [*columns, UNSURE]
    return mix(datasets, columns=columns)


def _with_unsure(dataset: Dataset) -> Dataset:
    if UNSURE in dataset.column_names:
        return dataset
    bounds = np.cumsum([0, *chain.from_iterable(np.diff(bounds) for bounds, _ in flat_batches(dataset, "tokens"))])
    sure = in_memory({UNSURE: list_column(bounds, np.zeros(bounds[-1], dtype=bool))}, UNSURE_FEATURES)
    return concatenate_datasets([dataset, sure], axis=1)
