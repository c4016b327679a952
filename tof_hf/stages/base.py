"""What all stages share: a checkpoint comes in, a stock Trainer runs, a checkpoint and its record go out.

A stage's folder is named after the stages that led to it (`mlm-mrc-ner`), so that systems with the same beginning
share it. A finished stage whose key is unchanged is reused; an unfinished one goes on from its last epoch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import resource
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn import functional as F
from transformers import (
    PreTrainedTokenizerBase,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint
from transformers.training_args import ParallelMode

from tof_hf.config import StageConfig
from tof_hf.data.encoding import IGNORE
from tof_hf.data.fingerprint import content_hash
from tof_hf.devices import has_bf16
from tof_hf.inference import OrderedTrainer
from tof_hf.run_folder import is_main_process, read_json, replace_folder, say, write_json


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved model: the names of the stages that made it (none for the encoder), its folder or Hub id, its key."""

    name: str
    path: str
    key: str

    @property
    def folder(self) -> Path:
        """The stage's folder, which holds the model, the record and the scores."""
        return Path(self.path).parent


@dataclass(frozen=True)
class StageTask:
    """All that one stage needs; datasets are encoded, `build` gives the model and what it kept (a HandOff)."""

    stage: str
    start: Checkpoint
    config: StageConfig
    seed: int
    tokenizer: PreTrainedTokenizerBase
    build: Callable[[], tuple[Any, Any]]
    train: Dataset
    collator: Callable
    loss: Callable
    rows: dict[str, int]
    label_names: Sequence[str] = ()
    validation: Dataset | None = None
    metrics: Callable | None = None
    reduce_logits: Callable | None = None
    trainer: type[Trainer] = OrderedTrainer
    repeats: int = 1
    before_training: Callable[[Any, TrainingArguments, Dataset], None] | None = None


