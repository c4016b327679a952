from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from tof_hf.data.labels import (
    Span,
    entity_types,
    label_names,
    map_types,
    repair_tags,
    spans_from_tags,
    tags_from_spans,
)
from tof_hf.data.schemes import SCHEMES, detect_scheme, read_tags, scheme_name
from tof_hf.errors import DataError

TYPES = ["LOC", "PER", "geo-loc"]


@st.composite
def sentences(draw):
    """A sentence length and entities in it, some of them direct neighbours."""
    spans, position = [], 0
    for gap, size, label in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(TYPES)), max_size=6)
    ):
        spans.append(Span(position + gap, position + gap + size, label))
        position += gap + size
    return spans, position + draw(st.integers(0, 2))


def written_as(spans, length, scheme):
    """The slow literal reference: the tags of one scheme, straight from its definition."""
    tags = ["O"] * length
    for number, span in enumerate(spans):
        before = spans[number - 1] if number else None
        after = spans[number + 1] if number + 1 < len(spans) else None
        for word in range(span.start, span.end):
            first, last = word == span.start, word == span.end - 1
            touches_before = before is not None and before.end == span.start and before.label == span.label
            touches_after = after is not None and after.start == span.end and after.label == span.label
            prefix = {
                "IOB1": "B" if first and touches_before else "I",
                "IOB2": "B" if first else "I",
                "IOE1": "E" if last and touches_after else "I",
                "IOE2": "E" if last else "I",
                "BIOES": "S" if first and last else "B" if first else "E" if last else "I",
                "BILOU": "U" if first and last else "B" if first else "L" if last else "I",
            }[scheme]
            tags[word] = f"{prefix}-{span.label}"
    return tags


@given(sentences(), st.sampled_from(["IOB1", "IOB2", "IOE1", "IOE2", "BIOES", "BILOU"]))
def test_every_scheme_gives_back_the_entities_it_was_written_from(sentence, scheme):
    spans, length = sentence
    tags = written_as(spans, length, scheme)
    assert spans_from_tags(tags) == spans
    assert repair_tags(tags) == tags_from_spans(spans, length) == written_as(spans, length, "IOB2")


@given(st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])))
def test_repaired_tags_are_strict_iob2_and_repair_changes_them_no_further(tags):
    repaired = repair_tags(tags)
    for before, tag in zip(["O", *repaired], repaired, strict=False):
        assert not tag.startswith("I-") or before[2:] == tag[2:]
    assert repair_tags(repaired) == repaired
    assert [tag == "O" for tag in tags] == [tag == "O" for tag in repaired]


@given(st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), max_size=12))
def test_entities_are_those_that_seqeval_finds(tags):
    assert [(s.label, s.start, s.end - 1) for s in spans_from_tags(tags)] == get_entities(tags)


@given(sentences())
def test_span_collapsing_never_merges_neighbours(sentence):
    spans, length = sentence
    collapsed = spans_from_tags(map_types(tags_from_spans(spans, length), "span"))
    assert collapsed == [Span(s.start, s.end, "ENT") for s in spans]


def test_a_label_change_starts_a_new_entity_in_iob1():
    tags = ["I-ORG", "I-PER", "B-PER", "I-PER", "O"]
    assert spans_from_tags(tags) == [Span(0, 1, "ORG"), Span(1, 2, "PER"), Span(2, 4, "PER")]


def test_iob1_neighbours_of_different_types_stay_two_entities_when_types_are_collapsed():
    assert map_types(["I-ORG", "I-PER", "O"], "span") == ["B-ENT", "B-ENT", "O"]


def test_a_renamed_type_takes_its_new_name_and_others_keep_theirs():
    assert map_types(["B-OTHER", "I-OTHER", "B-PER"], {"OTHER": "MISC"}) == ["B-MISC", "I-MISC", "B-PER"]


def test_a_type_mapped_to_o_is_dropped():
    assert map_types(["B-MISC", "I-MISC", "B-PER"], {"MISC": "O"}) == ["O", "O", "B-PER"]


def test_untyped_tags_become_the_type_ent():
    assert repair_tags(["B", "I", "O", "B"]) == ["B-ENT", "I-ENT", "O", "B-ENT"]


def test_a_type_name_may_hold_hyphens():
    assert spans_from_tags(["B-geo-loc"]) == [Span(0, 1, "geo-loc")]


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (["I-PER", "I-PER", "O", "I-LOC", "B-LOC"], "IOB1"),
        (["B-PER", "I-PER", "O", "B-LOC", "B-LOC"], "IOB2"),
        (["I-PER", "E-PER", "O", "E-LOC"], "IOE"),
        (["B-PER", "E-PER", "O", "S-LOC"], "BIOES"),
        (["B-PER", "L-PER", "O", "U-LOC"], "BILOU"),
        (["O", "O"], "IOB2"),
    ],
)
def test_the_scheme_is_detected(tags, scheme):
    assert detect_scheme([tags]) == scheme


def test_label_names_are_sorted_by_type_and_o_comes_first():
    assert label_names(["PER", "LOC", "PER"]) == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert entity_types(label_names(["PER", "LOC"])) == ["LOC", "PER"]


@pytest.mark.parametrize("tag", ["PER", "X-PER", "b-PER", "B-", "o", "-X-", ""])
def test_an_unknown_tag_is_named_in_the_error(tag):
    with pytest.raises(DataError, match="What to do") as caught:
        spans_from_tags(["O", tag])
    assert repr(tag) in str(caught.value)


def test_a_tag_outside_the_named_scheme_is_an_error():
    with pytest.raises(DataError, match="'S-PER', which is not IOB2"):
        read_tags({"S-PER": 1}, "IOB2")
    with pytest.raises(DataError, match="'IOB3'"):
        read_tags({"O": 1}, "IOB3")


@pytest.mark.parametrize("name", ["BIO", "bio", "iob2", "IOBES", "Bioes", "bilou"])
def test_a_scheme_may_have_its_other_name_in_any_case(name):
    read_tags({"O": 1, "I-X": 1}, name)
    assert scheme_name(name) in SCHEMES


@pytest.mark.parametrize("label_map", ["spans", {"A": ""}, {"A": 3}, ["A"]])
def test_a_label_map_that_is_no_mapping_of_types_is_an_error(label_map):
    with pytest.raises(DataError, match="label_map"):
        map_types(["O"], label_map)


@pytest.mark.parametrize("spans", [[Span(0, 3, "X")], [Span(1, 1, "X")], [Span(0, 2, "X"), Span(1, 2, "Y")]])
def test_spans_that_do_not_fit_the_sentence_are_an_error(spans):
    with pytest.raises(DataError):
        tags_from_spans(spans, 2)


def test_a_data_error_says_where_what_and_what_to_do_and_survives_pickling():
    error = DataError("3 columns.", fix="use 4.", path="a.txt", line=7)
    assert str(error) == "a.txt:7: found 3 columns. What to do: use 4."
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.path, copy.line, copy.found, copy.fix) == (
        str(error),
        error.path,
        7,
        error.found,
        error.fix,
    )
    assert str(DataError("x.", fix="y.")) == str(DataError("x", fix="y")) == "found x. What to do: y."
