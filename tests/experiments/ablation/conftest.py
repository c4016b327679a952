"""A config of the smallest toy world, and the stages that are trained."""

from __future__ import annotations

import os
from contextlib import contextmanager

import pytest
from transformers import Trainer

from examples.toy_world import words
from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf.config.yaml import dump_yaml


@pytest.fixture(scope="session")
def toy_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(seed=0, size="tiny")
    paths = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    pairs = [*words.ADVERBS, *words.DAYS, *words.NUMBERS, ("the", "el")]
    (folder / "en-es.tsv").write_text("".join(f"{en}\t{es}\n" for en, es in pairs), encoding="utf-8")
    encoder = train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)
    other = train_encoder(world, folder / "other-encoder", steps=0, layers=1, hidden=64)
    return paths | {"dictionary": str(folder / "en-es.tsv"), "encoder": str(encoder), "other": str(other)}


@pytest.fixture(scope="session")
def toy(toy_files):
    """The values of a run file, with the target called es."""
    once = {"num_train_epochs": 1, "bf16": False}
    return {
        "model": toy_files["encoder"],
        "output_dir": "runs/x",
        "rounds": 0,
        "source": {
            "train": {"path": toy_files["source_train"], "limit": 30},
            "validation": toy_files["source_validation"],
        },
        "target": {"name": "es", "text": [toy_files["target_text"]], "gold": toy_files["target_gold"]},
        "mlm": once | {"maskings": 1, "learning_rate": 1e-3},
        "mrc": once | {"learning_rate": 1e-3, "max_length": 96, "stride": 16, "max_validation": 5, "max_ner_mrc": 10},
        "ner": once | {"num_train_epochs": 5, "learning_rate": 1e-2, "per_device_train_batch_size": 8},
        "pseudo_ner": {"num_train_epochs": 1},
    }


@pytest.fixture
def run_file(toy, tmp_path):
    """Writes the run file with changes, and gives its path."""

    def write(**changes):
        path = tmp_path / "run.yaml"
        path.write_text(dump_yaml(toy | {"output_dir": str(tmp_path / "run")} | changes), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture(scope="session")
def noting():
    """A block with a list of the seed and stage of all that is trained in it."""

    @contextmanager
    def block():
        found, train = [], Trainer.train

        def noted(self, *args, **kwargs):
            *_, seed, _, stage, _ = self.args.output_dir.split(os.sep)
            found.append((seed, stage.rpartition("-")[0]))
            return train(self, *args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Trainer, "train", noted)
            yield found

    return block


@pytest.fixture
def trained(noting):
    """Seed and stage of all that is trained from here on."""
    with noting() as found:
        yield found
