"""A stage that did not learn causes a warning that says what to try."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from tof_hf.stages import fit as base
from tof_hf.stages.fit import training_warning


@pytest.mark.parametrize("scores", [[0.0], [0.0, 0.0]])
def test_a_stage_without_one_right_span_needs_more_steps(scores):
    assert "more steps or a higher learning rate" in training_warning(scores, 100)


def test_a_tagger_that_stays_where_it_began_needs_a_gentler_start():
    doubt = training_warning([0.2, 0.196, 0.209], 100)
    assert "(0.20, 0.20, 0.21)" in doubt and "a lower learning rate, more warmup steps" in doubt


@pytest.mark.parametrize("scores", [[], [0.2], [0.24, 0.5, 0.66], [0.83, 0.84], [0.4, 0.46], [0.0, 0.3]])
def test_a_stage_that_learns_is_not_doubted(scores):
    assert training_warning(scores, 100) is None and training_warning(scores, 5) is None


@pytest.mark.parametrize("scores", [[0.0, 0.0], [0.2, 0.2]])
def test_after_a_handful_of_steps_nothing_but_more_of_them_is_advised(scores):
    assert training_warning(scores, 6).endswith(": there were only 6 steps. Use smaller batches or more epochs")


def test_a_doubt_is_a_warning_of_the_run(caplog):
    log = [{"eval_f1": 0.2}, {"loss": 1.0}, {"eval_f1": 0.21}]
    state = SimpleNamespace(log_history=log, global_step=5)
    with caplog.at_level(logging.INFO, "tof_hf"):
        base._report(SimpleNamespace(name="ner", rows={"source": 3}), state, 0.21, 63.4)
    warning, line = caplog.records
    assert warning.levelname == "WARNING" and warning.message.startswith("ner: validation F1 is low and hardly rises")
    assert line.message.startswith("ner: 3 source; 5 steps in 1:03")
