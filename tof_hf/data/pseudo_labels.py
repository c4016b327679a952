"""Pseudo-labels: a tagger's own answers on raw target text become training data (Algorithm 1, lines 7, 10 and 17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, Features, List, Value

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
    """The sentences with the predicted tags as `ner_tags` and the words' probabilities as `ner_probabilities`.

    Labels are hard (the most probable tag of each word) and nothing is filtered, as in the paper. `repair` turns the
    tags into strict IOB2 first. Raises DataError if predictions and sentences differ in length.
    """
    columns: dict[str, list] = {"id": dataset["id"][:], "tokens": dataset["tokens"][:]}
    for sentence, tokens, tags in zip(columns["id"], columns["tokens"], predictions.tags, strict=True):
        if len(tokens) != len(tags):
            raise DataError(
                f"{len(tags)} predicted tags for the {len(tokens)} words of sentence {sentence!r}",
                fix="predict on the same dataset that you label",
            )
    tags = [repair_tags(row) if repair else row for row in predictions.tags]
    label = ClassLabel(names=list(label_names))
    features = Features(
        {
            "id": Value("string"),
            "tokens": List(Value("string")),
            "ner_tags": List(label),
            "ner_probabilities": List(Value("float32")),
        }
    )
    columns["ner_tags"] = [label.str2int(row) if row else [] for row in tags]
    columns["ner_probabilities"] = predictions.probabilities
    return Dataset.from_dict(columns, features=features)


def label_statistics(labelled: Dataset) -> dict[str, Any]:
    """Counts of what `pseudo_label` gave: sentences, words, entities of each type, and mean probabilities of the tags.

    `mean_probability` is over all words, `mean_entity_probability` over those in entities; None where there are none.
    """
    names = labelled.features["ner_tags"].feature.names
    rows = labelled.select_columns(["ner_tags", "ner_probabilities"]).with_format("arrow")[:]
    tags = rows["ner_tags"].combine_chunks().flatten().to_numpy()
    probabilities = rows["ner_probabilities"].combine_chunks().flatten().to_numpy()
    counts = np.bincount(tags, minlength=len(names)).tolist()
    inside = probabilities[tags != names.index("O")]
    return {
        "sentences": len(labelled),
        "words": len(tags),
        "entities": {name[2:]: count for name, count in zip(names, counts, strict=True) if name.startswith("B-")},
        "mean_probability": round(float(probabilities.mean()), 4) if len(tags) else None,
        "mean_entity_probability": round(float(inside.mean()), 4) if len(inside) else None,
    }