def fit(task: StageTask, stages_folder: Path) -> Checkpoint:
    """The checkpoint that the stage ends with: the best on source validation if there are metrics, else the last."""
    name = f"{task.start.name}-{task.stage}".removeprefix("-")
    folder = stages_folder / name
    key = stage_key(task)
    done = Checkpoint(name, str(folder / "model"), key)
    record = read_json(folder / "stage.json")
    if record is not None and record["key"] == key and (folder / "model" / "config.json").is_file():
        say(f"{name}: reused")
        return done
    started = time.monotonic()
    args = training_arguments(task.config, folder / "trainer", seed=task.seed, selects=task.metrics is not None)
    resume = _prepare_folder(folder, key, args)
    set_seed(args.seed)
    model, hand_off = task.build()
    if task.before_training is not None and resume is None:
        task.before_training(model, args, task.train)
    trainer = _trainer(task, model, args)
    spent = Spent(folder / "begun.json", started)
    trainer.add_callback(spent)
    trainer.train(resume_from_checkpoint=resume)
    best = trainer.state.best_metric
    if best is None and task.metrics is not None:  # fewer steps than eval_steps
        best = trainer.evaluate()["eval_f1"]
    if is_main_process():
        part = folder / "model.part"
        trainer.accelerator.unwrap_model(trainer.model).save_pretrained(part)
        task.tokenizer.save_pretrained(part)
        replace_folder(part, folder / "model")
        write_json(
            folder / "stage.json",
            {
                "key": key,
                "name": name,
                "start": task.start.path,
                "seed": args.seed,
                "rows": task.rows,
                "windows": len(task.train),
                "steps": trainer.state.global_step,
                "seconds": round(spent.seconds(), 1),
                "peak_memory_mb": spent.peak(),
                "best_validation_f1": best,
                "hand_off": dataclasses.asdict(hand_off),
                "options": _options(task.config),
                "log": trainer.state.log_history,
            },
        )
        shutil.rmtree(folder / "trainer", ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.free_memory()
    score = "" if best is None else f", validation F1 {best:.4f}"
    rows = ", ".join(f"{count:,} {what}" for what, count in task.rows.items())
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    if best == 0:
        say(f"{name}: no epoch got one span right, so the first is kept; give it more steps or a higher learning rate")
    say(f"{name}: {rows}; {trainer.state.global_step:,} steps in {minutes}:{seconds:02d}{score}")
    return done


def stage_key(task: StageTask) -> str:
    """Same inputs, same key: a hash of the options, the seed, what the stage starts from, and the encoded data."""
    recipe = {
        "stage": task.stage.rstrip("0123456789"),
        "options": _options(task.config),
        "seed": task.seed,
        "start": task.start.key,
        "labels": list(task.label_names),
        "train": content_hash(task.train),
        "validation": task.validation and content_hash(task.validation),
    }
    return hashlib.sha256(json.dumps(recipe, sort_keys=True, default=str).encode()).hexdigest()[:16]


def training_arguments(
    config: StageConfig, folder: str | Path, *, seed: int, selects: bool, trains: bool = True
) -> TrainingArguments:
    """The stage's real TrainingArguments: its config over defaults that suit token tasks on this machine.

    `selects` keeps the epoch with the best F1; without `trains` they are for predictions alone. They are made right
    before their Trainer: each one rebuilds accelerate's global state.
    """
    on_cpu = not (torch.cuda.is_available() or torch.backends.mps.is_available())
    defaults = {
        "use_cpu": on_cpu,
        "bf16": has_bf16() and not config.training.get("fp16"),
        "dataloader_pin_memory": not on_cpu,
        "per_device_eval_batch_size": 64,
        "eval_strategy": "epoch" if selects else "no",
        "save_strategy": "epoch",
        "save_total_limit": 1,
        "logging_strategy": "epoch",
        "report_to": "none",
        "train_sampling_strategy": "group_by_length",
        "disable_tqdm": not sys.stderr.isatty(),
        "ddp_find_unused_parameters": False,
    }
    owned = {
        "output_dir": str(folder),
        "seed": seed,
        "data_seed": seed,
        "remove_unused_columns": False,  # our collators choose; the sampler needs the column `length`
        "label_names": ["labels"],
        "load_best_model_at_end": selects,
        "metric_for_best_model": "f1" if selects else None,
        "greater_is_better": True if selects else None,
    }
    if not selects:
        owned |= {"eval_strategy": "no", "eval_on_start": False}
    if not trains:
        owned |= {"save_strategy": "no"}
    args = TrainingArguments(**(defaults | config.training | owned))
    if args.parallel_mode is ParallelMode.NOT_DISTRIBUTED:
        # Without a launcher the Trainer would split batches over all GPUs by DataParallel, which our losses, counted
        # over the whole batch, do not survive; accelerate launch uses them all.
        args._n_gpu = 1
    return args


def token_loss(outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
    """Mean cross entropy over the labelled pieces of all the batches of one step (paper Eq. 4, and the MLM loss).

    The stock heads ignore `num_items_in_batch`, and the Trainer then multiplies their loss by the number of
    accumulation steps or processes; this one is the same however a batch is cut.
    """
    logits = outputs["logits"]
    flat = logits.reshape(-1, logits.size(-1)).float()
    total = F.cross_entropy(flat, labels.reshape(-1), ignore_index=IGNORE, reduction="sum")
    return total / ((labels != IGNORE).sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch)


def peak_memory_mb() -> int:
    """The most memory this process has held so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))


class Spent(TrainerCallback):
    """Seconds and memory that a stage took, those before it was stopped included: kept beside each saved state."""

    def __init__(self, file: Path, started: float) -> None:
        self.file, self.started = file, started
        self.begun = read_json(file)

    def seconds(self) -> float:
        """Seconds in all, of what is not lost."""
        return self.begun.get("seconds", 0.0) + time.monotonic() - self.started

    def peak(self) -> int:
        """The most memory that any of the processes held, in MiB."""
        return max(self.begun.get("peak_memory_mb", 0), peak_memory_mb())

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note what was spent until this state was saved."""
        if is_main_process():
            write_json(self.file, self.begun | {"seconds": self.seconds(), "peak_memory_mb": self.peak()})


class QuietProgress(ProgressCallback):
    """The Trainer's progress bar without its printed dictionaries."""

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Leave the log to the stage's record."""


def _trainer(task: StageTask, model: Any, args: TrainingArguments) -> Trainer:
    train = task.train
    if task.repeats > 1:
        train = train.select(list(range(len(train))) * task.repeats)
    trainer = task.trainer(
        model=model,
        args=args,
        train_dataset=train,
        eval_dataset=task.validation,
        data_collator=task.collator,
        compute_loss_func=task.loss,
        compute_metrics=task.metrics,
        preprocess_logits_for_metrics=task.reduce_logits,
    )
    trainer.remove_callback(PrinterCallback)
    if not args.disable_tqdm:
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(QuietProgress)
    return trainer


def _prepare_folder(folder: Path, key: str, args: TrainingArguments) -> str | None:
    """The Trainer checkpoint to go on from, if this very stage was begun; the remains of another one are dropped."""
    with args.main_process_first(desc="preparing the stage's folder"):
        if is_main_process() and (read_json(folder / "begun.json") or {}).get("key") != key:
            shutil.rmtree(folder, ignore_errors=True)
            write_json(folder / "begun.json", {"key": key})
        if is_main_process():
            for checkpoint in Path(args.output_dir).glob("checkpoint-*"):
                # The state is written last: without it the process was killed while it saved.
                if not (checkpoint / "trainer_state.json").is_file():
                    shutil.rmtree(checkpoint)
    trainer = Path(args.output_dir)
    return get_last_checkpoint(str(trainer)) if trainer.is_dir() else None


def _options(config: StageConfig) -> dict[str, Any]:
    # The seed in force stands beside them; whether it was named here or for the whole run makes no difference.
    return {k: v for k, v in dataclasses.asdict(config).items() if k not in ("enabled", "seed")}
