"""The numbers about pseudo-labels, counted by hand, and the alarms that they raise."""

from __future__ import annotations

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.data.label_checks import (
    BINS,
    SourceEntities,
    against_source_alarms,
    agreement_share,
    change_alarms,
    confidence_histogram,
    frequent_text_alarms,
    label_health,
    source_entities,
    unseen_share,
    words_changed,
)
from tof_hf.data.labels import Span
from tof_hf.data.pseudo_labels import WordPredictions, pseudo_label
from tof_hf.errors import DataError

NAMES = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
TOKENS = [["Maria", "in", "New", "York"], ["Ana", "won", "."]]
TAGS = [["B-PER", "O", "B-LOC", "I-LOC"], ["B-PER", "O", "O"]]
SURE = [[0.95, 1.0, 0.5, 0.75], [1.0, 1.0, 1.0]]


def labelled(tags, tokens=TOKENS, probabilities=None):
    rows = Dataset.from_dict({"id": [str(i) for i in range(len(tokens))], "tokens": tokens})
    probabilities = probabilities or [[1.0] * len(row) for row in tokens]
    return pseudo_label(rows, WordPredictions(tags, probabilities), label_names=NAMES)


def test_the_numbers_of_a_first_labelling_are_those_counted_by_hand():
    source = source_entities(labelled([["B-PER", "O", "O", "O"], ["B-PER", "O", "O"]]))
    assert source == SourceEntities({"LOC": 0.0, "PER": 1.0}, frozenset({"Maria", "Ana"}))
    health = label_health(labelled(TAGS, probabilities=SURE), source, agreement=2 / 3, agreement_sentences=2)
    assert health.per_sentence == {"LOC": 0.5, "PER": 1.0}
    assert health.against_source == {"LOC": None, "PER": 1.0}
    assert (health.words_changed, health.changed_share, health.alarms) == (None, None, [])
    assert health.confidence == [0, 0, 0, 0, 0, 0, 1, 0, 0, 2]  # New York has 0.625 on average
    assert health.unseen_forms == pytest.approx(1 / 3, abs=1e-4)
    assert (health.agreement, health.agreement_sentences) == (0.6667, 2)


def test_words_with_another_tag_are_counted_between_labellings_of_the_same_sentences():
    before = labelled([["B-PER", "O", "B-PER", "I-PER"], ["B-PER", "O", "O"]])
    assert words_changed(before, labelled(TAGS)) == 2
    health = label_health(labelled(TAGS), source_entities(before), previous=before)
    assert (health.words_changed, health.changed_share) == (2, round(2 / 7, 4))
    with pytest.raises(DataError, match="other sentences"):
        words_changed(before, labelled(TAGS[:1], TOKENS[:1]))


def test_agreement_is_the_share_of_entities_that_are_answers_too():
    entities = [[Span(0, 1, "PER"), Span(2, 4, "LOC")], [Span(0, 1, "PER")], []]
    answers = [{Span(0, 1, "PER"), Span(2, 3, "LOC")}, {Span(0, 1, "LOC")}, {Span(0, 1, "PER")}]
    assert agreement_share(entities, answers) == pytest.approx(1 / 3)
    assert agreement_share([[], []], [[], []]) is None


def test_a_type_that_doubles_or_falls_below_half_raises_an_alarm_and_small_numbers_do_not():
    before = {"LOC": 20, "ORG": 41, "PER": 30, "MISC": 2}
    alarms = change_alarms(before, {"LOC": 40, "ORG": 20, "PER": 45, "MISC": 9})
    assert alarms == [
        "LOC grew from 20 to 40 entities since the last labelling",
        "ORG fell from 41 to 20 entities since the last labelling",
    ]
    assert change_alarms(before, {"LOC": 39, "ORG": 21, "PER": 15, "MISC": 0}) == []


def test_four_times_the_rate_of_the_source_raises_an_alarm_in_either_direction():
    source = {"LOC": 0.5, "PER": 0.5, "ORG": 0.5, "MISC": 0.01}
    alarms = against_source_alarms({"LOC": 201, "PER": 12, "ORG": 200, "MISC": 19}, 100, source)
    assert [alarm.partition(":")[0] for alarm in alarms] == ["LOC", "PER"]


def test_flips_that_rise_raise_an_alarm_and_flips_that_fall_do_not():
    tokens = [["Ana"] * 100]
    before, after = (labelled([[tag] * 30 + ["O"] * 70], tokens) for tag in ("O", "B-PER"))
    source = SourceEntities({"LOC": 0.0, "PER": 30.0}, frozenset({"Ana"}))

    def alarms(share):
        found = label_health(after, source, previous=before, previous_changed_share=share).alarms
        return [alarm for alarm in found if "changed" in alarm]

    assert alarms(0.29) == ["30.00% of the words changed labels, up from 29.00% at the labelling before"]
    assert alarms(0.3) == alarms(None) == []


def test_one_text_that_is_over_a_twentieth_of_the_entities_raises_an_alarm_that_names_it():
    tokens = [["RT", "Ana"]] * 20 + [["Ana"]] * 380
    tags = [["B-LOC", "O"]] * 20 + [["B-PER"]] * 379 + [["O"]]
    assert frequent_text_alarms(labelled(tags, tokens)) == [
        "'Ana' is 379 of 399 entities (95%): if it is not a name, labelling.max_text_share: 0.05 removes these labels",
        "'RT' is 20 of 399 entities (5%): if it is not a name, labelling.max_text_share: 0.05 removes these labels",
    ]
    assert frequent_text_alarms(labelled([*tags[:-1], ["B-PER"]], tokens))[1:] == []  # 20 of 400


@given(st.lists(st.floats(0, 1)))
def test_every_entity_is_in_one_bin_of_the_histogram(probabilities):
    counts = confidence_histogram(probabilities)
    assert len(counts) == BINS and sum(counts) == len(probabilities)
    assert counts[-1] >= sum(p > 0.9 for p in probabilities)


@given(st.sets(st.text()), st.sets(st.text()))
def test_the_share_of_unseen_forms_is_that_of_the_difference(forms, known):
    share = unseen_share(forms, known)
    assert share == (len(forms - known) / len(forms) if forms else None)


@given(st.dictionaries(st.sampled_from(["A", "B"]), st.integers(0, 10**6)))
def test_labels_that_stay_as_they_were_never_raise_an_alarm(counts):
    assert change_alarms(counts, counts) == []
    assert against_source_alarms(counts, 10, {label: count / 10 for label, count in counts.items()}) == []
