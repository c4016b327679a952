"""Time and memory that a stage takes, over all its interruptions."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import torch
from transformers import TrainerCallback
from transformers.trainer_utils import rotate_checkpoints

from tof_hf.stages.reuse import write_manifest
from tof_hf.storage.files import read_json, write_json
from tof_hf.utils.process_setup import give_back_freed_memory
from tof_hf.utils.processes import barrier, is_main_process, of_all_processes

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Moment:
    """A moment as people write it (UTC) and as durations are measured from.

    `own_peak`: the system's count of this process's peak memory begins here.
    """

    utc: str
    monotonic: float
    own_peak: bool = False

    @classmethod
    def now(cls, *, own_peak: bool = False) -> Self:
        """This moment."""
        return cls(datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic(), own_peak)

    @classmethod
    def begin(cls) -> Self:
        """This moment, from which on peaks of memory are counted anew, where the system lets us."""
        give_back_freed_memory()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        try:
            _RESET.write_text("5")  # see proc(5)
        except OSError:
            return cls.now()
        return cls.now(own_peak=True)

    def seconds_ago(self) -> float:
        """Seconds since then."""
        return time.monotonic() - self.monotonic


class Spent(TrainerCallback):
    """Seconds and memory that a stage took, including those before it was stopped: written with each saved state.

    `keep`: how many Trainer checkpoints to keep, not counting the best one; None keeps all.
    """

    def __init__(self, file: Path, started: Moment, keep: int | None) -> None:
        self.file, self.now, self.keep = file, started, keep
        self.begun = {"started": started.utc} | read_json(file)

    def seconds(self) -> float:
        """Seconds in all, of what is not lost."""
        return self.begun.get("seconds", 0.0) + self.now.seconds_ago()

    def memory(self) -> dict[str, Any]:
        """The most memory that any of the processes held, in MiB; all processes have to ask together.

        `peak_memory_of`: `stage`, or `process` if all that the process did before counts too, as the system has no
        other number. `peak_gpu_memory_mb` is what torch allocated; None without CUDA.
        """
        here = (peak_memory_mb(own=self.now.own_peak), self.now.own_peak, peak_gpu_memory_mb())
        peaks, own, gpu_peaks = zip(*of_all_processes(here), strict=True)
        known = [peak for peak in (*gpu_peaks, self.begun.get("peak_gpu_memory_mb")) if peak is not None]
        return {
            "peak_memory_mb": max(self.begun.get("peak_memory_mb", 0), *peaks),
            "peak_memory_of": "stage" if all(own) and self.begun.get("peak_memory_of") != "process" else "process",
            "peak_gpu_memory_mb": max(known, default=None),
        }

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note what was spent until this state was saved, and what was saved; only then drop older checkpoints."""
        barrier()  # every process has saved its part
        memory = self.memory()
        if is_main_process():
            write_manifest(Path(args.output_dir) / f"checkpoint-{state.global_step}")
            write_json(self.file, self.begun | {"seconds": self.seconds()} | memory)
            rotate_checkpoints(args.output_dir, self.keep, state.best_model_checkpoint)


def peak_memory_mb(*, own: bool) -> int:
    """The most memory this process has held, in MiB: since `Moment.begin` if it could count anew (`own`), or ever."""
    if own:
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return round(int(line.split()[1]) / 2**10)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))


def peak_gpu_memory_mb() -> int | None:
    """The most memory that torch has allocated on this process's GPU since `Moment.begin`, in MiB."""
    return round(torch.cuda.max_memory_allocated() / 2**20) if torch.cuda.is_available() else None
