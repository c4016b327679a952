"""A finished run to publish."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a small finished run, and its run file as a mapping. Tests copy the folder to change it."""
    from examples.toy_world.encoder import train_encoder
    from examples.toy_world.world import make_world, write_world
    from tof_hf import run_tof

    folder = tmp_path_factory.mktemp("secret_place")
    world = make_world(size="tiny")
    data = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    encoder = train_encoder(world, folder / "my_encoder", steps=0, layers=1, hidden=32)
    once = {"num_train_epochs": 1, "bf16": False}
    options = {
        "model": str(encoder),
        "output_dir": str(folder / "run"),
        "systems": ["adaptabert", "tof"],
        "source": {
            "train": {"path": data["source_train"], "license": "cc-by-4.0"},
            "validation": data["source_validation"],
        },
        "target": {
            "name": "es",
            "text": {"path": data["target_text"], "license": "cc0-1.0"},
            "mrc": data["target_qa"],
            "gold": data["target_gold"],
        },
        "mlm": once | {"maskings": 1},
        "mrc": once | {"max_validation": 5, "max_ner_mrc": 10},
        "ner": once | {"num_train_epochs": 4, "learning_rate": 1e-2, "per_device_train_batch_size": 8},
        "pseudo_ner": {"num_train_epochs": 2, "learning_rate": 1e-2},
    }
    run_tof(options)
    return folder / "run", options


@pytest.fixture
def run_folder(toy_run: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """A copy of the finished run, for one test."""
    return Path(shutil.copytree(toy_run[0], tmp_path / "run"))
