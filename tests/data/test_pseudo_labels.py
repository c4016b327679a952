from __future__ import annotations

import pytest
from datasets import Dataset

from tof_hf.data.pseudo_labels import WordPredictions, pseudo_label
from tof_hf.errors import DataError

NAMES = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
ROWS = {"id": ["a", "b"], "tokens": [["Maria", "in", "New", "York"], []]}


def labelled(tags, **options):
    predictions = WordPredictions([tags, []], [[0.9, 0.5, 0.25, 1.0], []])
    return pseudo_label(Dataset.from_dict(ROWS), predictions, label_names=NAMES, **options)


def test_predicted_tags_become_labels_and_probabilities_stay_beside_them():
    rows = labelled(["B-PER", "O", "B-LOC", "I-LOC"])
    assert rows.features["ner_tags"].feature.names == NAMES
    assert rows[0] == {
        "id": "a",
        "tokens": ["Maria", "in", "New", "York"],
        "ner_tags": [3, 0, 1, 2],
        "ner_probabilities": [pytest.approx(p) for p in (0.9, 0.5, 0.25, 1.0)],
    }
    assert rows[1]["ner_tags"] == rows[1]["ner_probabilities"] == []


def test_an_inside_tag_without_a_beginning_is_repaired_by_default():
    broken = ["I-PER", "O", "B-PER", "I-LOC"]
    assert labelled(broken)[0]["ner_tags"] == [3, 0, 3, 1]
    assert labelled(broken, repair=False)[0]["ner_tags"] == [4, 0, 3, 2]


def test_tags_that_do_not_match_the_words_are_refused_by_sentence():
    with pytest.raises(DataError, match="'a'"):
        labelled(["O"])
