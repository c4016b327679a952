"""Viterbi decoding finds what trying all legal sequences finds."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.inference.decoding import viterbi

NAMES = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
WORD = st.lists(st.floats(0, 1, width=32), min_size=5, max_size=5)


def is_legal(tags):
    return all(tag[0] != "I" or (before != "O" and before[2:] == tag[2:]) for before, tag in pairwise(["O", *tags]))


def best_product(words):
    sequences = product(range(len(NAMES)), repeat=len(words))
    legal = (tags for tags in sequences if is_legal([NAMES[tag] for tag in tags]))
    return max(score(words, tags) for tags in legal)


def score(words, tags):
    return sum(math.log(max(word[tag], 1e-30)) for word, tag in zip(words, tags, strict=True))


@given(st.lists(st.lists(WORD, max_size=4), max_size=4))
def test_viterbi_finds_the_most_probable_legal_tags_of_every_sentence(sentences):
    bounds = np.cumsum([0, *map(len, sentences)])
    words = np.array([word for sentence in sentences for word in sentence], dtype=np.float32).reshape(-1, len(NAMES))
    tags = np.split(viterbi(words, bounds, NAMES), bounds[1:-1]) if sentences else []
    for sentence, found in zip(sentences, tags, strict=True):
        assert is_legal([NAMES[tag] for tag in found])
        assert score(sentence, found) == pytest.approx(best_product(sentence))


def test_the_most_probable_tags_stay_where_they_are_legal():
    words = np.eye(5, dtype=np.float32)[[1, 2, 0, 3]]
    assert viterbi(words, np.array([0, 3, 4]), NAMES).tolist() == [1, 2, 0, 3]
