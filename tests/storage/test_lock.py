"""Two runs never work in one folder, and a killed one leaves no lock behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tof_hf.storage.lock import FolderInUse, only_run_in

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from pathlib import Path
from tof_hf.storage.lock import only_run_in
with only_run_in(Path(sys.argv[1])):
    print("holding", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that works in the folder."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "holding\n"
        yield process
        process.kill()


@pytest.mark.slow
def test_a_folder_in_use_is_refused_with_the_name_of_its_owner(holder, tmp_path):
    with pytest.raises(FolderInUse, match=f"process {holder.pid}, host .*, user .*What to do"), only_run_in(tmp_path):
        raise AssertionError("two runs in one folder")


@pytest.mark.slow
def test_a_lock_ends_with_a_process_that_is_killed(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with only_run_in(tmp_path):
        pass


def test_a_lock_ends_with_an_error_and_can_be_taken_again(tmp_path):
    with pytest.raises(KeyError), only_run_in(tmp_path):
        raise KeyError
    with only_run_in(tmp_path):
        assert (tmp_path / "run.owner.json").is_file()
    assert not (tmp_path / "run.owner.json").exists()


def test_where_the_system_has_no_locks_a_file_is_the_lock(tmp_path, monkeypatch, caplog):
    def no_locks(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with only_run_in(tmp_path):
        assert "No locks available" in caplog.text
        with pytest.raises(FolderInUse, match="remove .*run.softlock"), only_run_in(tmp_path):
            raise AssertionError("two runs in one folder")
    with only_run_in(tmp_path):
        pass


def test_a_user_without_a_name_can_run(tmp_path, monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr("getpass.getuser", nameless)
    with only_run_in(tmp_path):
        assert (tmp_path / "run.owner.json").is_file()


def test_the_other_processes_of_a_launch_need_no_lock_of_their_own(tmp_path, monkeypatch):
    with only_run_in(tmp_path):
        monkeypatch.setenv("RANK", "1")
        with only_run_in(tmp_path):
            pass
