"""The launch forms that docs/processes.md names, on the smallest run there is."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from nightly import nightly, nightly_only
from safetensors.torch import load_file

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
ACCELERATE = ROOT / "examples" / "accelerate"
QUIET = ("--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no")
LAUNCHERS = {  # the commands of every machine
    "accelerate": [("accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", *QUIET)],
    "torchrun": [("torch.distributed.run", "--standalone", "--nproc_per_node", "2")],
    "two machines, torchrun": [
        ("torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1", "--node_rank", rank)
        + ("--master_addr", "127.0.0.1", "--master_port", "PORT")
        for rank in "01"
    ],
    "two machines, accelerate": [
        ("accelerate.commands.launch", "--config_file", str(ACCELERATE / "machines.yaml"), "--num_processes", "2")
        + ("--machine_rank", rank, "--main_process_ip", "127.0.0.1", "--main_process_port", "PORT")
        for rank in "01"
    ],
}
CONFIG = """
model: {encoder}
output_dir: {run}
systems: [adaptabert]
source: {{train: {{path: {source_train}, limit: 16}}, validation: {{path: {source_validation}, limit: 5}}}}
target: {{text: [{{path: {target_text}, limit: 16}}], gold: {{path: {target_gold}, limit: 5}}}}
mlm: {{maskings: 1, num_train_epochs: 1, head_warmup_steps: 0}}
ner: {{num_train_epochs: 1, per_device_train_batch_size: 4}}
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(0, size="tiny")
    files = {name: str(path) for name, path in write_world(world, folder / "world").items()}
    return files | {"encoder": str(train_encoder(world, folder / "encoder", steps=0))}


@pytest.fixture
def launch(toy: dict[str, str], tmp_path: Path, run_processes: Callable) -> Callable[..., tuple[dict, str]]:
    """The results of a run started by a command in a process of its own, and what it said."""
    return partial(_launch, toy, tmp_path, run_processes)


def _launch(toy: dict[str, str], folder: Path, run_processes: Callable, *command: str) -> tuple[dict, str]:
    config = folder / "run.yaml"
    config.write_text(CONFIG.format(**toy, run=folder / "run"))
    done = run_processes(
        [sys.executable, "-m", *command, str(ROOT / "examples" / "run_tof.py"), str(config)],
        cwd=ROOT,
        env=os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / "run" / "final" / "model.safetensors").is_file()
    return json.loads((folder / "run" / "results.json").read_text()), done.stderr


def test_two_processes_on_the_cpu_train_together_and_write_one_run(launch: Callable, tmp_path: Path) -> None:
    results, said = launch("torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    assert [row["stage"] for row in results["rows"]] == ["ner", "ner"]
    assert said.count("system adaptabert") == 1
    record = json.loads((tmp_path / "run" / "stages" / "mlm-ner" / "stage.json").read_text())
    assert record["steps"] == 2  # 16 sentences, two processes of 4 each a step


FAILING = """
import errno, os, sys
import tof_hf.stages.fit as base
from tof_hf.cli import main

def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")

if os.environ["RANK"] == sys.argv[1]:
    base.Trainer.train = full
sys.exit(main(["run", *sys.argv[2:]]))
"""


@nightly_only
@pytest.mark.parametrize("rank", ["1", *nightly("0")])
def test_a_process_that_fails_says_so_once_and_none_is_left_waiting(toy, tmp_path, run_processes, rank) -> None:
    (tmp_path / "run.yaml").write_text(CONFIG.format(**toy, run=tmp_path / "run"))
    (tmp_path / "failing.py").write_text(FAILING)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = run_processes(
        [sys.executable, *launcher, str(tmp_path / "failing.py"), rank, str(tmp_path / "run.yaml")],
        env=os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("tof-hf")]
    assert len(said) == 1 and "is full" in said[0] and "start the same run again" in said[0], done.stderr[-3000:]
    assert ("process 1 of 2" in said[0]) == (rank == "1")


@nightly_only
def test_input_that_cannot_be_used_is_reported_once(toy, tmp_path, run_processes) -> None:
    (tmp_path / "run.yaml").write_text(CONFIG.format(**toy, run=tmp_path / "run"))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "tof_hf.cli", "run"]
    done = run_processes(
        [sys.executable, *launcher, str(tmp_path / "run.yaml"), "ner.max_length=100000"],
        env=os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode != 0 and done.stderr.count("ner.max_length is 100000") == 1, done.stderr[-3000:]


def test_accelerate_launch_runs_a_config_in_one_process(launch: Callable, tmp_path: Path) -> None:
    quiet = ("--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--cpu")
    results, _ = launch("accelerate.commands.launch", "--num_processes", "1", *quiet)
    assert {row["split"] for row in results["rows"]} == {"source_validation", "target"}


def environment() -> dict[str, str]:
    return os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@nightly_only
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_of_every_launcher_train_the_weights_of_one(launcher, toy, tmp_path, run_processes) -> None:
    encoder = Path(toy["encoder"])
    settings = json.loads((encoder / "config.json").read_text())
    still = {name: 0.0 if name.endswith("_dropout_prob") else value for name, value in settings.items()}
    (tmp_path / "encoder").mkdir()
    for file in encoder.iterdir():
        (tmp_path / "encoder" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "encoder" / "config.json").write_text(json.dumps(still))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def run(name: str, batch: int, command: tuple[str, ...]) -> None:
        config = tmp_path / f"{name}.yaml"
        text = CONFIG.format(**{**toy, "encoder": tmp_path / "encoder"}, run=tmp_path / name)
        config.write_text(text.replace("adaptabert", "source_only"))
        words = [port if word == "PORT" else word for word in command]
        words += [str(ROOT / "examples" / "run_tof.py"), str(config)]
        options = [f"ner.per_device_train_batch_size={batch}", "ner.bf16=false"]
        done = run_processes([sys.executable, *words, *options], cwd=ROOT, env=environment())
        assert done.returncode == 0, done.stderr[-3000:]

    run("one", 8, ())
    commands = [("-m", *command) for command in LAUNCHERS[launcher]]
    with ThreadPoolExecutor(2) as machines:
        list(machines.map(lambda command: run("two", 4, command), commands))
    record = json.loads((tmp_path / "two" / "stages" / "ner" / "stage.json").read_text())
    assert record["steps"] == 2  # 16 sentences, two processes of 4 each a step
    one, two = (load_file(tmp_path / name / "final" / "model.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, weights in one.items():
        torch.testing.assert_close(two[name], weights, rtol=0, atol=1e-6)


@pytest.mark.parametrize("file", sorted(ACCELERATE.glob("*.yaml")), ids=lambda file: file.stem)
def test_accelerate_knows_every_option_of_the_example_configs(file: Path) -> None:
    config = load_config_from_file(str(file))
    assert (config.num_processes, config.mixed_precision) == (8 if file.stem == "machines" else 4, "no")


def test_the_shell_can_read_the_slurm_script() -> None:
    subprocess.run(["bash", "-n", str(ACCELERATE / "slurm.sh")], check=True)
