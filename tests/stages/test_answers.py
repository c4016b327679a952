"""A reader asked about labelled sentences: its spans in characters, and the words they stand for."""

from __future__ import annotations

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from tof_hf.algorithm.answers import word_spans
from tof_hf.config import MrcConfig
from tof_hf.data.labels import label_names, spans_from_tags, tags_from_spans
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.data.pseudo_labels import WordPredictions, pseudo_label
from tof_hf.modeling.span_extraction import AutoModelForSpanExtraction
from tof_hf.stages.mrc import answer_questions
from tof_hf.stages.stage import Checkpoint

pytestmark = pytest.mark.slow

NAMES = label_names(["LOC", "PER"])
QUERIES = {"LOC": "which place", "PER": "who"}


def labelled(tokens, tags):
    rows = Dataset.from_dict({"id": [str(i) for i in range(len(tokens))], "tokens": tokens})
    probabilities = [[1.0] * len(row) for row in tokens]
    return pseudo_label(rows, WordPredictions(tags, probabilities), label_names=NAMES)


@pytest.mark.parametrize("max_length", [128, 12])
def test_a_reader_that_takes_every_piece_for_an_answer_finds_every_word(checkpoint, tokenizers, tmp_path, max_length):
    model = AutoModelForSpanExtraction.from_pretrained(checkpoint("bert", "encoder"), trust_remote_code=False)
    with torch.no_grad():
        for layer in (model.start, model.end):
            layer.weight.zero_()
            layer.bias.copy_(torch.tensor([-5.0, 5.0]))
    model.save_pretrained(tmp_path)
    tokens = [["Maria", "visited", "London", "and", "Paris", "on", "Monday"], ["Juan", "won"]]
    tags = [["O"] * 7, ["B-PER", "O"]]
    questions = ner_to_mrc(labelled(tokens, tags), QUERIES)
    # Shorter windows than a run file may ask for, so that there are many.
    config = MrcConfig(stride=2).model_copy(update={"max_length": max_length})
    reader = Checkpoint("mrc", str(tmp_path), "key")
    spans = answer_questions(reader, questions, config, tokenizer=tokenizers["wordpiece"])
    found = word_spans(tokens, questions["label"][:], spans)
    words = {(start, end) for start, end, _ in found[0]}
    single = [word for word, text in enumerate(tokens[0]) if len(tokenizers["wordpiece"].tokenize(text)) == 1]
    assert len(single) > 3 and {(word, word + 1) for word in single} <= words
    assert {label for _, _, label in found[0]} == {"LOC", "PER"} and (0, 1, "PER") in found[1]


@settings(max_examples=40)
@given(st.lists(st.lists(st.sampled_from([*NAMES]), min_size=1, max_size=6), min_size=1, max_size=4))
def test_answers_that_are_the_entities_become_the_entities_again(tags):
    tags = [tags_from_spans(spans_from_tags(row), len(row)) for row in tags]
    tokens = [["né", "a", "Ríos", "b", "New", "York"][: len(row)] for row in tags]
    questions = ner_to_mrc(labelled(tokens, tags), QUERIES)
    spans = [(row, span["start"], span["end"]) for row, spans in enumerate(questions["spans"]) for span in spans]
    found = word_spans(tokens, questions["label"][:], spans)
    assert [sorted(row) for row in found] == [
        sorted((span.start, span.end, span.label) for span in spans_from_tags(row)) for row in tags
    ]


def test_answers_that_end_inside_a_word_are_none():
    assert word_spans([["New", "York"]], ["LOC", "PER"], [(0, 0, 8), (0, 0, 5), (1, 1, 3)]) == [[(0, 2, "LOC")]]
