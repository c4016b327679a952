"""What a stage needs of the machine: its time and memory over all interruptions, and errors where the machine fails."""

import errno
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import rotate_checkpoints

from tof_hf.errors import RunError
from tof_hf.stages.record import BegunRecord
from tof_hf.stages.reuse import write_manifest
from tof_hf.storage.records import utc_now
from tof_hf.utils.disks import cache_folder, is_full
from tof_hf.utils.processes import barrier, is_main_process, of_all_processes
from tof_hf.utils.runtime import release_freed_memory

_AGAIN = "then start the same run again: finished stages are reused, this one continues from its last saved epoch"
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class CostMeter(TrainerCallback):
    """Measures from its creation on, and adds the cost to the stage's `begun.json` with every saved checkpoint.

    It also removes old checkpoints in place of the Trainer, which would do so before the manifest of the new one is
    written: `save_total_limit` is how many to keep, not counting the best one; None keeps all.
    """

    def __init__(self, begun: Path) -> None:
        self.begun = begun
        self.save_total_limit: int | None = None
        release_freed_memory()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self.own_peak = False  # then peak memory counts from the start of the process
        with suppress(OSError):
            _RESET.write_text("5", encoding="ascii")  # see proc(5)
            self.own_peak = True
        self.started, self._begin = utc_now(), time.monotonic()

    def seconds(self) -> float:
        """Seconds since the start of this process's part."""
        return time.monotonic() - self._begin

    @cached_property
    def _before(self) -> BegunRecord:
        return BegunRecord.read(self.begun)

    def total(self) -> BegunRecord:
        """The record with the cost so far, over all interruptions. All processes have to call this together."""
        before = self._before
        here = (peak_memory_mb(own=self.own_peak), self.own_peak, peak_gpu_memory_mb())
        peaks, own, gpu_peaks = zip(*of_all_processes(here), strict=True)
        known = [peak for peak in (*gpu_peaks, before.peak_gpu_memory_mb) if peak is not None]
        cost: dict[str, Any] = {
            "started": before.started or self.started,
            "seconds": round(before.seconds + self.seconds(), 1),
            "peak_memory_mb": max(before.peak_memory_mb or 0, *peaks),
            "peak_memory_of": "stage" if all(own) and before.peak_memory_of == "stage" else "process",
            "peak_gpu_memory_mb": max(known, default=None),
        }
        return before.model_copy(update=cost)

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Take over the removal of old checkpoints."""
        self.save_total_limit, args.save_total_limit = args.save_total_limit, None

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Write the checkpoint's manifest and the cost so far; only then remove older checkpoints."""
        barrier()  # every process has saved its part
        total = self.total()
        if is_main_process():
            write_manifest(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")
            total.write(self.begun)
            rotate_checkpoints(str(args.output_dir), self.save_total_limit, state.best_model_checkpoint)


def peak_memory_mb(*, own: bool) -> int:
    """The most memory this process has held, in MiB: since the last CostMeter if `own`, else since it started."""
    if own:
        return round(int(_STATUS.read_text(encoding="utf-8").partition("VmHWM:")[2].split()[0]) / 2**10)
    try:
        import resource
    except ImportError:  # on Windows
        import psutil

        memory = psutil.Process().memory_info()
        return round(getattr(memory, "peak_wset", memory.rss) / 2**20)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))


def peak_gpu_memory_mb() -> int | None:
    """The most memory that torch has allocated on this process's GPU since the last CostMeter, in MiB."""
    return round(torch.cuda.max_memory_allocated() / 2**20) if torch.cuda.is_available() else None


@contextmanager
def failures_of_the_machine(folder: Path) -> Iterator[None]:
    """Raise a RunError inside the block for a full disk, a folder that cannot be written to, or too little memory."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as problem:
        if (reason := _reason(problem, folder)) is None:
            raise
        raise RunError(f"{folder.name}: {reason}, {_AGAIN}.") from problem


def _reason(problem: BaseException, folder: Path) -> str | None:
    """What failed and what to do; None if it was not the machine. Libraries wrap the system's errors in their own."""
    text, code = str(problem), getattr(problem, "errno", None)
    if isinstance(problem, torch.OutOfMemoryError):
        change = "lower per_device_train_batch_size and raise gradient_accumulation_steps by the same factor"
        return f"the device has too little memory ({text.splitlines()[0]}). What to do: {change}"
    if is_full(problem):
        places = [place for place in (folder.parent, cache_folder()) if place.exists()]  # a stage writes to both
        free, full = min((shutil.disk_usage(place).free, place) for place in places)
        return f"the disk of {full} is full ({free / 2**20:,.0f} MiB free). What to do: make room there"
    if code in (errno.EROFS, errno.EACCES, errno.EPERM) or "Read-only file system" in text:
        return f"nothing can be written to {folder.parent}. What to do: make the folder writable for this user"
    return None
