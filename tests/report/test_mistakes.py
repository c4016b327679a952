from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.data.labels import Span
from tof_hf.evaluation.entity_scores import entity_scores
from tof_hf.report.mistakes import KINDS, NOTHING, align, count_mistakes

PER, LOC = Span(0, 2, "PER"), Span(3, 4, "LOC")


def test_the_same_words_and_type_are_right():
    assert align([PER, LOC], [LOC, PER]) == [("right", PER, PER), ("right", LOC, LOC)]


@pytest.mark.parametrize(
    ("guess", "kind"),
    [(Span(0, 2, "LOC"), "type"), (Span(1, 3, "PER"), "boundary"), (Span(1, 3, "LOC"), "both")],
)
def test_what_shares_words_is_wrong_in_type_or_boundary_or_both(guess, kind):
    assert align([PER], [guess]) == [(kind, PER, guess)]


def test_without_words_in_common_one_is_missed_and_the_other_invented():
    assert align([PER], [LOC]) == [("missed", PER, None), ("invented", None, LOC)]


def test_an_entity_that_was_cut_in_two_is_wrong_once_and_the_rest_invented():
    whole, short, long = Span(0, 5, "ORG"), Span(0, 2, "ORG"), Span(2, 5, "ORG")
    assert align([whole], [short, long]) == [("boundary", whole, long), ("invented", None, short)]


def test_of_equal_overlaps_that_of_the_same_type_is_taken():
    whole, other, same = Span(0, 4, "ORG"), Span(0, 2, "PER"), Span(2, 4, "ORG")
    assert align([whole], [other, same])[0] == ("boundary", whole, same)


def test_the_matrix_has_a_row_for_the_invented_and_a_column_for_the_missed():
    rows = [(["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "I-LOC", "O", "O"]), (["O", "O"], ["O", "B-PER"])]
    found = count_mistakes(rows)
    assert found.pairs == {("PER", "LOC"): 1, ("LOC", NOTHING): 1, (NOTHING, "PER"): 1}
    assert found.matrix(["LOC", "PER"]) == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert found.kinds == dict.fromkeys(KINDS, 0) | {"type": 1, "missed": 1, "invented": 1}


TAGS = st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]), min_size=6, max_size=6)


@given(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=4))
def test_every_entity_is_counted_once_as_the_scores_count_it(rows):
    found = count_mistakes(rows)
    scores = entity_scores([gold for gold, _ in rows], [predicted for _, predicted in rows])
    true = sum(count for (gold, _), count in found.pairs.items() if gold != NOTHING)
    guessed = sum(count for (_, guess), count in found.pairs.items() if guess != NOTHING)
    assert true == scores.support
    assert sum(found.kinds.values()) == sum(found.pairs.values())
    assert scores.f1 == pytest.approx(2 * found.kinds["right"] / max(1, true + guessed))
    assert scores.span_only.f1 * (true + guessed) / 2 == pytest.approx(found.kinds["right"] + found.kinds["type"])
