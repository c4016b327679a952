"""How training shows its progress: a bar in a terminal, lines elsewhere."""

import time
from typing import Any

from transformers import ProgressCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tof_hf.utils.log import say

SECONDS_BETWEEN_LINES = 60


class QuietProgress(ProgressCallback):
    """The Trainer's progress bar without its printed dictionaries."""

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Print nothing: the log is in the stage's record."""


class ProgressLines(TrainerCallback):
    """A line in the log every minute: short stages have none."""

    def __init__(self, stage: str) -> None:
        self.stage, self.last = stage, time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Log how far the stage is, if the last line is old enough."""
        if time.monotonic() - self.last >= SECONDS_BETWEEN_LINES and state.global_step < state.max_steps:
            say(f"{self.stage}: step {state.global_step:,} of {state.max_steps:,}")
            self.last = time.monotonic()
