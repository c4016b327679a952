"""Where trackers (report_to) log to, and how progress is shown."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from datasets import Dataset
from transformers import TrainerCallback
from transformers.integrations import integration_utils

from tof_hf.config import NerConfig
from tof_hf.inference.words import OrderedTrainer
from tof_hf.modeling.transfer import load_for_ner
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.fit import stage_trainer
from tof_hf.stages.progress import ProgressLines


class Tracker(TrainerCallback):
    """Like TensorBoard's: logs to its folder, by default inside output_dir."""

    logging_dir: str | None

    def __init__(self) -> None:
        self.logging_dir = None


@pytest.fixture
def trainer(checkpoint, tmp_path):
    """The Trainer of a stage named mlm-ner with three windows, in a run's folder."""

    def make(**options):
        config = NerConfig(narrow_vocabulary=False, **options)  # this stage has no rows
        stage = SimpleNamespace(
            name="mlm-ner", validation=None, trainer=OrderedTrainer, collator=None, loss=None, config=config
        )
        rows = Dataset.from_dict({"input_ids": [[0]] * 3, "labels": [[0]] * 3, "length": [1] * 3})
        args = training_arguments(config, tmp_path / "run/stages/mlm-ner/trainer", seed=1, selects=False)
        return stage_trainer(stage, load_for_ner(checkpoint("bert"), ["O"])[0], args, rows)

    return make


def test_logs_of_a_tracker_are_kept_outside_the_folder_that_is_deleted(trainer, tmp_path, monkeypatch):
    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "mine", Tracker)
    callbacks = trainer(report_to="mine").callback_handler.callbacks
    (tracker,) = [callback for callback in callbacks if isinstance(callback, Tracker)]
    assert tracker.logging_dir == str(tmp_path / "run/logs/mlm-ner")


def test_where_no_terminal_shows_a_bar_a_line_says_from_time_to_time_how_far_a_stage_is(trainer, monkeypatch):
    callbacks = trainer(disable_tqdm=True).callback_handler.callbacks
    (lines,) = [callback for callback in callbacks if isinstance(callback, ProgressLines)]
    said = []
    monkeypatch.setattr("tof_hf.stages.progress.say", said.append)
    monkeypatch.setattr("tof_hf.stages.progress.SECONDS_BETWEEN_LINES", 0)
    for step in (1, 2):
        lines.on_step_end(None, SimpleNamespace(global_step=step, max_steps=2), None)
    assert said == ["mlm-ner: step 1 of 2"]
