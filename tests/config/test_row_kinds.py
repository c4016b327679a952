"""The kinds of training rows, and the options of stages that are named after them."""

import pytest

from tof_hf.config.row_kinds import RowKind
from tof_hf.config.stages import STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_every_option_that_turns_rows_on_or_caps_them_is_named_after_a_kind(stage):
    options = STAGES[stage].own_options()
    others = {"max_length", "max_validation", "max_sentences"}
    kinds = {name.partition("_")[2] for name in options if name.startswith(("use_", "max_")) and name not in others}
    assert kinds == set(STAGES[stage].row_kinds())


@pytest.mark.parametrize("stage", STAGES)
def test_later_stages_do_not_inherit_which_rows_a_stage_trains_on(stage):
    assert not any(STAGES[stage].inherits(kind.use) for kind in STAGES[stage].row_kinds())


def test_rows_that_a_tagger_labelled_are_from_the_target():
    labelled = {kind for kind in RowKind if kind.from_taggers}
    assert labelled == {"pseudo", "pseudo_mrc", "taught"}
    assert {kind for kind in RowKind if kind.from_target} == labelled | {"target", "target_qa", "distant_mrc"}
