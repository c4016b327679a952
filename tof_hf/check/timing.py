"""How fast this machine trains, from a few real steps of each kind of stage; what they train is discarded."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PrinterCallback, TrainerCallback, TrainingArguments

from tof_hf.check.cost import Speed
from tof_hf.config import MlmConfig, MrcConfig
from tof_hf.modeling.transfer import HandOff, load_for_mlm, load_for_mrc, load_for_ner
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.stage import StageTask

TIMED_STEPS = 3
ENOUGH_SECONDS = 10.0  # after which no further step is timed


def measure(task: StageTask, encoder: str) -> Speed:
    """The speed of a stage, from a warm-up step with its longest windows and three steps with typical ones.

    The stage starts from the pretrained encoder, since its real start may not exist yet. Raises ModelError if that
    cannot be loaded, torch.OutOfMemoryError if the longest windows do not fit.
    """
    with tempfile.TemporaryDirectory() as folder:  # the Trainer wants one, and leaves it empty
        args = _arguments(task, folder)
        lengths: np.ndarray = np.asarray(task.train["length"][:])
        batch = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        strategy = task.config.training.get("train_sampling_strategy", "group_by_length")
        rows = representative(lengths, batch, grouped=strategy in ("group_by_length", "batch_rebalance"))
        stopwatch = Stopwatch(alone=args.world_size == 1)
        on_gpu = args.device.type == "cuda"
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        model, hand_off = _model_for(task, encoder)
        trainer = task.trainer(
            model=model,
            args=args,
            train_dataset=task.train.select(rows),
            data_collator=task.collator,
            compute_loss_func=task.loss,
            callbacks=[stopwatch],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        trainer.accelerator.free_memory()
        del trainer, model
    peak = None
    if on_gpu:
        peak = torch.cuda.max_memory_allocated()
        torch.cuda.empty_cache()
    seconds = np.diff(stopwatch.stamps)
    pieces = lengths[rows].reshape(-1, batch).sum(1)[: len(seconds)]
    if len(seconds) > 1:  # the first step also warms up
        seconds, pieces = seconds[1:], pieces[1:]
    return Speed(float(seconds.sum() / pieces.sum()), fresh_head=bool(hand_off.head_fresh), peak_bytes=peak)


def _arguments(task: StageTask, folder: str) -> TrainingArguments:
    short = {
        "max_steps": 1 + TIMED_STEPS,
        "train_sampling_strategy": "sequential",
        "warmup_steps": 0,
        "logging_strategy": "no",
        "disable_tqdm": True,
        "report_to": "none",
    }
    config = task.config.replace(**short)
    return training_arguments(config, folder, seed=task.seed, selects=False, trains=False)


def representative(lengths: Sequence[int] | np.ndarray, batch: int, *, grouped: bool) -> list[int]:
    """The row numbers of one batch of the longest windows, then of three typical batches.

    With `grouped`, each batch has windows of about one length, as in training: short, medium and long ones.
    """
    by_length = np.argsort(lengths, kind="stable")
    last = max(0, len(lengths) - batch)
    chosen = [_from(by_length, last, batch)]
    shuffled = np.random.default_rng(0).permutation(len(lengths))
    for number in range(TIMED_STEPS):
        if grouped:
            middle = len(lengths) * (2 * number + 1) / (2 * TIMED_STEPS)
            chosen.append(_from(by_length, min(last, max(0, round(middle - batch / 2))), batch))
        else:
            chosen.append(_from(shuffled, number * batch, batch))
    return [int(row) for row in np.concatenate(chosen)]


def _from(order: np.ndarray, begin: int, count: int) -> np.ndarray:
    return order[np.arange(begin, begin + count) % len(order)]  # a small file is read again


def _model_for(task: StageTask, encoder: str) -> tuple[PreTrainedModel, HandOff]:
    """A model of the stage's kind on the pretrained encoder."""
    if isinstance(task.config, MlmConfig):
        return load_for_mlm(encoder)
    if isinstance(task.config, MrcConfig):
        return load_for_mrc(encoder, span_match=task.config.span_match_head)
    return load_for_ner(encoder, task.label_names)


class Stopwatch(TrainerCallback):
    """The times at which training began and every step ended, in seconds of `clock`.

    Only a process that is `alone` may stop early: others would wait for it.
    """

    def __init__(self, *, alone: bool, clock: Callable[[], float] = time.perf_counter) -> None:
        self.alone, self.clock, self.stamps = alone, clock, list[float]()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the start."""
        self.stamps = [self.clock()]

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the end of a step, and stop if that is enough."""
        if args.device.type == "cuda":
            torch.cuda.synchronize()
        self.stamps.append(self.clock())
        if self.alone and self.stamps[-1] - self.stamps[0] > ENOUGH_SECONDS:
            control.should_training_stop = True
