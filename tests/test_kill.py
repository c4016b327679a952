"""A run that is killed at any of the changes it makes on disk ends with the weights of one that never was."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_stand_in import HubStandIn
from kill_points import Attempt, KillServer, Point, choose, name_in
from safetensors.torch import load_file

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf import load_config, run_tof
from tof_hf.errors import RunError
from tof_hf.stages.record import BEGUN, RECORD, BegunRecord, StageRecord
from tof_hf.stages.reuse import MANIFEST, NEW_MODEL, file_hashes, newest_whole_checkpoint
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
def hub():
    with HubStandIn() as hub:
        yield hub


@pytest.fixture(scope="module")
def server(tmp_path_factory, hub):
    settings = {"HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    with KillServer(tmp_path_factory.mktemp("notes"), settings | {"NO_PROXY": "127.0.0.1"}) as server:
        yield server


@dataclass
class Work:
    """A command that writes to a folder of its own, in one process or several, killed and started again.

    Attributes:
        words: the command without its first argument, which is the run file, or the run's folder for one without.
        before: a finished run; the folder begins as a copy of it.
        saved: the last whole epoch of each stage that is known to be saved.
        finished: the stages, and scores the rows of results.json, that were there at the end of some attempt.
    """

    server: KillServer
    config: dict[str, Any]
    folder: Path
    words: Sequence[str] = ("run",)
    processes: int = 1
    before: Path | None = None
    saved: dict[str, int] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    scores: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Go back to the state before the first attempt."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.before is not None:
            shutil.copytree(self.before, self.folder)
        for known in (self.saved, self.finished, self.scores):
            known.clear()

    def start(self, kill: Point | None = None, *more: str) -> tuple[bool, list[Point]]:
        """Start it, or start it again. True if it came to its end, and the points that it passed."""
        attempt = self.attempt(kill, *more)
        last = {point.rank: point for point in attempt.points}.values()
        self._note_saved(point for point in attempt.points if attempt.status == 0 or point not in last)
        return attempt.status == 0, attempt.points

    def attempt(self, kill: Point | None = None, *more: str) -> Attempt:
        place = self.folder
        if self.words[0] not in ("report", "push"):
            place = self.folder.with_suffix(".yaml")
            place.write_text(json.dumps(self.config | {"output_dir": str(self.folder)}), encoding="utf-8")  # it is YAML
        words = [self.words[0], str(place), *self.words[1:], *more]
        attempt = self.server.run(words, self.folder, kill=kill, processes=self.processes)
        assert attempt.status == 0 or kill in attempt.points, attempt.said[-3000:]
        return attempt

    def _note_saved(self, points: Iterable[Point]) -> None:
        for point in points:
            match Path(point.path).parts:
                case *_, "stages", stage, "trainer", checkpoint, name if (point.operation, name) == (
                    "rename",
                    MANIFEST,
                ):
                    self.saved[stage] = int(checkpoint.removeprefix("checkpoint-"))

    def assert_nothing_lost(self) -> None:
        """Each stage that was finished is whole, or one that replaces it; no saved epoch and no score is gone."""
        whole = {folder.name for folder in self.stages() if is_whole(folder)}
        assert self.finished <= whole, f"lost: {self.finished - whole}"
        self.finished |= whole
        for folder in self.stages():
            steps, record = self.saved.get(folder.name), StageRecord.read_if_whole(folder / RECORD)
            begun = BegunRecord.read_if_whole(folder / BEGUN)
            if steps is not None and begun is not None and (record is None or record.key != begun.key):
                checkpoint = newest_whole_checkpoint(folder / "trainer")
                assert checkpoint is not None, f"{folder.name}: the checkpoint of step {steps} is lost"
                assert int(checkpoint.name.removeprefix("checkpoint-")) >= steps, folder.name
        rows = {
            f"{file.relative_to(self.folder)} {row['system']} {row['checkpoint']} {row['split']}"
            for file in self.folder.rglob("results.json")
            for row in json.loads(file.read_text())["rows"]
        }
        assert self.scores <= rows, f"lost: {self.scores - rows}"
        self.scores |= rows

    def assert_plan_is_true(self, whole: Work) -> None:
        """The plan reuses exactly the stages that are finished with these options, and resumes those with an epoch."""
        said = self.attempt(None, "--plan").said
        actions = {name: action for action, name in re.findall(r"^(reuse|resume|run) +(\S+)", said, re.MULTILINE)}
        keys = {folder.name: StageRecord.read(folder / RECORD).key for folder in whole.stages()}
        now = {folder.name: StageRecord.read_if_whole(folder / RECORD) for folder in self.stages()}
        done = {name for name, record in now.items() if record is not None and record.key == keys[name]}
        pending = {folder.name for folder in self.stages() if folder.name in done and is_whole(folder, NEW_MODEL)}
        assert {name for name, action in actions.items() if action == "reuse"} == done - pending, said
        for name in pending | (self.saved.keys() - done):
            assert actions[name] == "resume", said

    def stages(self) -> list[Path]:
        return sorted(folder for folder in self.folder.glob("**/stages/*") if folder.is_dir())

    def files(self) -> set[str]:
        """All files by name; datasets' cache aside, where its own temporary files may stay.

        A report does not remove a temporary file that it left in a run's folder: the next run does, which locks it.
        """
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        names = {name_in(self.folder, path.as_posix()) for path in found if "cache" not in path.parts}
        return {name for name in names if self.words[0] != "report" or not name.startswith(TEMPORARY)}

    def weights(self) -> dict[str, dict[str, torch.Tensor]]:
        files = self.folder.glob("**/model/*.safetensors")
        return {file.relative_to(self.folder).as_posix(): load_file(file) for file in files}

    def texts(self) -> dict[str, str]:
        files = [file for name in ("results.json", "table.md", "report.html") for file in self.folder.rglob(name)]
        return {file.relative_to(self.folder).as_posix(): file.read_text(encoding="utf-8") for file in files}


def is_whole(stage: Path, *places: str) -> bool:
    """Whether a stage's record is there, and the model that it describes in one of these places."""
    record = StageRecord.read_if_whole(stage / RECORD)
    found = [file_hashes(stage / place) for place in places or ("model", NEW_MODEL)]
    return record is not None and any(record.files.items() <= hashes.items() for hashes in found)


