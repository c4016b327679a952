from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.config.stage_name import StageName

KINDS = ["mlm", "mrc", "ner", "pseudo_ner", "translated_ner", "tuned_ner", "distillation"]
ONE = st.builds(
    StageName,
    st.sampled_from(KINDS),
    st.integers(0, 12),
    st.booleans(),
    st.booleans(),
    st.integers(1, 12),
    recipe=st.sampled_from(["", "tsl", "own_1"]),
)


@given(st.lists(ONE, min_size=1, max_size=5))
def test_a_name_that_is_written_is_read_as_the_same_name(way):
    name = None
    for one in way:
        name = one.after(name)
    assert StageName.parse(str(name)) == name


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("mlm", "mlm"), ("mlm_tr", "mlm"), ("mlm-mrc1", "continual_mrc"), ("a-ner12_tr", "continual_ner"),
        ("a-pseudo_ner_mix", "pseudo_ner"), ("a-ner1_tr_mix", "continual_ner"), ("tuned_ner_tr", "ner"),
        ("a-ner_tr_mix_teacher12", "ner"), ("ner_tr+tsl", "ner"), ("a-mrc1+own_1", "continual_mrc"),
    ],
)  # fmt: skip
def test_the_options_of_a_stage_are_found_by_its_name(text, section):
    assert StageName.parse(text).section == section


def test_a_name_says_what_comes_before_it():
    name = StageName.parse("mlm-mrc-ner1_tr")
    assert (str(name.parent), name.short, name.round, name.translated) == ("mlm-mrc", "ner1_tr", 1, True)
    assert StageName.parse("mlm").parent is None


def test_an_empty_name_is_an_error():
    with pytest.raises(ValueError, match="not the name of a stage"):
        StageName.parse("mlm-")
