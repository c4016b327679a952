"""What a stage's folder holds is judged by content: finished, begun, changed, damaged."""

from __future__ import annotations

import errno
import json
import shutil

import pytest

from tof_hf.errors import RunError
from tof_hf.stages import reuse
from tof_hf.stages.fingerprint import changes, fingerprint
from tof_hf.stages.machine import failures_of_the_machine
from tof_hf.stages.reuse import (
    BEGUN,
    NEW_MODEL,
    RECORD,
    decide,
    file_hashes,
    finish_replacing,
    newest_whole_checkpoint,
    point_to_best,
    prepare_folder,
    stage_files,
    write_manifest,
)
from tof_hf.storage.cache import cache_json, is_cached
from tof_hf.storage.files import TEMPORARY, write_json

pytestmark = pytest.mark.slow

RECIPE = {
    "stage": "mrc",
    "options": {"max_length": 64, "training": {"learning_rate": 1e-6}},
    "seed": 5,
    "start": "abc",
    "tokenizer": "t",
    "labels": ["O"],
    "train": "x",
    "validation": None,
}
OTHER = RECIPE | {"options": {"max_length": 64, "training": {"learning_rate": 2e-6}}}


@pytest.fixture
def finished(tmp_path):
    """The folder of a finished stage."""
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"weights")
    write_json(tmp_path / RECORD, {"key": fingerprint(RECIPE), "recipe": RECIPE, "files": file_hashes(model)})
    return tmp_path


def checkpoint(folder, step):
    """A whole Trainer checkpoint in a stage's folder."""
    made = folder / "trainer" / f"checkpoint-{step}"
    made.mkdir(parents=True)
    (made / "model.safetensors").write_bytes(b"weights %d" % step)
    write_json(made / "trainer_state.json", {"global_step": step})
    write_manifest(made)


@pytest.fixture
def begun(tmp_path):
    """The folder of a stage with two Trainer checkpoints."""
    prepare_folder(tmp_path, RECIPE)
    for step in (9, 10):
        checkpoint(tmp_path, step)
    return tmp_path


def test_a_finished_stage_is_reused_and_a_changed_option_is_named(finished):
    assert decide(finished, RECIPE).action == "reuse"
    found = decide(finished, OTHER)
    assert (found.action, found.why) == ("run", "learning_rate 1e-06 -> 2e-06")


def test_every_change_is_described():
    new = RECIPE | {"start": "o", "train": "y", "labels": ["B-X"], "tokenizer": "u", "validation": "v", "seed": 6}
    assert changes(RECIPE, new) == [
        "it starts from another model",
        "another tokenizer",
        "other training rows",
        "other validation rows",
        "other entity types",
        "seed 5 -> 6",
    ]
    unset = RECIPE | {"options": {"max_length": 64, "training": {}}}
    assert changes(RECIPE, unset) == ["learning_rate 1e-06 -> default"]
    assert changes(RECIPE, RECIPE | {"format": 3}) == ["trained by an older release"]


def test_an_option_that_chose_other_rows_is_named_instead_of_them():
    old = RECIPE | {"beside": {"max_source": 100, "use_pseudo": False, "max_validation": None}}
    new = RECIPE | {"beside": {"max_source": 200, "use_pseudo": True, "max_validation": 5}}
    assert fingerprint(old) == fingerprint(new)
    train, validation = {"train": "y"}, {"validation": "v"}
    assert changes(old, new | train) == ["max_source 100 -> 200", "use_pseudo False -> True"]
    assert changes(old, new | validation) == ["max_validation None -> 5"]
    assert changes(old, old | train | validation) == ["other training rows", "other validation rows"]
    assert changes(old, new | {"seed": 6}) == ["seed 5 -> 6"]


@pytest.mark.parametrize("damage", ["truncated", "missing", "another file"])
def test_a_damaged_model_of_a_finished_stage_is_trained_again(finished, damage):
    file = finished / "model" / "model.safetensors"
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(b"weigh" if damage == "truncated" else b"wEights")
    assert decide(finished, RECIPE).action == "run"
    assert "model/model.safetensors is not what was saved" in decide(finished, RECIPE).why


@pytest.mark.parametrize("text", ["", '{"key": "', "\x00\x00"])
def test_a_torn_record_is_no_finished_stage(finished, text):
    (finished / RECORD).write_text(text)
    assert decide(finished, RECIPE).action == "run"


def test_a_begun_stage_goes_on_from_its_newest_checkpoint(begun):
    found = decide(begun, RECIPE)
    assert (found.action, found.checkpoint.name) == ("resume", "checkpoint-10")
    assert decide(begun, OTHER).action == "run"


@pytest.mark.parametrize("name", ["model.safetensors", "trainer_state.json"])
@pytest.mark.parametrize("content", [None, b"", b"weights 1"])
def test_a_damaged_checkpoint_is_skipped(begun, name, content):
    file = begun / "trainer" / "checkpoint-10" / name
    file.unlink() if content is None else file.write_bytes(content)
    assert newest_whole_checkpoint(begun / "trainer").name == "checkpoint-9"
    shutil.rmtree(begun / "trainer" / "checkpoint-9")
    found = decide(begun, RECIPE)
    assert (found.action, found.why) == ("run", "stopped in its first epoch")


