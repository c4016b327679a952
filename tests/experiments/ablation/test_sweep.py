"""A sweep trains every stage once, goes on where it was stopped, and always has a table."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from nightly import nightly_only
from transformers import Trainer

from tof_hf.cli import main
from tof_hf.config import load_config
from tof_hf.config.yaml import dump_yaml
from tof_hf.data import read_ner
from tof_hf.errors import ConfigError, DataError
from tof_hf.experiments.ablation.jobs import LOG, environments, save_ablation
from tof_hf.experiments.ablation.rows import Row, rows_of
from tof_hf.experiments.ablation.runs import Outcome, set_up
from tof_hf.experiments.ablation.sweep import Progress, ablate, plan
from tof_hf.hub.push import prepare
from tof_hf.pipeline import TofPipeline
from tof_hf.storage.lock import FolderInUse, only_run_in

pytestmark = pytest.mark.slow

SYSTEMS = [row for row in rows_of(1) if row.name in ("source_only", "adaptabert", "tof")]


def swept(source, *, rows=SYSTEMS, seeds=(1, 2), overrides=(), **options):
    return ablate(set_up(source, overrides, rows=rows, seeds=list(seeds)), **options)


def table(tmp_path):
    return json.loads((tmp_path / "run" / "ablation" / "table.json").read_text())


def line(tmp_path, name):
    return next(row for row in table(tmp_path)["rows"] if row["row"]["name"] == name)


@pytest.fixture(scope="module")
def finished(toy, noting, tmp_path_factory):
    """A finished sweep without MRC over two seeds: its run file, folder, results, and what it trained."""
    folder = tmp_path_factory.mktemp("finished")
    values = toy | {"output_dir": str(folder / "run"), "mrc": toy["mrc"] | {"enabled": False}}
    (folder / "run.yaml").write_text(dump_yaml(values), encoding="utf-8")
    with noting() as trained:
        results, outcomes = swept(str(folder / "run.yaml"), benchmark="es")
    assert not any(one.error for one in outcomes)
    return SimpleNamespace(source=str(folder / "run.yaml"), path=folder, results=results, trained=trained)


def test_common_stages_are_trained_once_for_all_rows_of_a_seed(finished, trained):
    chain = ["ner", "mlm", "mlm-ner", "mlm-ner-pseudo_ner"]
    assert finished.trained == [(f"seed-{seed}", stage) for seed in (1, 2) for stage in chain]
    again, _ = swept(finished.source, benchmark="es")
    assert trained == [] and again == finished.results
    assert "0 to run" in plan(set_up(finished.source, rows=SYSTEMS, seeds=[1, 2]))


def test_every_row_of_a_seed_has_a_run_folder_without_a_copy_of_the_tagger(finished):
    folder = finished.path / "run" / "ablation"
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".lock") == [
        "seed-1", "seed-2", "table.csv", "table.json", "table.md", "table.tex",
    ]  # fmt: skip
    assert not list(folder.glob("seed-*/*/final"))
    for name in ("config.yaml", "results.json", "lineage.json"):
        assert len(list(folder.glob(f"seed-*/*/{name}"))) == 6


def test_a_row_has_the_mean_and_deviation_of_its_runs_and_the_difference_to_the_baseline(finished):
    found, base = line(finished.path, "tof"), line(finished.path, "adaptabert")
    for seed in (1, 2):
        run = finished.path / "run" / "ablation" / f"seed-{seed}" / "tof"
        last = [row for row in json.loads((run / "results.json").read_text())["rows"] if row["split"] == "target"][-1]
        assert found["scores"][str(seed)] == pytest.approx(100 * last["f1"]) and last["stage"] == "pseudo_ner"
    assert found["baseline"] == "adaptabert" and 0 < found["p_better"] <= 1 and found["paper"]["f1"] == 80.35
    assert found["difference"] == pytest.approx(found["mean"] - base["mean"])
    one, other = found["scores"].values()
    assert found["deviation"] == pytest.approx(abs(one - other) / 2**0.5)
    assert base["baseline"] is None and base["mean"] > 0


def test_a_run_of_a_row_can_be_released(finished):
    run = finished.path / "run" / "ablation" / "seed-1" / "source_only"
    (bundle,) = prepare(run, load_config(run / "config.yaml", ["release.repo=user/tagger"]).release)
    assert bundle.files["model.safetensors"].is_file()


@pytest.fixture
def interrupted(finished, toy, tmp_path):
    """The run file of the same sweep as it was before the last tagger of adaptabert and seed 2 was trained."""
    folder = tmp_path / "run" / "ablation"
    shutil.copytree(finished.path / "run" / "ablation", folder)
    gone = ("table.*", "seed-*/tof", "seed-*/stages/*-pseudo_ner-*", "seed-2/adaptabert", "seed-2/stages/mlm-ner-*")
    for path in {path for pattern in gone for path in folder.glob(pattern)}:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    values = toy | {"output_dir": str(tmp_path / "run"), "mrc": toy["mrc"] | {"enabled": False}}
    (tmp_path / "run.yaml").write_text(dump_yaml(values), encoding="utf-8")
    return str(tmp_path / "run.yaml")


def test_a_sweep_that_was_stopped_has_a_table_and_goes_on(interrupted, trained, monkeypatch, tmp_path):
    def stopped(self, *args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train", stopped)
        with pytest.raises(KeyboardInterrupt):
            swept(interrupted, rows=SYSTEMS[:2])
    assert (line(tmp_path, "source_only")["seeds_done"], line(tmp_path, "adaptabert")["seeds_done"]) == (2, 1)
    text = (tmp_path / "run" / "ablation" / "table.md").read_text()
    assert "1 of 2" in text and "Some seeds are not finished yet for adaptabert." in text

    before = (tmp_path / "run" / "ablation" / "table.json").read_text()
    _, outcomes = swept(interrupted, rows=SYSTEMS[:2], finished=True)
    assert [(one.name, one.seed) for one in outcomes] == [("source_only", 1), ("adaptabert", 1), ("source_only", 2)]
    assert trained == [] and (tmp_path / "run" / "ablation" / "table.json").read_text() == before

    planned = plan(set_up(interrupted, rows=SYSTEMS, seeds=[1, 2])).splitlines()
    assert planned[-1] == "5 to reuse, 0 to resume, 3 to run" and len(planned) == 9
    assert any(one.startswith("reuse   seed-1 mlm: adaptabert, tof") for one in planned)
    swept(interrupted, rows=SYSTEMS[:2])
    assert trained == [("seed-2", "mlm-ner")] and line(tmp_path, "adaptabert")["seeds_done"] == 2


def test_where_no_run_is_finished_there_is_no_table_of_finished_runs(run_file, capsys, tmp_path):
    assert main(["ablate", run_file(), "--seeds", "1", "--finished"]) == 2
    assert "none of the runs is finished in" in capsys.readouterr().err
    assert not (tmp_path / "run" / "ablation" / "table.md").exists()


def test_a_row_that_fails_keeps_no_other_back(run_file, monkeypatch, capsys, tmp_path):
    train = Trainer.train

    def full(self, *args, **kwargs):
        if "mlm" in self.args.output_dir:
            raise OSError(28, "No space left on device")
        return train(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train", full)
        patch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))  # it stands in the message
        off = {"mrc": {"enabled": False}, "pseudo_ner": {"enabled": False}}
        command = ["ablate", run_file(**off), "--rows", "source_only", "adaptabert", "tof", "--seeds", "1"]
        assert main(command) == 2
    printed = capsys.readouterr()
    reported = [one for one in printed.err.splitlines() if "is full" in one and one.startswith("tof-hf: ")]
    assert [one[: one.index(": mlm")] for one in reported] == ["tof-hf: adaptabert (seed 2019), tof (seed 2019)"]
    assert line(tmp_path, "source_only")["seeds_done"] == 1 and "is full" in line(tmp_path, "tof")["error"]
    assert "Failed: TOF" in printed.out
    assert main(command) == 0
    assert "Failed" not in (tmp_path / "run" / "ablation" / "table.md").read_text()


def test_an_error_of_another_package_ends_its_run_alone_too(run_file, monkeypatch):
    def lacks(self):
        raise ImportError("no bitsandbytes")

    monkeypatch.setattr(TofPipeline, "run", lacks)
    _, outcomes = swept(run_file(), rows=SYSTEMS[:2], seeds=[1])
    assert [one.error for one in outcomes] == ["ImportError: no bitsandbytes"] * 2


@pytest.fixture(scope="module")
def parallel(toy, toy_files, tmp_path_factory):
    """A sweep over two seeds at a time, with a dataset in place of a file; another run works in the second's stages."""
    folder = tmp_path_factory.mktemp("parallel")
    values = toy | {
        "output_dir": str(folder / "run"),
        "source": toy["source"] | {"train": {"path": "mine", "limit": 30}},
    }
    datasets = {"mine": read_ner(toy_files["source_train"])}
    ablation = set_up(values, rows=SYSTEMS[:1], seeds=[1, 2], datasets=datasets)
    with only_run_in(folder / "run" / "ablation" / "seed-2" / "stages"):
        _, outcomes = ablate(ablation, jobs=2)
    return SimpleNamespace(ablation=ablation, outcomes={one.seed: one for one in outcomes})