def assert_same(whole: Work, killed: Work) -> None:
    """The same weights and scores, and no file more or less."""
    expected, found = whole.weights(), killed.weights()
    assert expected.keys() == found.keys() and expected
    for file, tensors in expected.items():
        assert [name for name in tensors if not torch.equal(tensors[name], found[file][name])] == [], file
    assert whole.texts() == killed.texts()
    assert whole.files() == killed.files()


def kill_at_each(points: list[Point], whole: Work, killed: Work) -> set[str]:
    """Kill a command at each of these points, one after the other, and let it come to its end. The places of the kills.

    Whatever an attempt finished stays for the next one, so all of them together take about as long as one command.
    """
    places = set()
    for number, point in enumerate(points):
        ended, passed = killed.start(point)
        if (
            ended
        ):  # what this point changes was done before the last kill: only a start from the beginning does it again
            assert point not in passed
            assert_same(whole, killed)
            killed.reset()
            ended, passed = killed.start(point)
        assert point in passed and not ended, point
        places.add(point.place)
        killed.assert_nothing_lost()
        if killed.before is not None and killed.words[0] == "run":
            killed.assert_plan_is_true(whole)
        if KILLS:  # to see how far a night came
            print(f"killed {number + 1} of {len(points)}: {killed.words[0]} {point}", flush=True)
    assert killed.start()[0]
    assert_same(whole, killed)
    return places


def chosen(points: list[Point], count: int) -> list[Point]:
    """The points of a test: one of each of `count` places, or what the environment asks for."""
    return list(dict.fromkeys(points)) if KILLS == "all" else choose(points, int(KILLS or count), SEED)


night = pytest.mark.timeout(0 if KILLS else 1200)


@night
def test_a_run_killed_at_many_points_ends_with_the_same_weights_in_every_stage(server, config, tmp_path):
    whole, killed = (Work(server, config, tmp_path / name) for name in ("whole", "killed"))
    ended, points = whole.start()
    assert ended and len({point.place for point in points}) > 300 and len(whole.weights()) == 6
    # No file comes to be unseen: each one is written or renamed at some point.
    made = {Path(point.path).name for point in points if point.operation in ("write", "rename")}
    made |= {Path(point.path).name.replace(NEW_MODEL, "model") for point in points}
    assert {Path(file).name for file in whole.files()} <= made
    assert kill_at_each(chosen(points, 3), whole, killed)


