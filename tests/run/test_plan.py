"""What `--plan` says is what a run then does."""

from __future__ import annotations

import os
import re
import shutil

import pytest
from datasets import Dataset
from transformers import Trainer

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf import load_config, run_tof
from tof_hf.cli import main
from tof_hf.pipeline import TofPipeline
from tof_hf.stages.record import BEGUN
from tof_hf.storage.own_folder import LEDGER

pytestmark = pytest.mark.slow

CHAIN = ["mlm", "mlm-mrc", "mlm-mrc-ner", "mlm-mrc-ner-pseudo_ner"]
CHAIN += ["mlm-mrc-ner-pseudo_ner-mrc1", "mlm-mrc-ner-pseudo_ner-mrc1-ner1"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run of two systems."""
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(size="tiny")
    data = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    encoder = train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)
    once = {"num_train_epochs": 2, "bf16": False}
    run_tof(
        {
            "model": str(encoder),
            "output_dir": str(folder / "run"),
            "systems": ["adaptabert", "tof"],
            "source": {"train": data["source_train"], "validation": data["source_validation"]},
            "target": {"text": data["target_text"], "mrc": data["target_qa"]},
            "mlm": once | {"maskings": 1},
            "mrc": once | {"max_validation": 5, "max_ner_mrc": 10},
            "ner": once,
            "continual_mrc": {"max_pseudo_mrc": 10},
        }
    )
    return folder / "run"


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def planned(folder, *changes):
    """The action and the reason for every stage."""
    config = load_config(folder / "config.yaml", [f"output_dir={folder}", *changes])
    return {stage.name: (stage.action, stage.why) for stage in TofPipeline(config).plan()}


def trained(folder, monkeypatch, *changes):
    """The stages that a run trains."""
    stages = []
    train = Trainer.train
    with monkeypatch.context() as patch:
        noted = lambda self, *a, **k: stages.append(self.args.output_dir.split(os.sep)[-2]) or train(self, *a, **k)  # noqa: E731
        patch.setattr(Trainer, "train", noted)
        run_tof(load_config(folder / "config.yaml", [f"output_dir={folder}", *changes]))
    return stages


def test_a_finished_run_is_reused_whole(run):
    assert planned(run) == dict.fromkeys(["mlm", "mlm-ner", *CHAIN], ("reuse", ""))


@pytest.mark.parametrize(
    ("change", "first", "why"),
    [
        ("continual_ner.num_train_epochs=1", 5, "num_train_epochs 2.0 -> 1.0"),
        ("mrc.learning_rate=1e-5", 1, "learning_rate 2e-06 -> 1e-05"),
        ("pseudo_ner.seed=3", 3, "seed 2019 -> 3"),
        ("continual_mrc.max_pseudo_mrc=9", 4, "max_pseudo_mrc 10 -> 9"),
    ],
)
def test_a_change_trains_its_stage_and_what_follows_and_nothing_before(run, monkeypatch, change, first, why):
    plan = planned(run, change)
    assert {name for name, (action, _) in plan.items() if action == "reuse"} == {"mlm", "mlm-ner", *CHAIN[:first]}
    assert plan[CHAIN[first]] == ("run", why)
    assert all(plan[name][1] for name in CHAIN[first:])
    assert trained(run, monkeypatch, change) == CHAIN[first:]


@pytest.mark.parametrize(
    "change", ["ner.logging_steps=3", "ner.per_device_eval_batch_size=3", "ner.max_source=100000", "mrc.run_name=x"]
)
def test_a_change_that_changes_no_weight_trains_nothing(run, change):
    assert {action for action, _ in planned(run, change).values()} == {"reuse"}


def test_a_run_that_is_stopped_while_it_replaces_stages_leaves_the_finished_one_as_it_was(run, monkeypatch, caplog):
    def stop(trainer, **options):
        raise KeyboardInterrupt

    def contents():
        files = [
            path
            for name in ("*.json", "*.yaml", "final/*", "stages/*/*", "stages/*/model/*")
            for path in run.glob(name)
        ]
        return {path: path.read_bytes() for path in files if path.is_file() and path.name not in (BEGUN, LEDGER)}

    before, plan = contents(), planned(run)
    with monkeypatch.context() as patch, caplog.at_level("WARNING"), pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "train", stop)
        run_tof(load_config(run / "config.yaml", [f"output_dir={run}", "continual_ner.seed=5"]))
    assert f"this run replaces 1 finished stage, once the new one is whole: {CHAIN[-1]}" in caplog.text
    assert contents() == before and planned(run) == plan


def test_other_rows_differ_from_other_names_of_the_same(run, tmp_path):
    config = load_config(run / "config.yaml")
    text = shutil.copy(config.target.text[0].path, tmp_path / "elsewhere.txt")
    assert {action for action, _ in planned(run, f"target.text={text}").values()} == {"reuse"}
    with open(text, "a", encoding="utf-8") as stream:
        stream.write("Ein Satz mehr .\n")
    assert planned(run, f"target.text={text}")["mlm"] == ("run", "other training rows")


def test_damage_is_found_and_repaired(run, monkeypatch):
    (run / "stages" / "mlm-mrc" / "model" / "model.safetensors").write_bytes(b"torn")
    assert planned(run)["mlm-mrc"] == ("run", "model/model.safetensors is not what was saved")
    assert trained(run, monkeypatch) == ["mlm-mrc"]  # it ends with the same weights, so that the rest still holds


def test_torn_files_beside_a_stage_are_made_again(run, monkeypatch):
    tagger = run / "stages" / "mlm-mrc-ner"
    (labels,) = tagger.glob("pseudo-*.parquet")
    for file in [labels, *tagger.glob("scores-*.json")]:
        file.write_bytes(file.read_bytes()[:20])
    assert trained(run, monkeypatch) == []
    assert {action for action, _ in planned(run).values()} == {"reuse"}


def test_stages_stay_if_labels_that_are_made_anew_come_out_the_same(run, monkeypatch):
    for file in (run / "stages" / "mlm-mrc-ner").glob("pseudo-*.parquet"):
        file.unlink()
    plan = planned(run)
    assert {name for name, (action, _) in plan.items() if action == "reuse"} == {"mlm", "mlm-ner", *CHAIN[:3]}
    labels = ("run", "unless the labels come out the same")
    assert [plan[name] for name in CHAIN[3:]] == [labels, labels, labels]
    assert planned(run, "pseudo_ner.seed=3")[CHAIN[3]][1] != labels[1]
    assert trained(run, monkeypatch) == []


@pytest.mark.parametrize("kind", ["pseudo-*.parquet", "scores-*.json", "answers-*.json", "predictions-*.parquet"])
def test_files_beside_a_stage_that_were_altered_are_made_again_with_a_warning(run, monkeypatch, caplog, kind):
    (file,) = run.glob(f"stages/mlm-mrc{'' if 'answers' in kind else '-ner'}/{kind}")
    before = file.read_bytes()
    if file.suffix == ".json":  # whole, but another one
        text = file.read_text()
        file.write_text(re.sub(r'"f1": [\d.]+', '"f1": 0.987', text) if "scores" in kind else text[:-3] + ",[]]")
    else:
        rows = Dataset.from_parquet(str(file), cache_dir=str(run.parent / "cache"))
        rows.select(range(1, len(rows))).to_parquet(str(file))
    assert file.read_bytes() != before
    assert trained(run, monkeypatch) == []
    assert file.read_bytes() == before
    assert f"{file}: not what the run wrote; it is made again" in caplog.text


def test_another_number_of_processes_is_another_stage(run, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("tof_hf.utils.processes.barrier", lambda: None)
    assert planned(run)["mlm"] == ("run", "another number of processes")


def test_planning_writes_nothing_and_prints_one_line_a_stage(run, capsys):
    def state():
        return {path: path.stat().st_mtime_ns for path in run.rglob("*") if "cache" not in path.parts}

    before = state()
    assert main(["run", str(run / "config.yaml"), "--plan", f"output_dir={run}", "mlm.seed=5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["run", "mlm", "seed", "2019", "->", "5"]
    assert len(lines) == 9 and lines[-2] == "0 to reuse, 0 to resume, 7 to run"
    assert lines[-1].startswith("this run replaces 7 finished stages, each once the new one is whole: mlm, mlm-ner, ")
    assert state() == before


@pytest.mark.parametrize("variable", ["RANK", "LOCAL_RANK"])
def test_a_plan_is_printed_by_the_first_process_alone(run, capsys, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    assert main(["run", str(run / "config.yaml"), "--plan", f"output_dir={run}"]) == 0
    assert capsys.readouterr().out == ""


def test_nothing_is_made_for_a_run_that_never_was(run, tmp_path):
    plan = planned(run, f"output_dir={tmp_path / 'new'}")
    assert {action for action, _ in plan.values()} == {"run"} and plan["mlm"] == ("run", "never trained")
    assert not (tmp_path / "new").exists()