def test_a_process_gets_datasets_that_were_given_in_place_of_files(parallel):
    assert parallel.outcomes[1].error is None and parallel.outcomes[1].f1 is not None


def test_a_process_that_fails_keeps_no_other_back(parallel):
    assert "another run uses this folder" in parallel.outcomes[2].error and parallel.outcomes[1].error is None


def test_seeds_side_by_side_give_what_one_after_the_other_gives(parallel, trained):
    _, outcomes = ablate(parallel.ablation)  # in the same folders
    assert trained == [("seed-2", "ner")] and outcomes[1].error is None
    assert (outcomes[0].f1, outcomes[0].predictions) == (parallel.outcomes[1].f1, parallel.outcomes[1].predictions)
    assert "ner: reused" not in (parallel.ablation.out / "seed-1" / LOG).read_text()


def test_a_process_that_dies_is_reported(run_file, monkeypatch):
    monkeypatch.setattr("tof_hf.experiments.ablation.jobs.sys.executable", "/bin/false")
    _, outcomes = swept(run_file(), rows=SYSTEMS[:1], jobs=2)
    assert ["ended with status 1" in one.error for one in outcomes] == [True, True]


@nightly_only
def test_what_a_library_prints_is_no_outcome(run_file, tmp_path):
    program = """
import os, sys
from tof_hf.experiments.ablation import jobs
def run_seed(ablation, seed):
    print("from Python")
    os.write(1, b"from C\\n")
    yield jobs.Outcome("tof", seed, 0.5)
jobs.run_seed = run_seed
sys.exit(jobs.main())
"""
    save_ablation(set_up(run_file(), rows=SYSTEMS[:1], seeds=[3]), tmp_path)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path), "3"], **pipes) as process:
        reported, log = process.stdout.read(), process.stderr.read()  # the input stays open, as a living parent's does
        assert process.wait() == 0
    assert json.loads(reported)["seed"] == 3 and b"from Python" in log and b"from C" in log


