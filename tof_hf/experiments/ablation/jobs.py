"""Seeds side by side: a process for each, on a device of its own where there are several.

Run as a program it is such a process: it reads what to do from its input, one line of JSON that its parent wrote, and
writes one line of JSON for every finished run.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from datasets import Dataset

from tof_hf.experiments.ablation.rows import Row
from tof_hf.experiments.ablation.runs import Ablation, Outcome, run_seed, seed_folder
from tof_hf.storage.files import new_file
from tof_hf.utils.runtime import configure_runtime

LOG = "log.txt"
GIVEN = "given"  # the folder of datasets that were given in place of files


def run_jobs(ablation: Ablation, jobs: int, tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Carry out all seeds, `jobs` at a time; `tell` gets each outcome as it comes. What one says goes to its log.

    A process that ends before its work is done is an outcome with an error, and keeps no other one back.
    """
    free: SimpleQueue[dict[str, str]] = SimpleQueue()
    for environment in environments(jobs):
        free.put(environment)
    told = told_ablation(ablation)
    talking, running = threading.Lock(), set()
    outcomes: list[Outcome] = []

    def one(seed: int) -> None:
        environment = free.get()
        try:
            for outcome in _outcomes(ablation, told, seed, environment, running):
                with talking:
                    outcomes.append(outcome)
                    tell(outcome)
        finally:
            free.put(environment)

    with ThreadPoolExecutor(jobs) as pool:
        started = [pool.submit(one, seed) for seed in ablation.seeds]
        try:
            for future in started:
                future.result()
        except BaseException:
            for future in started:
                future.cancel()
            for process in list(running):
                process.terminate()
            raise
    return outcomes


def environments(jobs: int) -> list[dict[str, str]]:
    """The environment of each job: GPUs go round, and processors are divided."""
    devices = visible_devices()
    if devices:
        return [os.environ | {"CUDA_VISIBLE_DEVICES": devices[job % len(devices)]} for job in range(jobs)]
    given = os.environ.get("OMP_NUM_THREADS", "")
    threads = int(given) if given.isdigit() else _processors()
    return [os.environ | {"OMP_NUM_THREADS": str(max(1, threads // jobs))} for _ in range(jobs)]


def _processors() -> int:
    """How many this process may use, which in a container are often fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def visible_devices() -> list[str]:
    """The GPUs of this process as CUDA_VISIBLE_DEVICES names them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()] if torch.cuda.is_available() else []
    return [str(number) for number in range(torch.cuda.device_count())]


def told_ablation(ablation: Ablation) -> dict[str, Any]:
    """The ablation as JSON knows it; datasets that were given lie as Parquet in OUT/given."""
    told = {field.name: getattr(ablation, field.name) for field in fields(ablation)}
    told |= {"rows": [asdict(row) for row in ablation.rows]}
    told |= {"left_out": [[asdict(row), why] for row, why in ablation.left_out]}
    if ablation.datasets is not None:
        told["datasets"] = {name: _given(rows, ablation.out, name) for name, rows in ablation.datasets.items()}
    return told


def heard_ablation(told: dict[str, Any]) -> Ablation:
    """The ablation that `told_ablation` told."""
    heard = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    heard |= {"rows": tuple(map(_row, told["rows"])), "out": Path(told["out"])}
    heard |= {"left_out": tuple((_row(row), why) for row, why in told["left_out"])}
    if told["datasets"] is not None:
        cache = str(Path(told["out"]) / GIVEN / "cache")
        given = told["datasets"].items()
        heard["datasets"] = {name: Dataset.from_parquet(file, cache_dir=cache) for name, file in given}
    return Ablation(**heard)


def _given(rows: Dataset, out: Path, name: str) -> str:
    file = out / GIVEN / f"{hashlib.sha256(name.encode()).hexdigest()[:12]}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    with new_file(file) as part:
        rows.to_parquet(str(part))
    return str(file)


def _row(told: dict[str, Any]) -> Row:
    return Row(**(told | {"set": tuple(told["set"]), "needs": tuple(told["needs"])}))


def _outcomes(
    ablation: Ablation, request: dict[str, Any], seed: int, environment: dict[str, str], running: set
) -> Iterator[Outcome]:
    """What the process of a seed tells, line by line."""
    log = seed_folder(ablation.out, seed) / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    told: set[str] = set()
    with log.open("ab") as errors:
        command = [sys.executable, "-m", "tof_hf.experiments.ablation.jobs"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
        process = subprocess.Popen(command, env=environment, **pipes)
        running.add(process)
        with suppress(BrokenPipeError):  # it has ended then, which its status tells
            asked = json.dumps({"ablation": request, "seed": seed}, default=os.fspath)
            process.stdin.write(asked.encode() + b"\n")
            process.stdin.flush()
        for line in process.stdout:
            outcome = Outcome(**json.loads(line))
            told.add(outcome.name)
            yield outcome
        status = process.wait()
        with suppress(BrokenPipeError):
            process.stdin.close()  # not before: it ends where its parent does
        running.discard(process)
    missing = [name for name in ablation.names if name not in told]
    for name in missing:
        how = f"signal {-status}" if status < 0 else f"status {status}"
        error = f"the process of seed {seed} ended with {how}: {_last_line(log)}. The rest stands in {log}."
        yield Outcome(name, seed, error=error)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _end_with_the_parent() -> None:
    """Wait for the end of the input, which only comes while this is running if the parent was killed."""
    while os.read(0, 1):  # not sys.stdin: Python aborts at its end if a thread is still reading there
        pass
    os._exit(1)


def main() -> int:
    """Carry out the seed that the parent asks for."""
    asked = json.loads(sys.stdin.buffer.readline())
    ablation, seed = heard_ablation(asked["ablation"]), asked["seed"]
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    # Only outcomes may stand on the output; what libraries print, those in C too, goes to the log.
    with os.fdopen(os.dup(1), "w") as output:
        os.dup2(2, 1)
        configure_runtime()
        try:
            run_seed(ablation, seed, lambda outcome: print(json.dumps(asdict(outcome)), file=output, flush=True))
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