def test_a_checkpoint_whose_best_one_is_damaged_is_skipped(begun):
    last, best = (begun / "trainer" / f"checkpoint-{step}" for step in (10, 9))
    write_json(last / "trainer_state.json", {"global_step": 10, "best_model_checkpoint": "/elsewhere/checkpoint-9"})
    write_manifest(last)
    assert newest_whole_checkpoint(begun / "trainer") == last
    point_to_best(last)
    assert json.loads((last / "trainer_state.json").read_text())["best_model_checkpoint"] == str(best)
    assert newest_whole_checkpoint(begun / "trainer") == last
    (best / "model.safetensors").write_bytes(b"torn")
    assert newest_whole_checkpoint(begun / "trainer") is None


def test_a_checkpoint_without_its_manifest_is_not_whole(begun):
    (begun / "trainer" / "checkpoint-10" / "manifest.json").unlink()
    assert newest_whole_checkpoint(begun / "trainer").name == "checkpoint-9"


def test_the_remains_of_another_recipe_go_and_those_of_the_same_stay(begun):
    prepare_folder(begun, RECIPE, resumed=decide(begun, RECIPE).checkpoint)
    assert decide(begun, RECIPE).action == "resume"
    prepare_folder(begun, OTHER)
    assert not (begun / "trainer").exists()
    assert json.loads((begun / BEGUN).read_text())["recipe"] == OTHER


def save(folder, recipe, *, place):
    """What the training of a stage writes at its end, up to its record."""
    model = folder / place
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"other weights")
    write_json(folder / RECORD, {"key": fingerprint(recipe), "recipe": recipe, "files": file_hashes(model)})


def test_a_finished_stage_stays_while_another_trains_in_its_folder(finished):
    cache_json(finished / "scores-target.json", {"f1": 1.0})
    prepare_folder(finished, OTHER)
    assert (decide(finished, RECIPE).action, decide(finished, OTHER).why) == ("reuse", "stopped in its first epoch")
    checkpoint(finished, 9)
    assert (decide(finished, RECIPE).action, decide(finished, OTHER).action) == ("reuse", "resume")
    prepare_folder(finished, OTHER, resumed=decide(finished, OTHER).checkpoint)
    finish_replacing(finished)
    assert decide(finished, RECIPE).action == "reuse" and is_cached(finished / "scores-target.json")


def test_a_stage_that_was_killed_while_it_replaced_another_is_whole(finished):
    cache_json(finished / "scores-target.json", {"f1": 1.0})
    prepare_folder(finished, OTHER)
    save(finished, OTHER, place=NEW_MODEL)
    found = decide(finished, OTHER)
    assert (found.action, found.why) == ("resume", "trained, but not yet in its place")
    shutil.rmtree(finished / "model")  # the older model goes first
    assert decide(finished, OTHER).action == "resume"
    finish_replacing(finished)
    assert decide(finished, OTHER).action == "reuse" and not (finished / "scores-target.json").exists()
    assert (finished / "model" / "model.safetensors").read_bytes() == b"other weights"
    assert not (finished / NEW_MODEL).exists()


def test_a_damaged_model_that_is_trained_again_resumes(finished):
    (finished / "model" / "model.safetensors").write_bytes(b"torn")
    prepare_folder(finished, RECIPE)
    checkpoint(finished, 9)
    assert decide(finished, RECIPE).action == "resume"


def test_a_kill_while_the_path_of_the_best_checkpoint_is_corrected_loses_no_epoch(begun, monkeypatch):
    last = begun / "trainer" / "checkpoint-10"
    write_json(last / "trainer_state.json", {"global_step": 10, "best_model_checkpoint": "/elsewhere/checkpoint-9"})
    write_manifest(last)
    write = reuse.write_json

    def checked(path, value):
        write(path, value)
        assert newest_whole_checkpoint(begun / "trainer") == last

    monkeypatch.setattr(reuse, "write_json", checked)
    point_to_best(last)
    assert "trainer_state.json" in json.loads((last / "manifest.json").read_text())


def test_half_written_files_of_a_killed_run_are_removed_and_are_no_part_of_a_checkpoint(begun):
    last = begun / "trainer" / "checkpoint-10"
    halves = [folder / f"{TEMPORARY}0" for folder in (begun, last)]
    for half in halves:
        half.write_text("{")
    stage_files(begun).remove_temporary()
    assert not any(half.exists() for half in halves)
    write_manifest(last)
    assert newest_whole_checkpoint(begun / "trainer") == last


def test_remains_that_cannot_be_removed_are_an_error_that_says_so(begun, monkeypatch):
    def refuse(path, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(RunError, match="cannot be removed .*Permission denied.*start the same run again"):
        prepare_folder(begun, OTHER)
    assert decide(begun, RECIPE).action == "resume"


def test_a_full_disk_and_a_folder_that_may_not_be_written_to_say_what_to_do(tmp_path):
    for problem, words in (
        (OSError(errno.ENOSPC, "No space left on device"), "is full .* MiB free.*make room"),
        (RuntimeError("[enforce fail] . PytorchStreamWriter failed writing file data/0"), "is full"),
        (PermissionError(errno.EACCES, "Permission denied"), "nothing can be written"),
    ):
        with pytest.raises(RunError, match=f"{words}.*start the same run again"), failures_of_the_machine(tmp_path):
            raise problem
    with pytest.raises(RuntimeError, match="something else"), failures_of_the_machine(tmp_path):
        raise RuntimeError("something else")
