"""Pseudo-labels: a tagger's own predictions on raw target text become training data (Algorithm 1, lines 7, 10, 17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset, Features, List, Value

from tof_hf.data.features import ner_features
from tof_hf.data.labels import repair_tags
from tof_hf.errors import DataError


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
    ids, sentences = dataset["id"][:], dataset["tokens"][:]
    for sentence, tokens, tags in zip(ids, sentences, predictions.tags, strict=True):
        if len(tokens) != len(tags):
            raise DataError(
                f"{len(tags)} predicted tags for the {len(tokens)} words of sentence {sentence!r}",
                fix="predict on the same dataset that you label",
            )
    index = {name: number for number, name in enumerate(label_names)}
    numbers = [[index[tag] for tag in (repair_tags(tags) if repair else tags)] for tags in predictions.tags]
    columns = {"id": ids, "tokens": sentences, "ner_tags": numbers, "ner_probabilities": predictions.probabilities}
    features = ner_features(label_names) | {"ner_probabilities": List(Value("float32"))}
    return Dataset.from_dict(columns, features=Features(features))


def label_statistics(labelled: Dataset) -> dict[str, Any]:
    """Counts of rows of `pseudo_label`: sentences, words, entities of each type, and mean probabilities of the tags.

    `mean_probability` is over all words, `mean_entity_probability` over those in entities; None where there are none.
    """
    names = labelled.features["ner_tags"].feature.names
    rows = labelled.select_columns(["ner_tags", "ner_probabilities"]).with_format("arrow")[:]
    tags, probabilities = (rows[name].combine_chunks().flatten().to_numpy() for name in rows.column_names)
    counts = np.bincount(tags, minlength=len(names)).tolist()
    inside = probabilities[tags != names.index("O")]
    return {
        "sentences": len(labelled),
        "words": len(tags),
        "entities": {name[2:]: count for name, count in zip(names, counts, strict=True) if name.startswith("B-")},
        "mean_probability": round(float(probabilities.mean()), 4) if len(tags) else None,
        "mean_entity_probability": round(float(inside.mean()), 4) if len(inside) else None,
    }
