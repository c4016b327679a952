"""A run folder of an earlier release stays readable: tests/released_run/ was written by it and is never changed."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from tof_hf import load_config
from tof_hf.cli import main
from tof_hf.run.record import read_run

FOLDER = Path(__file__).parent / "released_run"
STAGES = [
    "mlm",
    "mlm-mrc",
    "mlm-mrc-ner",
    "mlm-mrc-ner-pseudo_ner",
    "mlm-mrc-ner-pseudo_ner-mrc1",
    "mlm-mrc-ner-pseudo_ner-mrc1-ner1",
]


def holds(new, old):
    """Whether a JSON value has all that another one has; keys that are new may be added."""
    if isinstance(old, dict):
        return old.keys() <= new.keys() and all(holds(new[key], value) for key, value in old.items())
    if isinstance(old, list):
        return len(new) == len(old) and all(map(holds, new, old))
    return new == old


@pytest.fixture
def released(tmp_path, monkeypatch):
    """A copy of the folder, as the current folder."""
    shutil.copytree(FOLDER, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return Path("run")


def test_its_record_reads_as_it_was_written(released):
    run = read_run(released)
    assert list(run.lineage.stages) == STAGES and run.lineage.final.stage == STAGES[-1]
    assert run.path_to(STAGES[-1]) == STAGES and run.last_taggers() == {"tof": STAGES[-1]}
    assert {score.split for score in run.scores} == {"source_validation", "source_validation_mrc", "target"}
    labels = run.lineage.systems["tof"].pseudo_labels
    assert [entry.used_by for entry in labels] == [[STAGES[3]], STAGES[4:]]
    assert all((released / entry.file).is_file() for entry in labels)
    assert run.lineage.stages["mlm"].target_text.sentences == run.lineage.stages["mlm"].rows["target"]


def test_its_record_is_written_again_with_every_value_it_had(released, tmp_path):
    again = dataclasses.replace(read_run(released), folder=tmp_path)
    again.write()
    for name in ("lineage.json", "results.json"):
        assert holds(json.loads((tmp_path / name).read_text()), json.loads((released / name).read_text()))


def test_both_of_its_run_files_load(released):
    assert load_config(released / "config.yaml") == load_config("run.yaml")


def test_it_keeps_the_words_it_had_unless_its_run_file_names_a_rule(released):
    config = load_config("run.yaml")
    assert config.word_rule == "legacy"
    (released / "config.yaml").write_text(config.to_yaml())  # a run into the folder does this
    assert load_config("run.yaml").word_rule == "legacy"
    assert load_config("run.yaml", ["word_rule=unicode"]).word_rule == "unicode"
    assert load_config("run.yaml", ["output_dir=elsewhere"]).word_rule == "unicode"


@pytest.mark.slow
def test_every_finished_stage_of_it_is_reused(released, capsys):
    assert main(["run", "run.yaml", "--plan"]) == 0
    *stages, counts = capsys.readouterr().out.splitlines()
    assert [line.split() for line in stages] == [["reuse", name] for name in STAGES]
    assert counts == "6 to reuse, 0 to resume, 0 to run"


@pytest.mark.slow
def test_running_it_again_trains_nothing_and_keeps_its_scores(released, monkeypatch):
    monkeypatch.setattr("transformers.Trainer.train", lambda *args, **kwargs: pytest.fail("a stage was trained"))
    before = json.loads((released / "results.json").read_text())
    assert main(["run", "run.yaml"]) == 0
    assert json.loads((released / "results.json").read_text()) == before


@pytest.mark.slow
def test_it_can_be_published_and_reported(released, capsys):
    assert main(["push", str(released), "user/tagger", "--dry-run"]) == 0
    assert "model.safetensors" in capsys.readouterr().out
    assert main(["report", str(released)]) == 0
    assert "mlm-mrc-ner" in (released / "report.html").read_text(encoding="utf-8")
