"""Which pseudo-labels are learned from: all as in the paper, or the sure ones, by sentence or by word."""

import math
from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
from datasets import Dataset, concatenate_datasets

from tof_hf.data.columns import entity_batches, flat_batches, in_memory
from tof_hf.data.labels import Span, entity_types
from tof_hf.data.lists import flat, list_column
from tof_hf.data.pseudo_labels import UNSURE, UNSURE_FEATURES, entity_spans, mean_probabilities
from tof_hf.errors import DataError

Selection = Literal["all", "threshold", "per_type_quota", "agreement"]


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
    values, bounds = flat(unsure)
    doubts = np.concatenate([[0], np.cumsum(values.to_numpy(zero_copy_only=False))])
    unsure_in_row, length = np.diff(doubts[bounds]), np.diff(bounds)
    if level == "token":
        marked = concatenate_datasets([labelled, in_memory({UNSURE: unsure}, UNSURE_FEATURES)], axis=1)
        chosen = marked.select(np.flatnonzero((length == 0) | (unsure_in_row < length)))
    else:
        chosen = labelled.select(np.flatnonzero(unsure_in_row == 0))
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
) -> pa.ListArray:
    """For every word of every sentence whether its label is unsure.

    - `threshold`: words, inside entities and outside, whose label is less probable than `threshold`;
    - `per_type_quota`: the words of all entities of a type but the share `quota`, rounded up, with the highest mean
      probability (of equal ones the first);
    - `agreement`: the words of entities that are not among the `answers` of their sentence.
    """
    parts, lengths = [], []
    if selection == "threshold":
        assert threshold is not None
        for bounds, columns in flat_batches(labelled, "ner_probabilities"):
            parts.append(columns["ner_probabilities"].to_numpy() < np.float32(threshold))  # as probabilities are stored
            lengths.append(np.diff(bounds))
    else:
        if selection == "agreement":
            assert answers is not None
            rows = zip(entity_spans(labelled), answers, strict=True)
            dropped = np.array([span not in found for spans, found in rows for span in spans], dtype=bool)
        else:
            assert quota is not None
            dropped = _beyond_quota(labelled, quota)
        for batch in entity_batches(labelled):
            of_batch, dropped = np.split(dropped, [len(batch.starts)])
            parts.append(batch.words_inside(of_batch))
            lengths.append(np.diff(batch.bounds))
    bounds = np.cumsum(np.concatenate([[0], *lengths]))
    return list_column(bounds, pa.chunked_array([pa.array(part) for part in parts], pa.bool_()).combine_chunks())


def count_sure(chosen: Dataset) -> tuple[int, dict[str, int]]:
    """The number of unsure words, and of entities of each type without one."""
    types = entity_types(chosen.features["ner_tags"].feature.names)
    marked = UNSURE in chosen.column_names
    unsure_words, entities = 0, np.zeros(len(types), dtype=np.int64)
    for batch in entity_batches(chosen, *([UNSURE] if marked else [])):
        unsure = batch.columns[UNSURE].to_numpy(zero_copy_only=False) if marked else np.zeros(batch.bounds[-1], bool)
        before = np.concatenate([[0], np.cumsum(unsure)])
        sure = before[batch.ends] == before[batch.starts]
        unsure_words += int(before[-1])
        entities += np.bincount(batch.kinds[sure], minlength=len(types))
    return unsure_words, dict(zip(types, entities.tolist(), strict=True))


def _beyond_quota(labelled: Dataset, quota: float) -> np.ndarray:
    """For every entity whether it is beyond its type's share."""
    confidence = mean_probabilities(labelled)
    kinds = np.concatenate([np.zeros(0, dtype=np.int64), *(batch.kinds for batch in entity_batches(labelled))])
    beyond = np.zeros(len(kinds), dtype=bool)
    for kind in np.unique(kinds):
        same = np.flatnonzero(kinds == kind)
        by_confidence = same[np.argsort(-confidence[same], kind="stable")]
        # 0.07 * 100 is a little more than 7 in binary; that must not be 8 entities.
        beyond[by_confidence[math.ceil(round(quota * len(same), 9)) :]] = True
    return beyond
