"""Where trackers (report_to) log to, and how progress is shown."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import pytest
from datasets import Dataset
from nightly import nightly_only
from transformers import TrainerCallback
from transformers.integrations import integration_utils

from tof_hf.config import NerConfig
from tof_hf.inference.words import OrderedTrainer
from tof_hf.modeling.transfer import load_for_ner
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.fit import stage_trainer
from tof_hf.stages.progress import ProgressLines
from tof_hf.stages.trackers import tracked


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


@pytest.fixture
def wandb(monkeypatch):
    """A module that notes the runs that are opened and closed."""
    module = ModuleType("wandb")
    module.__spec__ = ModuleSpec("wandb", None)
    module.run, module.events = None, []

    @contextmanager
    def init(**options):
        module.events.append({name: str(value) for name, value in options.items() if name != "settings"})
        try:
            yield
        finally:
            module.events.append("closed")

    module.init, module.Settings = init, SimpleNamespace
    monkeypatch.setitem(sys.modules, "wandb", module)
    for name in ("WANDB_DIR", "WANDB_PROJECT", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    return module


def test_each_stage_is_a_run_of_wandb_in_its_own_folder_grouped_by_the_tof_run(wandb, tmp_path, monkeypatch):
    config, folder = NerConfig(report_to="wandb", run_name="es ner"), tmp_path / "run/stages/ner"
    opened = {"project": "tof_hf", "group": "run", "name": "es ner", "dir": str(tmp_path / "run/logs/ner")}
    with pytest.raises(ZeroDivisionError), tracked(config, folder):
        assert (tmp_path / "run/logs/ner").is_dir()
        raise ZeroDivisionError
    assert wandb.events == [opened, "closed"]
    monkeypatch.setenv("WANDB_DIR", "mine")
    monkeypatch.setenv("WANDB_PROJECT", "ours")
    with tracked(config, folder):
        assert wandb.events[2] == opened | {"project": "ours", "dir": "mine"}
    wandb.run, wandb.events = object(), []
    with tracked(config, folder):
        assert wandb.events == [], "the caller's own run is used and stays open"


def test_mlflow_logs_into_the_run_unless_its_variables_say_where(wandb, tmp_path, monkeypatch):
    config, folder = NerConfig(report_to=["mlflow"]), tmp_path / "run/stages/ner"
    before = dict(os.environ)
    with tracked(config, folder):
        assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{tmp_path}/run/logs/mlflow.db"
        assert os.environ["MLFLOW_EXPERIMENT_NAME"] == "run"
    assert dict(os.environ) == before and wandb.events == []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mine")
    with tracked(config, folder):
        assert os.environ["MLFLOW_TRACKING_URI"] == "http://mine"
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://mine"


def test_without_a_tracker_no_folder_of_logs_is_made(wandb, tmp_path):
    with tracked(NerConfig(), tmp_path / "run/stages/ner"):
        assert not (tmp_path / "run").exists() and wandb.events == []


@nightly_only
@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_real_tracker_keeps_the_logs_of_two_stages_apart(name, trainer, tmp_path, monkeypatch):
    pytest.importorskip(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder = tmp_path / "run/stages/mlm-ner"
    for _ in range(2):
        options = {"report_to": name, "run_name": "es mlm-ner", "logging_steps": 1, "bf16": False}
        with tracked(NerConfig(**options), folder):
            trainer(**options).train()
    if name == "mlflow":
        with sqlite3.connect(tmp_path / "run/logs/mlflow.db") as logs:
            assert logs.execute("select name, status from runs").fetchall() == [("es mlm-ner", "FINISHED")] * 2
    else:
        kept = {"tensorboard": "events.*", "wandb": "wandb/offline-run-*"}[name]
        assert len(list((tmp_path / "run/logs/mlm-ner").glob(kept))) == 2
