"""The package works where the modules of Unix are missing, processes are spawned and the locale has only ASCII."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tof_hf.data import read_text
from tof_hf.errors import RunError
from tof_hf.inference.words import WordCollator
from tof_hf.modeling.collators import SpanCollator
from tof_hf.stages.machine import failures_of_the_machine
from tof_hf.stages.mlm import MaskingCollator
from tof_hf.stages.soft_loss import SoftCollator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ELSEWHERE = """
import builtins, importlib, multiprocessing, pkgutil, sys
import tof_hf

BLOCKED = {"fcntl", "grp", "pwd", "readline", "resource", "termios"}
import_module = builtins.__import__

def without_unix(name, globals=None, *rest, **options):  # other packages ask for the system, not for the module
    if name in BLOCKED and (globals or {}).get("__name__", "").startswith("tof_hf"):
        raise ImportError(name)
    return import_module(name, globals, *rest, **options)

builtins.__import__ = without_unix
multiprocessing.set_start_method("spawn")
for module in pkgutil.walk_packages(tof_hf.__path__, "tof_hf."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from tof_hf.stages.machine import peak_memory_mb
assert peak_memory_mb(own=False) > 0
from tof_hf.cli import main
sys.exit(main(["check", sys.argv[1], "--no-timing"]))
"""


def test_every_module_is_imported_and_a_run_checked_without_the_modules_of_unix(config_of, tmp_path):
    run_file = tmp_path / "run.yaml"
    run_file.write_text(config_of("target.name=añ", "mlm.num_train_epochs=1").to_yaml(), encoding="utf-8")
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONWARNDEFAULTENCODING": "1"}
    env = os.environ | locale | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ELSEWHERE, str(run_file)]
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert "0 errors" in done.stdout
    own = [line for line in done.stderr.splitlines() if "EncodingWarning" in line and "/tof_hf/" in line]
    assert own == [], "a file is opened in the encoding of the locale"


def test_the_workers_of_a_data_loader_can_be_spawned(tokenizers):
    tokenizer = tokenizers["wordpiece"]
    collators = [MaskingCollator(tokenizer, 0.15), SoftCollator(tokenizer), SpanCollator(tokenizer)]
    for collator in [*collators, WordCollator(tokenizer)]:
        assert type(pickle.loads(pickle.dumps(collator))) is type(collator)


def test_a_cache_that_cannot_be_written_to_is_named_with_the_variable_to_set(tmp_path, monkeypatch):
    (tmp_path / "text.txt").write_text("Maria won .\n", encoding="utf-8")
    cache = tmp_path / "text.txt" / "cache"  # below a file
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", cache)
    with pytest.raises(RunError, match=f"{cache}: nothing can be written to this cache .*set HF_DATASETS_CACHE"):
        read_text(tmp_path / "text.txt")


def test_a_cache_that_fails_for_every_file_is_reported_once(report_on, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "file" / "cache")
    found = [
        finding.found for finding in report_on().findings if "nothing can be written to this cache" in finding.found
    ]
    assert len(found) == 1


def test_a_full_disk_of_the_cache_is_named_not_that_of_the_run(tmp_path, monkeypatch):
    def full(self, rows):
        raise OSError(errno.ENOSPC, "No space left on device")
        yield

    (tmp_path / "text.txt").write_text("Maria won .\n", encoding="utf-8")
    cache, run = tmp_path / "cache", tmp_path / "run"
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", cache)
    monkeypatch.setattr("tof_hf.data.readers.files._Builder._generate_examples", full)
    with pytest.raises(RunError, match=f"{cache}: nothing can be written to this cache .its disk is full"):
        read_text(tmp_path / "text.txt")
    run.mkdir()
    free = {cache: 5, run: 2**30}
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=free[Path(place)]))
    with pytest.raises(RunError, match=f"the disk of {cache} is full"), failures_of_the_machine(run / "stage"):
        raise OSError(errno.ENOSPC, "No space left on device")
