from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tof_hf.data.pseudo_labels import UNSURE
from tof_hf.data.soft_labels import PROBABILITIES, encode_soft_labels, soft_label, without_frequent_texts
from tof_hf.data.windows import IGNORE, NO_WORD

NAMES = ["O", "B-PER", "I-PER"]


def probabilities(*words):
    return np.array(words, dtype=np.float32)


ONE = pa.table({"id": ["1"], "tokens": [["Maria", "visited"]]})
FIRST = probabilities([0.1, 0.8, 0.1], [0.9, 0.05, 0.05])
SECOND = probabilities([0.3, 0.6, 0.1], [0.2, 0.7, 0.1])


def test_a_student_learns_the_mean_of_its_teachers():
    [row] = soft_label(ONE, [FIRST, SECOND], [], label_names=NAMES)
    assert row[PROBABILITIES] == pytest.approx(np.array([[0.2, 0.7, 0.1], [0.55, 0.375, 0.075]]))


def test_words_on_which_voters_disagree_are_unsure():
    [row] = soft_label(ONE, [FIRST], [FIRST, SECOND], label_names=NAMES)
    assert row[UNSURE] == [False, True]
    assert row["ner_tags"][0] == NAMES.index("B-PER")


def test_without_voters_no_word_has_a_hard_label():
    [row] = soft_label(ONE, [FIRST], [], label_names=NAMES)
    assert row[UNSURE] == [True, True]


def test_a_text_that_is_too_many_of_the_entities_is_none_for_a_student_either(monkeypatch):
    monkeypatch.setattr("tof_hf.data.pseudo_labels.MIN_COUNT", 2)
    name, none = np.array([0.1, 0.8, 0.1], dtype=np.float32), np.array([0.9, 0.05, 0.05], dtype=np.float32)
    rows = pa.table({"id": ["1", "2"], "tokens": [["RT", "Maria", "sings"], ["RT", "Paul"]]})
    given = np.stack([name, name, none, name, name])
    taught = soft_label(rows, [given], [given, given], label_names=NAMES)
    learned, texts = without_frequent_texts(taught, 0.4)
    assert texts == {"RT": 2}
    for before, after in zip(taught, learned, strict=True):
        assert after[PROBABILITIES][0] == [1, 0, 0] and after[PROBABILITIES][1:] == before[PROBABILITIES][1:]
        assert after[UNSURE] == [True] + [False] * (len(before["tokens"]) - 1)
        assert after["ner_tags"] == [0, *before["ner_tags"][1:]]
    assert without_frequent_texts(taught, 0.6) == (taught, {}) == without_frequent_texts(taught, None)


def test_the_first_piece_of_every_word_has_its_probabilities(tokenizer):
    words = "Maria visited London and the Real Madrid club of Paris .".split()
    sentences = pa.table({"id": ["1", "2"], "tokens": [words * 4, words[:3]]})
    lengths = [len(words) * 4, 3]
    given = [np.eye(3, dtype=np.float32)[np.arange(length) % 3] for length in lengths]
    taught = np.concatenate(given)
    windows = encode_soft_labels(
        soft_label(sentences, [taught], [taught, taught], label_names=NAMES), tokenizer, max_length=16, stride=2
    )
    seen = {}
    for window in windows:
        spoken = [(word, i) for i, word in enumerate(window["word_ids"]) if word != NO_WORD]
        assert len(window[PROBABILITIES]) == len(spoken)
        for (word, piece), of_word in zip(spoken, window[PROBABILITIES], strict=True):
            assert of_word == given[window["row"]][word].tolist()
            assert window["labels"][piece] == word % 3 != IGNORE
            seen[window["row"], word] = seen.get((window["row"], word), 0) + 1
    assert len(windows) > 2
    assert seen == {(row, word): 1 for row, length in enumerate(lengths) for word in range(length)}
