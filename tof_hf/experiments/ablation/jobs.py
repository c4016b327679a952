"""Seeds in parallel: a process for each, on a device of its own if there are several.

Run as a program, this is such a process. It gets the folder of a saved ablation and a seed, and writes one line of
JSON for every finished run.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from datasets import DatasetDict
from pydantic import TypeAdapter

from tof_hf.experiments.ablation.runs import Ablation, Outcome, run_seed, seed_folder
from tof_hf.utils.runtime import configure_runtime

LOG = "log.txt"


def run_jobs(ablation: Ablation, jobs: int) -> Generator[Outcome, None, None]:
    """The outcomes of all seeds as they come, `jobs` seeds at a time; what a process prints goes to its log.

    A process that ends early is an outcome with an error for each row that it did not finish.
    """
    seeds, processes = iter(ablation.seeds), set[subprocess.Popen[str]]()
    outcomes: SimpleQueue[Outcome | None] = SimpleQueue()

    def work(saved: Path, environment: dict[str, str]) -> None:
        try:
            for seed in seeds:
                for outcome in _outcomes(ablation, saved, seed, environment, processes):
                    outcomes.put(outcome)
        finally:
            outcomes.put(None)

    with TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        save_ablation(ablation, Path(folder))
        workers = [pool.submit(work, Path(folder), environment) for environment in environments(jobs)]
        try:
            for _ in workers:
                yield from iter(outcomes.get, None)
            for worker in workers:
                worker.result()
        except BaseException:
            for _ in seeds:
                pass  # no worker starts another seed
            for process in list(processes):
                process.terminate()
            raise


def save_ablation(ablation: Ablation, folder: Path) -> None:
    """Write what a process needs to know to the folder: the ablation as JSON, and its datasets."""
    DatasetDict(ablation.datasets or {}).save_to_disk(folder / "datasets")
    (folder / "ablation.json").write_bytes(TypeAdapter(Ablation).dump_json(replace(ablation, datasets=None)))


def load_ablation(folder: Path) -> Ablation:
    """The ablation that was saved in the folder."""
    ablation = TypeAdapter(Ablation).validate_json((folder / "ablation.json").read_bytes())
    return replace(ablation, datasets=DatasetDict.load_from_disk(folder / "datasets"))


def environments(jobs: int) -> list[dict[str, str]]:
    """The environment of each job: GPUs are assigned in turn, and processor threads are divided."""
    devices = visible_devices()
    if devices:
        return [os.environ | {"CUDA_VISIBLE_DEVICES": devices[job % len(devices)]} for job in range(jobs)]
    named = os.environ.get("OMP_NUM_THREADS", "")
    threads = int(named) if named.isdigit() else _processors()
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


def _outcomes(
    ablation: Ablation, saved: Path, seed: int, environment: dict[str, str], processes: set[subprocess.Popen[str]]
) -> Iterator[Outcome]:
    """The outcomes of one seed as its process, which is in `processes` while it runs, reports them."""
    log = seed_folder(ablation.out, seed) / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    missing, pipe = ablation.names, subprocess.PIPE
    command = [sys.executable, "-m", "tof_hf.experiments.ablation.jobs", str(saved), str(seed)]
    with (
        log.open("ab") as errors,
        subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=errors, encoding="utf-8") as process,
    ):
        processes.add(process)
        for line in process.stdout or ():
            outcome = Outcome(**json.loads(line))
            missing.remove(outcome.name)
            yield outcome
        status = process.wait()  # its input is still open: the end of that would end the process
    processes.discard(process)
    for name in missing:
        how = f"signal {-status}" if status < 0 else f"status {status}"
        error = f"the process of seed {seed} ended with {how}: {_last_line(log)}. See {log} for the rest."
        yield Outcome(name, seed, error=error)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it printed nothing"


def _end_with_the_parent() -> None:
    """Wait for the end of the input, which only comes while this is running if the parent was killed."""
    while os.read(0, 1):  # not sys.stdin: Python aborts at its end if a thread is still reading there
        pass
    os._exit(1)


def main() -> int:
    """The exit status, after running the seed that the parent asks for."""
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    # The output is for outcomes only: what libraries print, in C too, goes to the log.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        configure_runtime()
        try:
            for outcome in run_seed(load_ablation(folder), seed):
                print(json.dumps(asdict(outcome)), file=output, flush=True)
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
