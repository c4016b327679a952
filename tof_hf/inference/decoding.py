"""Viterbi decoding: the most probable tags of a sentence among those that follow IOB2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tof_hf.data.labels import split_tag

LEAST = 1e-30  # a probability that is 0 in single precision


def viterbi(probabilities: np.ndarray, bounds: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """The number of each word's tag, in the legal sequence of every sentence with the highest product of probabilities.

    A sequence is legal if every I- tag follows a B- or I- tag of its type.

    Args:
        probabilities: (words, classes), one sentence after the other.
        bounds: where sentences begin, and the number of words.
        names: the tag of each class.
    """
    parts = [split_tag(name) for name in names]
    legal = np.array([[to[0] != "I" or before[1] == to[1] for to in parts] for before in parts])
    after = np.where(legal, 0.0, -np.inf)
    first = np.array([-np.inf if prefix == "I" else 0.0 for prefix, _ in parts])
    best = np.log(np.maximum(probabilities, LEAST, dtype=np.float64))
    came_from = np.zeros(best.shape, dtype=np.int64)
    starts, lengths = bounds[:-1], np.diff(bounds)
    order = np.argsort(-lengths, kind="stable")  # the longest first: those that have a word at a place come first
    counts = (np.searchsorted(-lengths[order], -place) for place in range(lengths.max(initial=0)))
    reach = [starts[order[:count]] + place for place, count in enumerate(counts)]
    if reach:
        best[reach[0]] += first
    for at in reach[1:]:
        paths = best[at - 1][:, :, None] + after
        came_from[at] = paths.argmax(axis=1)
        best[at] += paths.max(axis=1)
    tags = best.argmax(axis=1)  # right for the last word of each sentence
    for at in reversed(reach[1:]):
        tags[at - 1] = came_from[at, tags[at]]
    return tags
