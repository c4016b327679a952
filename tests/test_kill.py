"""A run that is killed again and again, anywhere, ends with the weights of one that never was."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from tof_hf import load_config, run_tof
from tof_hf.stages.failures import RunError
from tof_hf.toy.encoder import train_encoder
from tof_hf.toy.world import make_world, write_world

ROOT = Path(__file__).parents[1]
KILLS = 20
TWO_PROCESS_KILLS = int(os.environ.get("TOF_KILLS", "1"))
# The libraries are loaded once; each attempt is a process of its own, forked before any work began.
DRIVER = """
import gc, json, os, random, signal, sys, time
import torch, transformers, datasets
from tof_hf.pipeline import run_tof
from tof_hf.errors import TofError

gc.freeze()

config, kills, seed = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
chance, places, done = random.Random(seed), [], 0
stages = os.path.join(config["output_dir"], "stages")

def newest():
    "The file that was written last: where the run was when it was killed."
    found = [os.path.join(folder, name) for folder, _, names in os.walk(stages) for name in names]
    return os.path.relpath(max(found, key=lambda path: os.path.getmtime(path)), stages) if found else "nothing"

longest = 3.0
while True:
    child = os.fork()
    if child == 0:
        try:
            run_tof(config)
        except TofError as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(2)
        os._exit(0)
    begun = time.monotonic()
    end = begun + (chance.uniform(0.2, longest) if done < kills else 600)
    status = None
    while time.monotonic() < end and status is None:
        pid, code = os.waitpid(child, os.WNOHANG)
        status = code if pid else None
        time.sleep(0.002)
    if status is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        done += 1
        places.append(newest())
        continue
    if status == 0 and done < kills:
        # It came to its end too early: the rest of the kills hit a run that starts over.
        import shutil
        shutil.rmtree(os.path.join(stages, chance.choice(sorted(os.listdir(stages)))))
        continue
    print(json.dumps({"status": status, "kills": done, "places": places}))
    break
"""


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


def drive(config, folder, kills, seed=0):
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    options = json.dumps(config | {"output_dir": str(folder)})
    command = [sys.executable, "-c", DRIVER, options, str(kills), str(seed)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def weights(folder):
    return {path.parent.parent.name: load_file(path) for path in folder.glob("stages/*/model/model.safetensors")}


def test_a_run_killed_many_times_ends_with_the_same_weights_in_every_stage(config, tmp_path):
    whole = drive(config, tmp_path / "whole", 0)
    killed = drive(config, tmp_path / "killed", KILLS)
    assert (whole["status"], killed["status"], killed["kills"]) == (0, 0, KILLS)
    assert len(set(killed["places"])) >= 5, killed["places"]
    expected, found = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert expected.keys() == found.keys() and len(found) == 6
    for stage, tensors in expected.items():
        assert [name for name in tensors if not torch.equal(tensors[name], found[stage][name])] == [], stage
    assert not list((tmp_path / "killed").rglob("*.part"))


def launch_two(config, folder, *, seconds=None):
    """Start a run of two processes; with `seconds` all of it is killed after them. True if it came to its end."""
    file = folder.parent / f"{folder.name}.yaml"
    file.write_text(json.dumps(config | {"output_dir": str(folder)}), encoding="utf-8")  # JSON is YAML
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    with subprocess.Popen(
        [*command, "-m", "tof_hf.cli", "run", str(file)],
        env=env,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            _, said = process.communicate(timeout=seconds or 280)
        except subprocess.TimeoutExpired:
            for one in descendants(process.pid):
                os.kill(one, signal.SIGKILL)
            return False
    assert process.returncode == 0, said[-3000:]
    return True


def descendants(pid):
    """The process and all that it started; the launcher gives its workers a session of their own."""
    parent = psutil.Process(pid)
    return [*(child.pid for child in parent.children(recursive=True)), pid]


@pytest.mark.timeout(900)
def test_two_processes_that_are_killed_end_with_the_same_weights(config, tmp_path):
    config = config | {"systems": ["adaptabert"], "ner": config["ner"] | {"num_train_epochs": 6}}
    begun = time.monotonic()
    assert launch_two(config, tmp_path / "whole")
    whole, chance, kills = time.monotonic() - begun, random.Random(1), 0
    while kills < TWO_PROCESS_KILLS and not launch_two(
        config, tmp_path / "killed", seconds=chance.uniform(0.5, 0.9) * whole
    ):
        kills += 1
    assert kills > 0 and launch_two(config, tmp_path / "killed")
    expected, found = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert expected.keys() == found.keys() and len(found) == 2
    for stage, tensors in expected.items():
        assert [name for name in tensors if not torch.equal(tensors[name], found[stage][name])] == [], stage


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
