"""A moving average of the trained weights, which is what is evaluated, saved and kept (Tarvainen and Valpola 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tof_hf.inference.words import OrderedTrainer

DECAY = 0.99
OWN_WEIGHTS = "own_weights.safetensors"  # in a checkpoint, whose model has the average: where training goes on


class AveragingTrainer(OrderedTrainer):
    """A Trainer whose model, whenever it is evaluated or saved, has the exponential moving average of its weights.

    In the first steps the average is the mean of all weights so far.
    """

    def create_optimizer(self, model: Any = None) -> Any:
        """The stock optimizer; each of its steps updates the average."""
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if is_new:
            self._weights = [weights for group in optimizer.param_groups for weights in group["params"]]
            self._average = _copies(self._weights)
            optimizer.register_step_post_hook(lambda *_: self._update())
        return optimizer

    @torch.no_grad()
    def _update(self) -> None:
        decay = min(DECAY, 1 - 1 / (self.state.global_step + 1))
        for average, weights in zip(self._average, self._weights, strict=True):
            average.lerp_(weights, 1 - decay)

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train; a model that is not that of the best evaluation has the average too."""
        output = super().train(*args, **kwargs)
        if self.state.best_model_checkpoint is None:
            _fill(self._weights, self._average)
        return output

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        if self.control.should_evaluate or self.control.should_save:
            self._own = _copies(self._weights)
            _fill(self._weights, self._average)
            super()._maybe_log_save_evaluate(*args, **kwargs)
            _fill(self._weights, self._own)
        else:
            super()._maybe_log_save_evaluate(*args, **kwargs)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.args.should_save:
            save_file({str(number): own for number, own in enumerate(self._own)}, Path(output_dir) / OWN_WEIGHTS)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            own = load_file(Path(checkpoint) / OWN_WEIGHTS)
            _fill(self._weights, [own[str(number)] for number in range(len(own))])


def _copies(weights: Sequence[Tensor]) -> list[Tensor]:
    return [one.detach().clone() for one in weights]


@torch.no_grad()
def _fill(weights: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for one, value in zip(weights, values, strict=True):
        one.copy_(value)
