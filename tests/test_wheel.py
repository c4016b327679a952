"""The built wheel in an environment of its own goes from data to a tagger."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from nightly import nightly_only

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world

ROOT = Path(__file__).parents[1]

pytestmark = [pytest.mark.slow, nightly_only]


@pytest.fixture
def command(tmp_path):
    """Runs tof-hf in an environment that has the wheel; the libraries come from the environment of the tests."""
    pytest.importorskip("setuptools")
    shutil.copytree(ROOT / "tof_hf", tmp_path / "source/tof_hf", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "source")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*words: str | Path) -> str:
        done = subprocess.run(list(map(str, words)), cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        "dist",
        "./source",
    )
    [wheel] = (tmp_path / "dist").glob("*.whl")
    run(sys.executable, "-m", "venv", "env")
    [packages] = (tmp_path / "env").glob("lib/python*/site-packages")
    run("env/bin/python", "-m", "pip", "install", "--no-index", "--no-deps", wheel)
    (packages / "required.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    found = run("env/bin/python", "-c", "import tof_hf; print(tof_hf.__file__)")
    assert Path(found.strip()).is_relative_to(packages)
    return lambda *words: run("env/bin/tof-hf", *words)


def test_the_wheel_goes_from_init_to_a_tagger_its_report_and_tagged_text(command, tmp_path):
    world = make_world(size="tiny")
    files = write_world(world, tmp_path / "data")
    encoder = train_encoder(world, tmp_path / "encoder", steps=0, layers=1, hidden=32)
    places = {"train": "source_train", "validation": "source_validation", "text": "target_text", "gold": "target_gold"}
    given = [word for option, name in places.items() for word in (f"--{option}", files[name])]
    command("init", "es.yaml", *given, "--target-language", "es", "--model", encoder)
    stages = [f"{stage}.{option}" for stage in ("mlm", "ner") for option in ("num_train_epochs=1", "bf16=false")]
    command("check", "es.yaml", *stages)
    command("run", "es.yaml", *stages)
    command("report", "runs/es")
    command("predict", "runs/es/final", files["target_text"], "tagged.jsonl")
    tagged = [json.loads(line) for line in (tmp_path / "tagged.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(tagged) == len(files["target_text"].read_text(encoding="utf-8").splitlines())
    assert all("entities" in row for row in tagged)
    assert (tmp_path / "runs/es/report.html").is_file() and (tmp_path / "runs/es/report-to-label.conll").is_file()