def test_a_sweep_that_is_killed_takes_its_processes_along(run_file, tmp_path):
    source = run_file()
    command = [sys.executable, "-m", "tof_hf.cli", "ablate", source, "--rows", "adaptabert", "--seeds", "1", "2000"]
    command += ["--jobs", "2", "ner.num_train_epochs=100000"]  # they do not end by themselves
    logs = [tmp_path / "run" / "ablation" / f"seed-{seed}" / LOG for seed in (1, 2000)]
    for log in logs:  # a pipe, which tells what a process says and, by its end, that the process is gone
        log.parent.mkdir(parents=True)
        os.mkfifo(log)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process, ExitStack() as stack:
        stack.callback(process.kill)
        said = [stack.enter_context(log.open()) for log in logs]
        for lines in said:
            assert any("mlm: " in line for line in lines)  # it trains the next stage then
        process.kill()
        for lines in said:
            assert "final tagger" not in lines.read()
    for log in logs:
        log.unlink()
    _, outcomes = swept(source, rows=[SYSTEMS[1]], seeds=[1])
    assert [one.error for one in outcomes] == [None]


def test_jobs_get_devices_in_turn_and_share_the_processors(monkeypatch):
    monkeypatch.setattr("tof_hf.experiments.ablation.jobs.visible_devices", lambda: ["2", "5"])
    assert [one["CUDA_VISIBLE_DEVICES"] for one in environments(3)] == ["2", "5", "2"]
    monkeypatch.setattr("tof_hf.experiments.ablation.jobs.visible_devices", list)
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert [one["OMP_NUM_THREADS"] for one in environments(3)] == ["2", "2", "2"]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert {one["OMP_NUM_THREADS"] for one in environments(3)} == {"1"}


def test_everything_is_checked_before_anything_is_trained(run_file, trained, tmp_path):
    late = Row(0, "late", "Late", "source_only", ("ner.max_length=4096",))
    with pytest.raises(ConfigError, match=r"row late: ner.max_length is 4096"):
        swept(run_file(), rows=[*SYSTEMS, late])
    with pytest.raises(DataError, match="missing.txt"):
        swept(run_file(target={"text": "missing.txt"}))
    assert trained == [] and not list((tmp_path / "run").rglob("results.json"))


def test_two_sweeps_do_not_work_in_one_folder(run_file, tmp_path):
    with only_run_in(tmp_path / "run" / "ablation"), pytest.raises(FolderInUse):
        swept(run_file())


def test_without_gold_rows_are_compared_on_source_validation(run_file, toy, tmp_path):
    target = {name: value for name, value in toy["target"].items() if name != "gold"}
    swept(run_file(target=target), rows=SYSTEMS[:1], seeds=[1])
    assert table(tmp_path)["split"] == "source_validation" and line(tmp_path, "source_only")["mean"] is not None
    assert "on source validation data" in (tmp_path / "run" / "ablation" / "table.md").read_text()


def test_the_papers_scores_stand_beside_those_of_its_benchmarks_alone(interrupted, toy, capsys):
    def head(*words):
        assert main(["ablate", interrupted, *words, "--rows", "source_only", "--seeds", "1", "2", "--finished"]) == 0
        return next(one for one in capsys.readouterr().out.splitlines() if one.startswith("| row"))

    assert toy["target"]["name"] == "es" and "paper" not in head()
    assert "paper" in head("target.benchmark=es") and "paper" in head("target.benchmark=null", "--benchmark", "es")
    assert "paper" not in head("target.benchmark=es", "--benchmark", "none")


def test_progress_tells_what_is_done_and_about_how_long_the_rest_takes():
    now = [100.0]
    progress = Progress(4, clock=lambda: now[0])
    now[0] += 1800
    reported = progress.line(Outcome("tof", 3, 0.5, "p", 1799.6))
    assert reported == "1 of 4: tof, seed 3: F1 50.00 in 30:00; 30:00 elapsed, about 1:30:00 left"
    assert "2 of 4: tof, seed 4: failed in 0:00" in progress.line(Outcome("tof", 4, error="x"))
