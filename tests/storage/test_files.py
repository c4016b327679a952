"""Files change in one step; temporary names are nobody else's; links, devices and pipes stay what they are."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from tof_hf.storage.files import new_file, replace_folder, write_json, write_text


def test_a_file_of_the_user_that_ends_in_part_stays(tmp_path):
    (tmp_path / "table.md.part").write_text("mine")
    write_text(tmp_path / "table.md", "new")
    assert (tmp_path / "table.md.part").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.md", "table.md.part"]


def test_an_error_leaves_the_old_file_and_no_temporary_one(tmp_path):
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(KeyError), new_file(file) as part:
        part.write_text("half of the n")
        raise KeyError
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "target.json", tmp_path / "link.json"
    target.write_text("old")
    link.symlink_to(target)
    write_json(link, [1])
    assert link.is_symlink() and target.read_text() == "[\n  1\n]\n"
    broken = tmp_path / "broken"
    broken.symlink_to(tmp_path / "far" / "new")
    write_text(broken, "text")
    assert broken.is_symlink() and (tmp_path / "far" / "new").read_text() == "text"


def test_a_pipe_is_written_to_and_stays(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write_text(pipe, "text")
    reader.join(60)
    assert read == ["text"] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_is_written_to_and_stays():
    write_text(Path(os.devnull), "text")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_new_file_has_the_usual_permissions_and_a_replaced_one_keeps_its_own(tmp_path):
    usual = tmp_path / "usual"
    usual.touch()
    write_text(tmp_path / "new", "text")
    assert (tmp_path / "new").stat().st_mode == usual.stat().st_mode
    (tmp_path / "new").chmod(0o600)
    write_text(tmp_path / "new", "other")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


def test_a_replaced_file_keeps_its_owner(tmp_path, monkeypatch):
    given, file = [], tmp_path / "file"
    file.touch()
    monkeypatch.setattr("os.chown", lambda path, *owner: given.append(owner))
    write_text(file, "text")
    assert given == [(file.stat().st_uid, file.stat().st_gid)]


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="the system does not name open files")
def test_a_link_to_an_open_file_adds_to_it(tmp_path):
    with (tmp_path / "log").open("w") as log:
        (tmp_path / "out").symlink_to(f"/dev/fd/{log.fileno()}")
        log.write("first\n")
        log.flush()
        write_text(tmp_path / "out", "second\n")
    assert (tmp_path / "log").read_text() == "first\nsecond\n"


@pytest.mark.parametrize("exchanged", [True, False])
def test_a_folder_takes_the_place_of_an_older_one_whole(tmp_path, monkeypatch, exchanged):
    if not exchanged:
        monkeypatch.setattr("tof_hf.storage.files._exchange", lambda one, other: False)
    old, part = tmp_path / "out", tmp_path / "part"
    for folder in (old, part):
        folder.mkdir()
        (folder / folder.name).touch()
    replace_folder(part, old)
    assert [path.name for path in old.iterdir()] == ["part"] and list(tmp_path.iterdir()) == [old]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux exchanges folders in one step")
def test_an_older_folder_is_there_until_the_new_one_is(tmp_path, monkeypatch):
    moved, rename = [], Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, to: moved.append(path.name) or rename(path, to))
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_folder(tmp_path / "new", tmp_path / "old")
    assert moved == ["new"] and [path.name for path in tmp_path.rglob("*")] == ["old", "new"]
