"""Runs that share a folder of stages train what is the same once, and never replace each other's stages."""

from __future__ import annotations

import json

import pytest

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf.config import load_config
from tof_hf.errors import ConfigError
from tof_hf.hub.push import prepare
from tof_hf.pipeline import TofPipeline
from tof_hf.storage.lock import FolderInUse, only_run_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(size="tiny")
    data = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    encoder = train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)
    once = {"num_train_epochs": 1, "bf16": False}
    return {
        "model": str(encoder),
        "rounds": 0,
        "source": {"train": {"path": data["source_train"], "limit": 30}, "validation": data["source_validation"]},
        "target": {"text": data["target_text"], "gold": data["target_gold"], "mrc": data["target_qa"]},
        "mlm": once | {"maskings": 1},
        "mrc": once | {"max_validation": 5, "max_ner_mrc": 10},
        "ner": once | {"num_train_epochs": 2, "learning_rate": 1e-2, "per_device_train_batch_size": 8},
    }


def pipeline(toy, folder, name, *changes, **options):
    config = load_config(toy | {"output_dir": str(folder / name)}, changes)
    return TofPipeline(config, stages=folder / "stages", **options)


@pytest.fixture(scope="module")
def runs(toy, tmp_path_factory):
    """Two variants in one store: other MRC options, the same MLM."""
    folder = tmp_path_factory.mktemp("runs")
    one = pipeline(toy, folder, "one", copy_final=False).run()
    other = pipeline(toy, folder, "other", "mrc.use_target_qa=false", copy_final=False).run()
    return folder, one, other


def finished(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in (folder / "stages").glob("*/stage.json")}


def test_variants_share_what_is_the_same_and_keep_what_is_not(runs):
    folder, one, other = runs
    names = [name.rpartition("-")[0] for name in finished(folder)]
    assert sorted(names) == sorted(["mlm", *2 * ["mlm-mrc", "mlm-mrc-ner", "mlm-mrc-ner-pseudo_ner"]])
    assert one.stage_folders["mlm"] == other.stage_folders["mlm"]
    assert one.stage_folders["mlm-mrc"] != other.stage_folders["mlm-mrc"]
    assert all((run.folder / "results.json").is_file() for run in (one, other))
    assert not (one.folder / "stages").exists() and "mlm-mrc-ner-pseudo_ner" in one.table


def test_a_variant_that_comes_back_finds_all_of_its_stages(runs, toy):
    folder, one, _ = runs
    before = finished(folder)
    again = pipeline(toy, folder, "third", copy_final=False).run()
    assert finished(folder) == before and again.tagger == one.tagger
    assert [row["f1"] for row in again.rows] == [row["f1"] for row in one.rows]


def test_a_plan_looks_into_the_store(runs, toy):
    folder, *_ = runs
    planned = pipeline(toy, folder, "fourth", "ner.num_train_epochs=1").plan()
    assert [(stage.name, stage.action) for stage in planned] == [
        ("mlm", "reuse"), ("mlm-mrc", "reuse"), ("mlm-mrc-ner", "run"), ("mlm-mrc-ner-pseudo_ner", "run"),
    ]  # fmt: skip
    assert not (folder / "fourth").exists()


def test_the_same_work_has_the_same_key_in_the_plans_of_two_runs(toy, tmp_path):
    def keys(*changes):
        return {stage.name: stage.key for stage in pipeline(toy, tmp_path, "new", *changes).plan()}

    surest = ("labelling.selection=threshold", "labelling.threshold=0.9")
    whole, later, other = keys(), keys("rounds=1"), keys(*surest)
    assert whole.items() <= later.items()
    last = "mlm-mrc-ner-pseudo_ner"
    assert {name for name in whole if whole[name] != other[name]} == {last}


def test_the_tagger_stays_in_its_stage_unless_it_is_to_be_copied(runs, toy):
    folder, one, _ = runs
    assert one.final == one.stage_folders["mlm-mrc-ner-pseudo_ner"] / "model" and (one.final / "config.json").is_file()
    assert not (one.folder / "final").exists()
    copied = pipeline(toy, folder, "copied").run()
    assert copied.final == copied.folder / "final" and (copied.final / "config.json").is_file()
    assert pipeline(toy, folder, "copied", copy_final=False).run().final == one.final
    assert not (copied.folder / "final").exists()  # it would be taken for this run's


def test_paths_in_the_record_are_relative_to_the_run(runs):
    folder, one, _ = runs
    lineage = json.loads((one.folder / "lineage.json").read_text())
    stage = lineage["stages"]["mlm-mrc-ner"]
    assert stage["folder"] == f"../stages/{one.stage_folders['mlm-mrc-ner'].name}"
    (labelled,) = lineage["systems"]["tof"]["pseudo_labels"]
    assert labelled["file"].startswith(stage["folder"]) and (one.folder / labelled["file"]).is_file()
    assert str(folder) not in json.dumps(lineage)


def test_a_run_with_shared_stages_can_be_released(runs, toy):
    folder, one, _ = runs
    release = load_config(toy | {"output_dir": str(one.folder)}, ["release.repo=user/tagger"]).release
    (bundle,) = prepare(one.folder, release)
    assert bundle.files["model.safetensors"] == one.folder / "../stages" / one.tagger.folder.name / "model" / (
        "model.safetensors"
    )
    assert bundle.files["model.safetensors"].is_file()


def test_one_run_at_a_time_works_in_a_store(runs, toy):
    folder, *_ = runs
    with only_run_in(folder / "stages"), pytest.raises(FolderInUse):
        pipeline(toy, folder, "fifth").run()


def test_a_folder_of_stages_that_cannot_be_used_is_refused_before_training(toy, tmp_path):
    (tmp_path / "stages").write_text("a file")
    with pytest.raises(ConfigError, match="is not a folder"):
        pipeline(toy, tmp_path, "one").run()
