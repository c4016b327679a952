from __future__ import annotations

import copy

import pytest

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf.check import check
from tof_hf.config import load_config


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """A run file on the files and the encoder of the smallest toy world."""
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(seed=0, size="tiny")
    paths = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    encoder = train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)
    return {
        "model": str(encoder),
        "source": {
            "train": paths["source_train"],
            "validation": paths["source_validation"],
            "mrc": paths["source_qa"],
        },
        "target": {"text": paths["target_text"], "mrc": paths["target_qa"], "gold": paths["target_gold"]},
        "mlm": {"maskings": 2, "num_train_epochs": 1},
        "mrc": {"max_length": 96, "stride": 16, "num_train_epochs": 1, "per_device_train_batch_size": 16},
        "ner": {"num_train_epochs": 2, "per_device_train_batch_size": 16},
    }


@pytest.fixture
def config_of(toy, tmp_path):
    """Loads the toy run file with overrides; its output_dir is run/ in tmp_path."""

    def load(*overrides):
        return load_config(copy.deepcopy(toy) | {"output_dir": str(tmp_path / "run")}, overrides)

    return load


@pytest.fixture
def report_on(config_of):
    """The report on the toy run file with overrides, without timing."""
    return lambda *overrides, **options: check(config_of(*overrides), **({"timing": False} | options))


@pytest.fixture(scope="session")
def problems_of():
    """The findings of a report as (level, subject), in order."""
    return lambda report: [(finding.level, finding.subject) for finding in report.findings]
