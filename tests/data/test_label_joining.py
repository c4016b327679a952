from __future__ import annotations

from dataclasses import replace

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.data.features import ner_features
from tof_hf.data.label_joining import Opinion, OtherLabels, join_labels, joined, sentence_keys
from tof_hf.data.labels import Span, label_names
from tof_hf.data.pseudo_labels import WordPredictions, pseudo_label

TYPES = ["LOC", "PER"]
NAMES = label_names(TYPES)
LENGTH = 5


@st.composite
def opinions(draw):
    """What a labeller may say about a sentence of five words."""
    types = frozenset(draw(st.sets(st.sampled_from(TYPES))))
    spans, start = [], 0
    while start < LENGTH:
        end = start + draw(st.integers(1, 3))
        if end <= LENGTH and draw(st.booleans()):
            spans.append(Span(start, end, draw(st.sampled_from(sorted(types or TYPES)))))
        start = end
    scores = draw(st.lists(st.sampled_from([0.25, 0.5, 1.0]), min_size=LENGTH, max_size=LENGTH))
    return Opinion(spans, scores, draw(st.sampled_from([0.5, 1.0, 2.0])), types)


SEVERAL = st.lists(opinions(), min_size=1, max_size=4)


def crossing(spans):
    words = [word for span in spans for word in range(span.start, span.end)]
    return len(words) > len(set(words))


def has_a_say(opinion, span):
    return span.label in opinion.types or any(crossing([span, other]) for other in opinion.spans)


def insisting(several, span):
    """The weights of labellers, times the mean scores of some words."""
    return sum(one.weight * sum(one.scores[span.start : span.end]) / (span.end - span.start) for one in several)


def finders(several, span):
    return [one for one in several if span in one.spans]


def deniers(several, span):
    return [one for one in several if span not in one.spans and has_a_say(one, span)]


@given(SEVERAL, st.sampled_from(["vote", "union", "intersection", "prefer"]))
def test_joined_entities_are_in_order_never_cross_and_were_found_by_someone(several, rule):
    spans = joined(several, rule)
    assert spans == sorted(spans, key=lambda span: span.start) and not crossing(spans)
    assert set(spans) <= {span for one in several for span in one.spans}


@given(SEVERAL, st.sampled_from(["vote", "union", "intersection"]))
def test_entities_count_as_they_are_defined_unless_they_cross_a_stronger_one(several, rule):
    chosen = joined(several, rule)
    for span in {span for one in several for span in one.spans}:
        support, against = insisting(finders(several, span), span), insisting(deniers(several, span), span)
        counts = {"vote": support > against, "union": True, "intersection": not deniers(several, span)}[rule]
        stronger = [
            other
            for other in chosen
            if other != span and crossing([span, other]) and insisting(finders(several, other), other) >= support
        ]
        assert (span in chosen) == (counts and not stronger)


@given(SEVERAL)
def test_the_preferred_labeller_keeps_all_of_its_entities(several):
    first = max(several, key=lambda one: one.weight)
    spans = joined(several, "prefer")
    assert set(first.spans) <= set(spans)
    assert {span for span in spans if span.label in first.types} <= set(first.spans)


@given(opinions(), st.sampled_from(["vote", "union", "intersection", "prefer"]))
def test_a_single_labeller_is_believed(one, rule):
    assert joined([one], rule) == one.spans


def tagger(*sentences):
    """Rows of pseudo-labels: (words, tags, probability) each."""
    text = Dataset.from_dict(
        {"id": [str(n) for n, _ in enumerate(sentences)], "tokens": [words.split() for words, *_ in sentences]}
    )
    tags = [tags.split() for _, tags, _ in sentences]
    sure = [[probability] * len(of) for of, (*_, probability) in zip(tags, sentences, strict=True)]
    return pseudo_label(text, WordPredictions(tags, sure), label_names=NAMES)


def elsewhere(name, *sentences, weight=1.0):
    rows = {
        "id": [str(n) for n, _ in enumerate(sentences)],
        "tokens": [words.split() for words, _ in sentences],
        "ner_tags": [tags.split() for _, tags in sentences],
    }
    return OtherLabels(name, Dataset.from_dict(rows, features=ner_features(NAMES)), weight)


def tags(rows):
    return [" ".join(NAMES[tag] for tag in of) for of in rows["ner_tags"]]


def test_labels_join_only_sentences_with_the_same_words():
    own = tagger(("Rio sings", "B-PER O", 0.9), ("Ana sings", "O O", 0.8))
    other = elsewhere("list", ("Rio sings", "B-LOC O"), ("Ana sings !", "B-LOC O O"), weight=2.0)
    rows = join_labels(own, [other], "vote")
    assert tags(rows) == ["B-LOC O", "O O"]
    assert tags(join_labels(own, [replace(other, weight=0.8)], "vote"))[0] == "B-PER O"
    assert rows.features == own.features
    assert rows["ner_probabilities"][0] == pytest.approx([2 / 3, (2 + 0.9) / 3])
    assert rows["ner_probabilities"][1] == pytest.approx([0.8, 0.8])


def test_a_labeller_has_no_say_about_types_that_it_never_gives():
    own = tagger(("Ana saw Rio", "B-PER O O", 0.9), ("Bo", "B-LOC", 0.9))
    places = elsewhere("places", ("Ana saw Rio", "O O B-LOC"), ("Bo", "O"), weight=2.0)
    assert tags(join_labels(own, [places], "vote")) == ["B-PER O B-LOC", "O"]
    assert tags(join_labels(own, [places], "intersection")) == ["B-PER O O", "O"]
    assert tags(join_labels(own, [places], "union")) == ["B-PER O B-LOC", "B-LOC"]
    assert tags(join_labels(own, [places], "prefer")) == ["B-PER O B-LOC", "O"]


def test_a_list_of_names_does_not_deny_what_it_does_not_have():
    own = tagger(("Ana saw Rio", "B-LOC O B-PER", 0.9))
    places = elsewhere("places", ("Ana saw Rio", "O O B-LOC"))
    assert tags(join_labels(own, [places], "vote")) == ["O O B-LOC"]
    assert tags(join_labels(own, [replace(places, complete=False)], "vote")) == ["B-LOC O B-LOC"]
    preferred = join_labels(own, [replace(places, complete=False)], "prefer")
    assert tags(preferred) == ["B-LOC O B-LOC"]
    assert preferred["ner_probabilities"][0] == pytest.approx([0.9, 0.9, 1.0])


def test_of_two_labels_of_one_sentence_the_first_counts():
    other = elsewhere("list", ("Rio", "B-LOC"), ("Rio", "B-PER"), weight=2.0)
    assert tags(join_labels(tagger(("Rio", "O", 0.5)), [other], "vote")) == ["B-LOC"]


def test_words_are_the_same_in_either_normal_form():
    rows = Dataset.from_dict({"tokens": [["Se\u0301"], ["S\u00e9"], ["S", "e\u0301"], []]})
    keys = sentence_keys(rows)
    assert keys[0] == keys[1] and len(set(keys.tolist())) == 3
