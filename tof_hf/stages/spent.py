"""Time and memory that a stage takes, over all its interruptions."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from transformers import TrainerCallback

from tof_hf.run_folder import barrier, is_main_process, read_json, write_json
from tof_hf.stages.standing import write_manifest


@dataclass(frozen=True)
class Moment:
    """A moment as people write it (UTC) and as durations are measured from."""

    utc: str
    monotonic: float

    @classmethod
    def now(cls) -> Self:
        """This moment."""
        return cls(datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic())

    def seconds_ago(self) -> float:
        """Seconds since then."""
        return time.monotonic() - self.monotonic


class Spent(TrainerCallback):
    """Seconds and memory that a stage took, those before it was stopped included: kept beside each saved state."""

    def __init__(self, file: Path, started: Moment) -> None:
        self.file, self.now = file, started
        self.begun = {"started": started.utc} | read_json(file)

    def seconds(self) -> float:
        """Seconds in all, of what is not lost."""
        return self.begun.get("seconds", 0.0) + self.now.seconds_ago()

    def peak(self) -> int:
        """The most memory that any of the processes held, in MiB."""
        return max(self.begun.get("peak_memory_mb", 0), peak_memory_mb())

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note what was spent until this state was saved, and what was saved."""
        barrier()  # every process has saved its part
        if is_main_process():
            write_manifest(Path(args.output_dir) / f"checkpoint-{state.global_step}")
            write_json(self.file, self.begun | {"seconds": self.seconds(), "peak_memory_mb": self.peak()})


def peak_memory_mb() -> int:
    """The most memory this process has held so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))