@night
def test_two_processes_of_which_one_is_killed_end_with_the_same_weights(server, config, tmp_path):
    config = config | {"systems": ["adaptabert"]}
    whole, killed = (Work(server, config, tmp_path / name, processes=2) for name in ("whole", "killed"))
    ended, points = whole.start()
    assert ended
    kills = [*chosen([point for point in points if point.rank == 0], 1)]
    kills += chosen([point for point in points if point.rank == 1], 1)
    places = kill_at_each(sorted(kills, key=points.index), whole, killed)
    assert len(places) >= 2 and any("rank 1" in place for place in places)


@pytest.fixture(scope="module")
def finished(server, config, tmp_path_factory):
    """The folder of a finished run of one stage with pseudo-labels and one without."""
    changes = {"systems": ["tof"], "rounds": 0, "mrc": config["mrc"] | {"enabled": False}}
    work = Work(server, config | changes, tmp_path_factory.mktemp("finished") / "run")
    assert work.start()[0]
    return work


@night
def test_stages_that_are_replaced_stay_until_the_new_ones_are_whole(server, finished, tmp_path):
    config = finished.config | {"ner": finished.config["ner"] | {"learning_rate": 2e-3}}
    whole, killed = (Work(server, config, tmp_path / name, before=finished.folder) for name in ("whole", "killed"))
    ended, points = whole.start()
    assert ended and "this run replaces 2 finished stages" in server.said()
    before = {folder.name: StageRecord.read(folder / RECORD).key for folder in finished.stages()}
    assert [folder.name for folder in whole.stages() if StageRecord.read(folder / RECORD).key != before[folder.name]]
    killed.assert_nothing_lost()  # from the first moment on
    assert kill_at_each(chosen(points, 2), whole, killed)


@night
@pytest.mark.parametrize("words", [
    ("report",),
    pytest.param(
        ("ablate", "--rows", "source_only", "adaptabert", "--seeds", "1"),
        marks=pytest.mark.skipif(not KILLS, reason="trains what a run trains; TOF_KILLS=1 tries it"),
    ),
    pytest.param(
        ("search", "ner.num_train_epochs=8", "--stage", "ner", "--values", "1e-2", "2e-2"),
        marks=pytest.mark.skipif(not KILLS, reason="runs trials as ablate runs rows; TOF_KILLS=1 tries it"),
    ),
], ids=lambda words: words[0])  # fmt: skip
def test_other_commands_that_are_killed_end_with_the_same_result(server, config, finished, tmp_path, words):
    before = finished.folder if words[0] == "report" else None
    places = (tmp_path / name / "run" for name in ("whole", "killed"))
    whole, killed = (Work(server, finished.config, place, words, before=before) for place in places)
    for work in (whole, killed):
        work.folder.parent.mkdir(exist_ok=True)
    ended, points = whole.start()
    assert ended and points and whole.texts()
    assert kill_at_each(chosen(points, 1), whole, killed)


@night
def test_a_push_that_is_killed_leaves_all_of_it_on_the_hub_or_nothing(server, hub, finished, tmp_path):
    words = ("push", "tester/tagger", "--license", "mit")
    whole, killed = (Work(server, {}, tmp_path / name, words, before=finished.folder) for name in ("run", "killed"))
    place = ("model", "tester/tagger")

    def published():
        return hub.repos[place].branches["main"][-1].files.keys() if place in hub.repos else set()

    ended, points = whole.start()
    assert ended
    everything = published()
    assert {"README.md", "config.json", "model.safetensors"} <= everything
    requests = [
        point
        for point in points
        if point.operation in ("request", "cut") and point.path.startswith(("GET", "POST", "PUT"))
    ]
    for point in chosen(requests, 2):
        hub.repos.clear()
        hub.blobs.clear()
        assert killed.start(point)[0] is False
        assert published() in (everything, {".gitattributes"}, set())
        assert killed.start()[0] and published() == everything
        assert_same(whole, killed)


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
