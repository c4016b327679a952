"""Pseudo-labels: a tagger's own predictions on raw target text become training data (Algorithm 1, lines 7, 10, 17).

The paper uses all labels. Options leave out unsure sentences or words, and take away the labels of frequent texts. A
word without a sure label is marked in the column `ner_unsure`: `encode_ner` gives its pieces no label, `ner_to_mrc`
asks no question that it could answer.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from datasets import Dataset, Features, List, Value

from tof_hf.data.features import ner_features
from tof_hf.data.labels import Span, repair_tags, spans_from_tags
from tof_hf.data.mixing import mix
from tof_hf.errors import DataError

UNSURE = "ner_unsure"
MIN_COUNT = 20  # a share of fewer entities or words says little
Selection = Literal["all", "threshold", "per_type_quota", "agreement"]


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
    rows = labelled.select_columns(["ner_tags", "ner_probabilities"]).with_format("arrow")[:]
    tags, probabilities = (rows[name].combine_chunks().flatten().to_numpy() for name in rows.column_names)
    counts = np.bincount(tags, minlength=len(names)).tolist()
    inside = probabilities[tags != names.index("O")]
    return LabelStatistics(
        sentences=len(labelled),
        words=len(tags),
        entities={name[2:]: count for name, count in zip(names, counts, strict=True) if name.startswith("B-")},
        mean_probability=round(float(probabilities.mean()), 4) if len(tags) else None,
        mean_entity_probability=round(float(inside.mean()), 4) if len(inside) else None,
    )


def select_labels(
    labelled: Dataset,
    selection: Selection = "all",
    *,
    level: Literal["sentence", "token"] = "sentence",
    threshold: float | None = None,
    quota: float | None = None,
    answers: Sequence[Collection[Span]] | None = None,
) -> Dataset:
    """Return the pseudo-labelled rows to learn from.

    Args:
        labelled: Rows of `pseudo_label`.
        selection: `all` as in the paper, or which words are unsure, as `unsure_words` explains.
        level: `"sentence"` leaves out every sentence with an unsure word; `"token"` adds a column `ner_unsure`, true on
            such words, and leaves out only the sentences that have no other words.
        threshold: The least probability (0..1) of a sure word, for `threshold`.
        quota: The share (0..1) of a type's entities that is sure, for `per_type_quota`.
        answers: The spans that the MRC head finds in every sentence, for `agreement`.

    Returns:
        The same Dataset for `all`, else a selection of its rows.

    Raises:
        DataError: No row is left.

    Example:
        >>> sure = select_labels(labelled, "threshold", threshold=0.9)
    """
    if selection == "all":
        return labelled
    unsure = unsure_words(labelled, selection, threshold=threshold, quota=quota, answers=answers)
    if level == "token":
        marked = labelled.add_column(UNSURE, unsure, feature=List(Value("bool")))
        chosen = marked.select([row for row, words in enumerate(unsure) if not words or not all(words)])
    else:
        chosen = labelled.select([row for row, words in enumerate(unsure) if not any(words)])
    if not len(chosen):
        raise DataError(
            f"that the selection {selection} keeps none of the {len(labelled):,} sentences.",
            fix="lower labelling.threshold, raise labelling.quota, or set labelling.selection_level: token or "
            "labelling.selection: all.",
        )
    return chosen


def unsure_words(
    labelled: Dataset,
    selection: Selection,
    *,
    threshold: float | None = None,
    quota: float | None = None,
    answers: Sequence[Collection[Span]] | None = None,
) -> list[list[bool]]:
    """For every word of every sentence whether its label is unsure.

    - `threshold`: words, inside entities and outside, whose label is less probable than `threshold`;
    - `per_type_quota`: the words of all entities of a type but the share `quota`, rounded up, with the highest mean
      probability (of equal ones the first);
    - `agreement`: the words of entities that are not among the `answers` of their sentence.
    """
    probabilities = labelled["ner_probabilities"][:]
    if selection == "threshold":
        assert threshold is not None
        least = np.float32(threshold)  # as probabilities are stored
        return [[bool(np.float32(p) < least) for p in row] for row in probabilities]
    unsure = [[False] * len(row) for row in probabilities]
    entities = [(row, span) for row, spans in enumerate(entity_spans(labelled)) for span in spans]
    if selection == "agreement":
        assert answers is not None
        dropped = [(row, span) for row, span in entities if span not in answers[row]]
    else:
        assert quota is not None
        dropped = _beyond_quota(entities, mean_probabilities(labelled), quota)
    for row, span in dropped:
        unsure[row][span.start : span.end] = [True] * (span.end - span.start)
    return unsure


def frequent_texts(labelled: Dataset, share: float) -> dict[str, int]:
    """Texts that are more than `share` of all entities, and at least 20, with their counts, the most frequent first."""
    counts = Counter(text for texts in entity_texts(labelled) for text in texts)
    return {
        text: count for text, count in counts.most_common() if count >= MIN_COUNT and count > share * counts.total()
    }


def without_texts(labelled: Dataset, texts: Collection[str], *, others: Mapping[str, Any] | None = None) -> Dataset:
    """The rows without the entities of these texts: their words are O, with the values of `others` in other columns.

    By default, for rows of `pseudo_label`, O has probability 1.
    """
    values = {"ner_tags": labelled.features["ner_tags"].feature.str2int("O"), **(others or {"ner_probabilities": 1.0})}
    columns = {name: labelled[name][:] for name in values}
    for row, (spans, forms) in enumerate(zip(entity_spans(labelled), entity_texts(labelled), strict=True)):
        for span, text in zip(spans, forms, strict=True):
            if text in texts:
                for name, value in values.items():
                    columns[name][row][span.start : span.end] = [value] * (span.end - span.start)
    return Dataset.from_dict(labelled.to_dict() | columns, features=labelled.features)


def entity_texts(labelled: Dataset) -> list[list[str]]:
    """The texts of the entities of every sentence, words joined by blanks, in the order of `entity_spans`."""
    rows = zip(labelled["tokens"], entity_spans(labelled), strict=True)
    return [[" ".join(tokens[span.start : span.end]) for span in spans] for tokens, spans in rows]


def entity_spans(labelled: Dataset) -> list[list[Span]]:
    """The entities of every sentence."""
    names = labelled.features["ner_tags"].feature.names
    return [spans_from_tags([names[tag] for tag in tags]) for tags in labelled["ner_tags"][:]]


def mean_probabilities(labelled: Dataset) -> list[float]:
    """The mean probability of the words of every entity, in the order of `entity_spans`."""
    rows = zip(entity_spans(labelled), labelled["ner_probabilities"][:], strict=True)
    return [
        math.fsum(probabilities[span.start : span.end]) / (span.end - span.start)
        for spans, probabilities in rows
        for span in spans
    ]


def mix_labelled(datasets: Sequence[Dataset], *, columns: Sequence[str]) -> Dataset:
    """`mix`, with `ner_unsure` if some rows have it; the words of the others are all sure."""
    if any(UNSURE in dataset.column_names for dataset in datasets):
        datasets, columns = [_with_unsure(dataset) for dataset in datasets], [*columns, UNSURE]
    return mix(datasets, columns=columns)


def _with_unsure(dataset: Dataset) -> Dataset:
    if UNSURE in dataset.column_names:
        return dataset
    sure = [[False] * len(tokens) for tokens in dataset["tokens"]]
    return dataset.add_column(UNSURE, sure, feature=List(Value("bool")))


def _beyond_quota(entities: list[tuple[int, Span]], confidence: list[float], quota: float) -> list[tuple[int, Span]]:
    by_type: dict[str, list[tuple[int, Span]]] = {}
    for i in sorted(range(len(entities)), key=lambda i: -confidence[i]):
        by_type.setdefault(entities[i][1].label, []).append(entities[i])
    # 0.07 * 100 is a little more than 7 in binary; that must not be 8 entities.
    return [entity for same in by_type.values() for entity in same[math.ceil(round(quota * len(same), 9)) :]]
