"""Time and memory that a stage takes, over all its interruptions."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import rotate_checkpoints

from tof_hf.stages.record import BegunRecord
from tof_hf.stages.reuse import write_manifest
from tof_hf.storage.records import utc_now
from tof_hf.utils.processes import barrier, is_main_process, of_all_processes
from tof_hf.utils.runtime import release_freed_memory

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Meter:
    """Measures the time and peak memory of this process from `start` on.

    Attributes:
        started: UTC.
        monotonic: the same moment on the clock that durations are measured with.
        own_peak: whether the system counts peak memory from there, not from the start of the process.
    """

    started: str
    monotonic: float
    own_peak: bool

    @classmethod
    def start(cls) -> Self:
        """A meter that starts now."""
        release_freed_memory()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        try:
            _RESET.write_text("5")  # see proc(5)
            own_peak = True
        except OSError:
            own_peak = False
        return cls(utc_now(), time.monotonic(), own_peak)

    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.monotonic


class StageCost(TrainerCallback):
    """Adds the cost of this run to the stage's `begun.json` with every saved checkpoint.

    It also removes old checkpoints: `save_total_limit` is how many to keep, not counting the best one; None keeps all.
    """

    def __init__(self, file: Path, meter: Meter, save_total_limit: int | None) -> None:
        self.file, self.meter, self.save_total_limit = file, meter, save_total_limit
        self.before = BegunRecord.read(file)

    def total(self) -> BegunRecord:
        """The record with the cost so far, over all interruptions. All processes have to call this together."""
        before, meter = self.before, self.meter
        here = (peak_memory_mb(own=meter.own_peak), meter.own_peak, peak_gpu_memory_mb())
        peaks, own, gpu_peaks = zip(*of_all_processes(here), strict=True)
        known = [peak for peak in (*gpu_peaks, before.peak_gpu_memory_mb) if peak is not None]
        cost = {
            "started": before.started or meter.started,
            "seconds": before.seconds + meter.seconds(),
            "peak_memory_mb": max(before.peak_memory_mb, *peaks),
            "peak_memory_of": "stage" if all(own) and before.peak_memory_of == "stage" else "process",
            "peak_gpu_memory_mb": max(known, default=None),
        }
        return before.model_copy(update=cost)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write the checkpoint's manifest and the cost so far; only then remove older checkpoints."""
        barrier()  # every process has saved its part
        total = self.total()
        if is_main_process():
            write_manifest(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")
            total.write(self.file)
            rotate_checkpoints(str(args.output_dir), self.save_total_limit, state.best_model_checkpoint)


def peak_memory_mb(*, own: bool) -> int:
    """The most memory this process has held, in MiB: since `Meter.start` if `own`, else since the process started."""
    if own:
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return round(int(line.split()[1]) / 2**10)
    if sys.platform == "win32":
        import psutil

        return round(psutil.Process().memory_info().peak_wset / 2**20)
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))


def peak_gpu_memory_mb() -> int | None:
    """The most memory that torch has allocated on this process's GPU since `Meter.start`, in MiB."""
    return round(torch.cuda.max_memory_allocated() / 2**20) if torch.cuda.is_available() else None
