"""A run that is killed at any of the changes it makes on disk ends with the weights of one that never was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from kill_points import KillServer, Point, choose, name_in
from safetensors.torch import load_file

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf import load_config, run_tof
from tof_hf.errors import RunError
from tof_hf.stages.reuse import MANIFEST, RECORD, newest_whole_checkpoint
from tof_hf.storage.files import TEMPORARY

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("TOF_KILL_SEED", "0"))  # another seed draws other points
KILLS = os.environ.get("TOF_KILLS", "")  # kill at so many places, or at "all" points (make nightly)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A run file of a whole TOF run with tiny data and model."""
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(size="tiny")
    data = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    encoder = train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)
    once = {"num_train_epochs": 2, "bf16": False, "learning_rate": 1e-3}
    return {
        "model": str(encoder),
        "source": {"train": data["source_train"], "validation": data["source_validation"]},
        "target": {"text": data["target_text"], "mrc": data["target_qa"]},
        "mlm": once | {"maskings": 1},
        "mrc": once | {"max_validation": 5, "max_ner_mrc": 10},
        "ner": once | {"per_device_train_batch_size": 8},
        "pseudo_ner": {"learning_rate": 1e-3},
        "continual_mrc": {"learning_rate": 1e-3, "max_pseudo_mrc": 10},
        "continual_ner": {"learning_rate": 1e-3},
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with KillServer(tmp_path_factory.mktemp("notes")) as server:
        yield server


@dataclass
class Run:
    """A run in a folder of its own, in one process or several, that can be killed and started again."""

    server: KillServer
    config: dict[str, Any]
    folder: Path
    processes: int = 1
    saved: dict[str, int] = field(default_factory=dict)  # the last whole epoch of each stage that is known to be saved

    def start(self, kill: Point | None = None) -> tuple[bool, list[Point]]:
        """Start it, or start it again. True if it came to its end, and the points that it passed."""
        file = self.folder.with_suffix(".yaml")
        file.write_text(json.dumps(self.config | {"output_dir": str(self.folder)}), encoding="utf-8")  # JSON is YAML
        attempt = self.server.run(["run", str(file)], self.folder, kill=kill, processes=self.processes)
        assert attempt.status == 0 or kill in attempt.points, attempt.said[-3000:]
        last = {point.rank: point for point in attempt.points}.values()
        self._note_saved(point for point in attempt.points if attempt.status == 0 or point not in last)
        return attempt.status == 0, attempt.points

    def _note_saved(self, points: Iterable[Point]) -> None:
        for point in points:
            match Path(point.path).parts:
                case "stages", stage, "trainer", checkpoint, name if (point.operation, name) == ("rename", MANIFEST):
                    self.saved[stage] = int(checkpoint.removeprefix("checkpoint-"))

    def assert_no_epoch_lost(self) -> None:
        """A stage that is not finished has a checkpoint of the last epoch that was saved, or of a later one."""
        for stage, steps in self.saved.items():
            folder = self.folder / "stages" / stage
            if not (folder / RECORD).exists():
                checkpoint = newest_whole_checkpoint(folder / "trainer")
                assert checkpoint is not None, f"{stage}: the checkpoint of step {steps} is lost"
                assert int(checkpoint.name.removeprefix("checkpoint-")) >= steps, stage

    def files(self) -> set[str]:
        """All files by name; datasets' cache aside, where its own temporary files may stay."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return {name_in(self.folder, path.as_posix()) for path in found if "cache" not in path.parts}

    def weights(self) -> dict[str, dict[str, torch.Tensor]]:
        return {path.parent.parent.name: load_file(path) for path in self.folder.glob("stages/*/model/*.safetensors")}


def assert_same(whole: Run, killed: Run, stages: int) -> None:
    """The same weights and scores, and no file more or less."""
    expected, found = whole.weights(), killed.weights()
    assert expected.keys() == found.keys() and len(found) == stages
    for stage, tensors in expected.items():
        assert [name for name in tensors if not torch.equal(tensors[name], found[stage][name])] == [], stage
    assert (whole.folder / "results.json").read_text() == (killed.folder / "results.json").read_text()
    assert whole.files() == killed.files()


def kill_at_each(points: list[Point], whole: Run, killed: Run, stages: int) -> set[str]:
    """Kill a run at each of these points, one after the other, and let it come to its end. The places it was killed at.

    Whatever an attempt finished stays for the next one, so all of them together take about as long as one run.
    """
    places = set()
    for point in points:
        ended, passed = killed.start(point)
        if ended:  # what this point changes was done before the last kill: only a run from the start does it again
            assert point not in passed
            assert_same(whole, killed, stages)
            shutil.rmtree(killed.folder)
            killed.saved.clear()
            ended, passed = killed.start(point)
        assert point in passed and not ended, point
        places.add(point.place)
        killed.assert_no_epoch_lost()
    assert killed.start()[0]
    assert_same(whole, killed, stages)
    assert not list(killed.folder.rglob(f"{TEMPORARY}*"))
    return places


def chosen(points: list[Point], count: int) -> list[Point]:
    """The points of a test: one of each of `count` places, or what the environment asks for."""
    return list(dict.fromkeys(points)) if KILLS == "all" else choose(points, int(KILLS or count), SEED)


@pytest.mark.timeout(0 if KILLS else 1200)
def test_a_run_killed_at_many_points_ends_with_the_same_weights_in_every_stage(server, config, tmp_path):
    whole, killed = (Run(server, config, tmp_path / name) for name in ("whole", "killed"))
    ended, points = whole.start()
    assert ended and len({point.place for point in points}) > 300
    # No file comes to be unseen: each one is written or renamed at some point.
    made = {Path(point.path).name for point in points if point.operation in ("write", "rename")}
    assert {Path(file).name for file in whole.files()} <= made
    assert len(kill_at_each(chosen(points, 10), whole, killed, stages=6)) >= 10


@pytest.mark.timeout(0 if KILLS else 1200)
def test_two_processes_of_which_one_is_killed_end_with_the_same_weights(server, config, tmp_path):
    config = config | {"systems": ["adaptabert"]}
    whole, killed = (Run(server, config, tmp_path / name, processes=2) for name in ("whole", "killed"))
    ended, points = whole.start()
    assert ended
    kills = [*chosen([point for point in points if point.rank == 0], 2)]
    kills += chosen([point for point in points if point.rank == 1], 2)
    places = kill_at_each(sorted(kills, key=points.index), whole, killed, stages=2)
    assert len(places) >= 4 and any("rank 1" in place for place in places)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_loses_nothing_and_the_run_goes_on_when_there_is_room(config, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", disk], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        options = load_config(config | {"output_dir": str(disk / "run"), "systems": ["adaptabert"]})
        with pytest.raises(RunError, match="is full .*make room.*start the same run again"):
            run_tof(options)
        finished = [path for path in (disk / "run" / "stages").glob("*/stage.json")]
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        result = run_tof(options)
        assert (result.final / "model.safetensors").is_file()
        assert all(path.is_file() for path in finished)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
