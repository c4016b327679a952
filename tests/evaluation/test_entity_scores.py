from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from tof_hf.errors import TofError
from tof_hf.evaluation.entity_f1 import EntityF1
from tof_hf.evaluation.entity_scores import TypeScores, entity_scores

TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
PAIRS = st.lists(st.lists(st.tuples(TAGS, TAGS), max_size=8), max_size=5)
MODES = st.sampled_from(["default", "strict"])


def sides(pairs):
    return [[true for true, _ in row] for row in pairs], [[predicted for _, predicted in row] for row in pairs]


@pytest.mark.slow
@given(PAIRS, MODES)
def test_scores_equal_those_of_seqeval(pairs, mode):
    true, predicted = sides(pairs)
    scores = entity_scores(true, predicted, mode=mode)
    if scores.per_type:
        options = {"mode": "strict", "scheme": IOB2} if mode == "strict" else {}
        for score, ours in (
            (precision_score, scores.precision),
            (recall_score, scores.recall),
            (f1_score, scores.f1),
        ):
            assert ours == pytest.approx(score(true, predicted, zero_division=0, **options))
    else:
        assert (scores.precision, scores.recall, scores.f1) == (0.0, 0.0, 0.0)


@pytest.mark.slow
@given(PAIRS, MODES)
def test_span_only_equals_the_scores_after_one_type_replaces_all(pairs, mode):
    # With one word a sentence no two entities can touch, so replacing the types cannot merge any.
    true, predicted = sides([[pair] for row in pairs for pair in row])
    one_type = [[[tag.replace("LOC", "PER") for tag in tags] for tags in side] for side in (true, predicted)]
    merged = entity_scores(*one_type, mode=mode)
    found = entity_scores(true, predicted, mode=mode).span_only
    assert found.support == merged.support
    assert (found.precision, found.recall, found.f1) == pytest.approx((merged.precision, merged.recall, merged.f1))


@pytest.mark.slow
@given(PAIRS, MODES)
def test_ignoring_the_type_never_lowers_the_f1(pairs, mode):
    scores = entity_scores(*sides(pairs), mode=mode)
    assert scores.span_only.f1 >= scores.f1 - 1e-12


@given(PAIRS, MODES)
def test_true_tags_predicted_as_they_are_score_one(pairs, mode):
    true, _ = sides(pairs)
    scores = entity_scores(true, true, mode=mode)
    assert scores.f1 == (1.0 if scores.support else 0.0)


@pytest.mark.slow
@given(PAIRS)
def test_the_support_is_the_sum_over_the_types(pairs):
    scores = entity_scores(*sides(pairs))
    assert scores.support == sum(row.support for row in scores.per_type.values()) == scores.span_only.support


def test_an_entity_with_the_wrong_type_counts_for_span_only():
    scores = entity_scores([["B-PER", "I-PER", "O"]], [["B-LOC", "I-LOC", "O"]])
    assert scores.f1 == 0.0
    assert scores.span_only == TypeScores(1.0, 1.0, 1.0, 1)


def test_touching_entities_of_different_types_stay_two_in_span_only():
    scores = entity_scores([["I-PER", "I-LOC"]], [["B-PER", "B-LOC"]])
    assert scores.span_only == TypeScores(1.0, 1.0, 1.0, 2)


def test_a_stray_inside_tag_is_an_entity_by_default_and_none_in_strict_mode():
    true, predicted = [["O", "B-PER"]], [["O", "I-PER"]]
    assert entity_scores(true, predicted).f1 == 1.0
    assert entity_scores(true, predicted, mode="strict").f1 == 0.0


@pytest.mark.parametrize("mode", ["default", "strict"])
@pytest.mark.parametrize("sentences", [[], [[]], [["O", "O"], []]])
def test_no_entities_score_zero(sentences, mode):
    scores = entity_scores(sentences, sentences, mode=mode)
    assert (scores.precision, scores.recall, scores.f1, scores.support) == (0.0, 0.0, 0.0, 0)
    assert scores.per_type == {}


def test_the_dict_is_plain_json():
    scores = entity_scores([["B-PER", "O", "B-LOC"]], [["B-PER", "O", "O"]])
    found = json.loads(json.dumps(scores.as_dict()))
    assert found["per_type"]["PER"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
    assert (found["recall"], found["mode"]) == (0.5, "default")


def test_a_sentence_with_too_few_predictions_is_named():
    with pytest.raises(TofError, match="sentence 1 has 2 true tags but 1 predicted"):
        entity_scores([["O"], ["O", "O"]], [["O"], ["O"]])


def test_a_missing_sentence_is_an_error():
    with pytest.raises(TofError, match="2 sentences have true tags but 1"):
        entity_scores([["O"], ["O"]], [["O"]])


def test_an_unknown_mode_is_an_error():
    with pytest.raises(TofError, match="found 'exact'"):
        entity_scores([["O"]], [["O"]], mode="exact")


def test_the_evaluate_metric_has_the_keys_of_the_hub_metric():
    found = EntityF1().compute(predictions=[["B-PER", "O"]], references=[["B-PER", "B-LOC"]], mode="strict")
    assert found["PER"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "number": 1}
    assert (found["overall_precision"], found["overall_recall"], found["mode"]) == (1.0, 0.5, "strict")


def test_the_evaluate_metric_collects_batches():
    metric = EntityF1()
    metric.add_batch(predictions=[["B-PER"]], references=[["B-PER"]])
    metric.add_batch(predictions=[["O"]], references=[["B-LOC"]])
    assert metric.compute()["overall_recall"] == 0.5


def test_macro_f1_is_the_mean_over_the_types_that_the_truth_has():
    scores = entity_scores([["B-PER", "B-PER", "B-LOC", "O"]], [["B-PER", "B-PER", "O", "B-ORG"]])
    assert (scores.macro_f1, scores.per_type["ORG"].f1) == (0.5, 0.0)
    assert entity_scores([["O"]], [["B-ORG"]]).macro_f1 == 0.0
