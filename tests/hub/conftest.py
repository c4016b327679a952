"""A finished run to publish."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest


def hide_secrets(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Name the home, user, machine, working folder and what the environment holds `secret_...`."""
    for name in ("secret_home", "secret_cwd"):
        (folder / name).mkdir(exist_ok=True)
    patch.setenv("HOME", str(folder / "secret_home"))
    patch.setenv("USERPROFILE", str(folder / "secret_home"))
    for name in ("USER", "LOGNAME", "USERNAME"):
        patch.setenv(name, "secret_user")
    patch.setenv("HOSTNAME", "secret_host")
    patch.setattr(socket, "gethostname", lambda: "secret_host")
    patch.setenv("SOME_TOKEN", "secret_token")
    patch.setenv("SECRET_DATA", str(folder / "data"))
    patch.chdir(folder / "secret_cwd")


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
    for name, setting in (("config.json", "corpus"), ("tokenizer_config.json", "special_tokens_map_file")):
        settings = json.loads((encoder / name).read_text())
        (encoder / name).write_text(json.dumps(settings | {setting: f"{folder}/old/file.txt"}))
    once = {"num_train_epochs": 1, "bf16": False}
    options = {
        "model": str(encoder),
        "output_dir": str(folder / "run"),
        "systems": ["adaptabert", "tof"],
        "source": {
            "train": {"path": "$SECRET_DATA/source_train.conll", "license": "cc-by-4.0"},
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
    with pytest.MonkeyPatch.context() as patch:
        hide_secrets(patch, folder)
        run_tof(options)
    options["source"]["train"]["path"] = data["source_train"]
    return folder / "run", options


@pytest.fixture
def secrets(toy_run: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The home, user, machine and working folder are named `secret_...`, as they were in the toy run."""
    hide_secrets(monkeypatch, toy_run[0].parent)


@pytest.fixture
def run_folder(toy_run: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    """A copy of the finished run, for one test."""
    return Path(shutil.copytree(toy_run[0], tmp_path / "run"))
