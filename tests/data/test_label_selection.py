"""Every selection keeps exactly what it says, and a word that is left out has no part in the loss."""

from __future__ import annotations

import math

import pytest
import torch
from datasets import Dataset, Features, List, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from tof_hf.data.fingerprint import content_hash
from tof_hf.data.label_selection import select_labels, unsure_words
from tof_hf.data.labels import Span, spans_from_tags
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.data.pseudo_labels import (
    MIN_COUNT,
    UNSURE,
    WordPredictions,
    entity_spans,
    entity_texts,
    frequent_texts,
    mean_probabilities,
    mix_labelled,
    pseudo_label,
    without_texts,
)
from tof_hf.data.windows import IGNORE, encode_ner
from tof_hf.errors import DataError
from tof_hf.stages.fit import token_loss
from tof_hf.stages.ner import COLUMNS

NAMES = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
QUERIES = {"LOC": "Which places are named?", "PER": "Who is named?"}


def labelled(*sentences):
    """Rows of words with tag and probability: `("Maria", "B-PER", 0.9), ...` each."""
    words, tags, probabilities = ([[word[i] for word in sentence] for sentence in sentences] for i in range(3))
    rows = Dataset.from_dict(
        {"id": [str(i) for i in range(len(words))], "tokens": words},
        features=Features({"id": Value("string"), "tokens": List(Value("string"))}),
    )
    return pseudo_label(rows, WordPredictions(tags, probabilities), label_names=NAMES)


@pytest.fixture
def rows():
    return labelled(
        [("Maria", "B-PER", 0.9), ("visited", "O", 1.0), ("New", "B-LOC", 0.6), ("York", "I-LOC", 0.8)],
        [("Juan", "B-PER", 0.5), ("won", "O", 0.95), (".", "O", 1.0)],
        [("played", "O", 0.4), ("near", "O", 0.99), ("Paris", "B-LOC", 0.95)],
        [],
    )


def ids(dataset):
    return dataset["id"][:]


def test_all_is_the_same_dataset_without_a_further_column(rows):
    assert select_labels(rows, "all") is rows and UNSURE not in rows.column_names


def test_a_threshold_leaves_out_sentences_with_a_word_below_it(rows):
    assert ids(select_labels(rows, "threshold", threshold=0.5)) == ["0", "1", "3"]
    assert ids(select_labels(rows, "threshold", threshold=0.6)) == ["0", "3"]


def test_a_threshold_marks_single_words_where_asked(rows):
    chosen = select_labels(rows, "threshold", level="token", threshold=0.9)
    assert chosen[UNSURE][:] == [[False, False, True, True], [True, False, False], [True, False, False], []]
    assert chosen["ner_tags"][:] == rows["ner_tags"][:]


def test_a_sentence_without_a_sure_word_is_left_out_at_either_level():
    rows = labelled([("Maria", "B-PER", 0.1)], [("won", "O", 0.9)])
    for level in ("sentence", "token"):
        assert ids(select_labels(rows, "threshold", level=level, threshold=0.5)) == ["1"]


def test_a_quota_keeps_the_surest_entities_of_each_type_rounded_up(rows):
    # LOC: Paris 0.95, New York 0.7; PER: Maria 0.9, Juan 0.5
    assert ids(select_labels(rows, "per_type_quota", quota=0.5)) == ["2", "3"]
    token = select_labels(rows, "per_type_quota", level="token", quota=0.5)
    assert token[UNSURE][:] == [[False, False, True, True], [True, False, False], [False] * 3, []]
    assert ids(select_labels(rows, "per_type_quota", quota=0.51)) == ids(rows)


def test_agreement_keeps_entities_that_the_answers_have_with_words_and_type(rows):
    answers = [{Span(0, 1, "PER"), Span(2, 4, "LOC")}, {Span(0, 1, "LOC")}, {Span(2, 3, "LOC"), Span(0, 1, "PER")}, []]
    assert ids(select_labels(rows, "agreement", answers=answers)) == ["0", "2", "3"]
    token = select_labels(rows, "agreement", level="token", answers=[{Span(2, 3, "LOC")}, *answers[1:]])
    assert token[UNSURE][:] == [[True, False, True, True], [True, False, False], [False] * 3, []]


def test_a_selection_that_keeps_nothing_is_an_error_that_says_what_to_change():
    with pytest.raises(DataError, match="lower labelling.threshold"):
        select_labels(labelled([("Maria", "B-PER", 0.1)]), "threshold", threshold=0.5)


WORDS = st.tuples(st.sampled_from(["Ana", "a", "Roma"]), st.sampled_from(NAMES), st.floats(0, 1, width=32))
SENTENCES = st.lists(st.lists(WORDS, max_size=6), min_size=1, max_size=6)


@settings(max_examples=40)
@given(SENTENCES, st.floats(0.01, 1))
def test_a_quota_keeps_that_share_of_every_type_and_none_less_sure_than_one_left_out(sentences, quota):
    rows = labelled(*sentences)
    unsure = unsure_words(rows, "per_type_quota", quota=quota).to_pylist()
    tags = [[NAMES[tag] for tag in row] for row in rows["ner_tags"]]
    entities = [(row, span) for row, words in enumerate(tags) for span in spans_from_tags(words)]
    confidence = mean_probabilities(rows)
    for label in QUERIES:
        of_type = [i for i, (_, span) in enumerate(entities) if span.label == label]
        kept = [i for i in of_type if not unsure[entities[i][0]][entities[i][1].start]]
        assert len(kept) == math.ceil(round(quota * len(of_type), 9))
        left = [confidence[i] for i in of_type if i not in kept]
        assert not kept or not left or min(confidence[i] for i in kept) >= max(left)
    inside = sum(span.end - span.start for i, (row, span) in enumerate(entities) if unsure[row][span.start])
    assert sum(map(sum, unsure)) == inside  # words outside entities are never unsure by quota


