"""In a folder that it shares with the user, the library replaces and removes only what it made."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tof_hf.errors import ConfigError
from tof_hf.storage.files import TEMPORARY
from tof_hf.storage.lock import lock_files, only_run_in
from tof_hf.storage.own_folder import LEDGER, OwnFolder


def own(folder):
    files = ("record.json", "work/step-[0-9]*/")
    return OwnFolder(folder, files, later=("model/config.json", "model/*.bin"), earlier={"old.json": "key"})


def model(folder, *names):
    part = folder / "part"
    part.mkdir(exist_ok=True)
    for name in names:
        (part / name).write_text(f"new {name}")
    return part


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def test_what_is_at_a_path_before_the_claim_is_the_users(tmp_path):
    for name in ("record.json", "work/step-1/file", "model/config.json"):
        folder = tmp_path / name.replace("/", "-")
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("mine")
        with pytest.raises(ConfigError, match="was not made by tof-hf.*move it away, or choose another output_dir"):
            own(folder).claim()
        own(folder).remove()
        assert files(folder) == [name] and (folder / name).read_text() == "mine"


def test_what_is_made_after_the_claim_goes_and_all_else_stays(tmp_path):
    for name in ("thesis.tex", "work/notes.txt", "model/notes.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    own(tmp_path).claim()
    for name in ("record.json", "work/step-1/file"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    part = model(tmp_path, "config.json", "a.bin")
    own(tmp_path).replace(part, "model")
    own(tmp_path).remove()
    shutil.rmtree(part)
    assert files(tmp_path) == [LEDGER, "model/notes.bin", "thesis.tex", "work/notes.txt"]


def test_a_folder_is_replaced_around_the_files_that_the_user_put_into_it(tmp_path):
    own(tmp_path).claim()
    own(tmp_path).replace(model(tmp_path, "config.json", "a.bin"), "model")
    (tmp_path / "model" / "mine.bin").write_text("mine")
    own(tmp_path).replace(model(tmp_path, "config.json", "b.bin"), "model")
    assert files(tmp_path / "model") == ["b.bin", "config.json", "mine.bin"]
    with pytest.raises(ConfigError, match="mine.bin was not made"):
        own(tmp_path).replace(model(tmp_path, "config.json", "mine.bin"), "model")
    assert (tmp_path / "model" / "mine.bin").read_text() == "mine"


@pytest.mark.parametrize("name", ["record.json", "model", "model/config.json", "work", "work/step-1"])
def test_a_link_is_refused_and_what_is_behind_it_stays(tmp_path, name):
    folder, behind = tmp_path / "run", tmp_path / "behind"
    (behind / "step-1").mkdir(parents=True)
    (behind / "config.json").touch()
    folder.mkdir()
    own(folder).claim()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).symlink_to(behind)
    with pytest.raises(ConfigError, match="is a link"):
        own(folder).check()
    own(folder).remove()
    assert files(behind) == ["config.json"] and (behind / "step-1").is_dir() and (folder / name).is_symlink()


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "model").write_text("mine")
    with pytest.raises(ConfigError, match="model was not made by tof-hf"):
        own(tmp_path).check()


def test_a_folder_of_an_earlier_release_is_known_by_its_files(tmp_path):
    for name in ("record.json", "model/config.json", "model/a.bin", "work/step-1/file", "thesis.tex"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for other in ("[]", "{}", "{"):
        (tmp_path / "old.json").write_text(other)
        with pytest.raises(ConfigError):
            own(tmp_path).check()
    (tmp_path / "old.json").write_text(json.dumps({"key": 1}))
    own(tmp_path).claim()
    (tmp_path / "model" / "mine.bin").touch()
    own(tmp_path).remove()
    assert files(tmp_path) == [LEDGER, "model/mine.bin", "old.json", "thesis.tex"]


def test_temporary_files_of_a_killed_run_go_only_where_a_run_was(tmp_path):
    left = tmp_path / f"{TEMPORARY}1" / "model"
    left.mkdir(parents=True)
    own(tmp_path).remove_temporary()
    assert left.is_dir()
    own(tmp_path).claim()
    os.symlink("/", tmp_path / f"{TEMPORARY}2")
    own(tmp_path).remove_temporary()
    assert files(tmp_path) == [LEDGER] and not left.parent.exists()


def test_tables_of_the_user_are_refused_until_there_was_a_run(tmp_path):
    (tmp_path / "table.md").write_text("mine")
    with pytest.raises(ConfigError, match="--out: .*table.md was not made"):
        lock_files(tmp_path, "table.md").check("--out")
    (tmp_path / "table.md").unlink()
    with only_run_in(tmp_path):
        (tmp_path / "table.md").touch()
    lock_files(tmp_path, "table.md").check()


def test_a_lock_file_of_the_user_is_not_emptied(tmp_path):
    (tmp_path / "run.lock").write_text("mine")
    with pytest.raises(ConfigError, match="run.lock was not made"), only_run_in(tmp_path):
        raise AssertionError("locked")
    assert (tmp_path / "run.lock").read_text() == "mine"