@settings(max_examples=40)
@given(SENTENCES, st.floats(0, 1, width=32))
def test_a_threshold_is_met_by_all_words_that_are_left(sentences, threshold):
    rows = labelled(*sentences)
    unsure = unsure_words(rows, "threshold", threshold=threshold).to_pylist()
    for doubts, probabilities in zip(unsure, rows["ner_probabilities"], strict=True):
        assert doubts == [p < threshold for p in probabilities]


def test_a_text_is_frequent_if_it_is_more_than_the_share_and_stands_often_enough():
    marks = [("RT", "B-LOC", 0.5), (":", "O", 1.0), ("Ana", "B-PER", 0.9)]
    rows = labelled(*[marks] * MIN_COUNT, [("New", "B-LOC", 0.6), ("York", "I-LOC", 0.8)], [("RT", "O", 0.6)])
    assert frequent_texts(rows, 0.1) == {"RT": 20, "Ana": 20}  # 20 of 41 each
    assert frequent_texts(rows, 20 / 41) == {}
    assert frequent_texts(labelled(*[marks] * (MIN_COUNT - 1)), 0.1) == {}


def test_a_text_that_is_no_entity_is_surely_outside_and_the_rest_stays(rows):
    cleaned = without_texts(rows, {"New York", "Juan", "York", "won"})
    assert cleaned["ner_tags"][:] == [[3, 0, 0, 0], [0, 0, 0], [0, 0, 1], []]
    before, after = rows["ner_probabilities"][:], cleaned["ner_probabilities"][:]
    assert after == [[*before[0][:2], 1.0, 1.0], [1.0, *before[1][1:]], before[2], []]
    assert cleaned.features == rows.features and cleaned["tokens"][:] == rows["tokens"][:]


@pytest.mark.slow
@settings(max_examples=40)
@given(SENTENCES, st.sets(st.sampled_from(["Ana", "a", "Roma", "Ana Roma", "a a"])))
def test_texts_that_are_no_entity_take_away_their_entities_and_no_others(sentences, texts):
    rows = labelled(*sentences)
    entities = zip(entity_spans(rows), entity_texts(rows), strict=True)
    kept = [[span for span, text in zip(*row, strict=True) if text not in texts] for row in entities]
    assert list(entity_spans(without_texts(rows, texts))) == kept


@pytest.mark.parametrize("all_pieces", [False, True])
def test_unsure_words_lose_their_label_on_every_piece_and_no_other_word_does(rows, tokenizer, all_pieces):
    options = {"max_length": 16, "stride": 2, "label_all_pieces": all_pieces}
    whole = encode_ner(rows.select_columns(list(COLUMNS)), tokenizer, **options)
    marked = select_labels(rows, "threshold", level="token", threshold=0.9)
    masked = encode_ner(marked.select_columns([*COLUMNS, UNSURE]), tokenizer, **options)
    assert masked["input_ids"][:] == whole["input_ids"][:] and masked["word_ids"][:] == whole["word_ids"][:]
    lost = 0
    for row, words, before, after in zip(
        whole["row"], whole["word_ids"], whole["labels"], masked["labels"], strict=True
    ):
        word = None
        for piece, first in enumerate(words):
            word = first if first >= 0 else word
            if before[piece] == IGNORE:
                assert after[piece] == IGNORE
            elif rows[row]["ner_probabilities"][word] < 0.89:
                assert after[piece] == IGNORE
                lost += 1
            else:
                assert after[piece] == before[piece]
    assert lost >= 4


def test_without_unsure_words_the_rows_for_training_are_the_very_same(rows, tokenizer):
    mixed = mix_labelled([rows, rows], columns=COLUMNS)
    assert mixed.column_names == list(COLUMNS)
    marked = mix_labelled([rows, select_labels(rows, "threshold", level="token", threshold=0.0)], columns=COLUMNS)
    assert marked[UNSURE][:] == [[False] * len(words) for words in mixed["tokens"]]
    assert content_hash(encode_ner(marked, tokenizer)) == content_hash(encode_ner(mixed, tokenizer))


def test_masked_words_have_no_part_in_the_loss_and_a_step_without_any_other_costs_nothing():
    logits = torch.randn(1, 4, 5, requires_grad=True)
    labels = torch.tensor([[1, IGNORE, 0, IGNORE]])
    token_loss({"logits": logits}, labels).backward()
    assert [bool(piece.any()) for piece in logits.grad[0]] == [True, False, True, False]
    for items in (None, 0, torch.tensor(0)):
        logits.grad = None
        loss = token_loss({"logits": logits}, torch.full((1, 4), IGNORE), items)
        loss.backward()
        assert loss == 0 and not logits.grad.any()


def test_questions_that_an_unsure_word_could_answer_are_not_asked(rows):
    marked = select_labels(rows, "threshold", level="token", threshold=0.9)
    questions = ner_to_mrc(marked, QUERIES)
    # New York is unsure: no question for places; Juan: none for people; "played" could be anything; nothing in "".
    found = [(row["id"].partition(".")[0], row["label"], len(row["spans"])) for row in questions]
    assert sorted(found) == [("0", "PER", 1), ("1", "LOC", 0), ("3", "LOC", 0), ("3", "PER", 0)]
    whole = {row["id"]: row for row in ner_to_mrc(rows, QUERIES)}
    assert all(row == whole[row["id"]] for row in questions)


def test_a_whole_batch_without_a_sure_question_gives_none():
    rows = labelled([("won", "O", 0.1), ("Maria", "B-PER", 0.9)])
    assert len(ner_to_mrc(select_labels(rows, "threshold", level="token", threshold=0.5), QUERIES)) == 0
