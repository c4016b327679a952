"""What all stages share: a checkpoint comes in, a stock Trainer runs, a checkpoint and its record go out.

A stage's folder is named after the stages that led to it (`mlm-mrc-ner`), so that systems with the same beginning
share it. A finished stage whose key is unchanged is reused; an unfinished one goes on from its last epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn import functional as F
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainingArguments, set_seed

from tof_hf.data.windows import IGNORE
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.cost import Moment, Spent
from tof_hf.stages.failures import failures_of_the_machine
from tof_hf.stages.fingerprint import fingerprint, fingerprint_inputs
from tof_hf.stages.folders import StageFolders
from tof_hf.stages.record import BEGUN, RECORD, StageRecord
from tof_hf.stages.reuse import file_hashes, point_to_best, prepare_folder, stage_files, standing
from tof_hf.stages.stage import Checkpoint, StageTask
from tof_hf.storage.files import temporary_folder
from tof_hf.utils.log import say, warn
from tof_hf.utils.processes import barrier, is_main_process
from tof_hf.utils.versions import versions

LOW, STILL = 0.5, 0.05  # validation F1 below the first that rises by less than the second is told
FEW_STEPS = 100  # with fewer, more of them are advised before anything else


def fit(task: StageTask, stages: StageFolders | Path) -> Checkpoint:
    """The checkpoint that the stage ends with: the best on source validation if there are metrics, else the last.

    Raises RunError where the machine fails (no space, no memory); what was finished stays.
    """
    recipe = fingerprint_inputs(task)
    key = fingerprint(recipe)
    folder = (StageFolders(stages) if isinstance(stages, Path) else stages).folder(task.name, key)
    done = Checkpoint(task.name, str(folder / "model"), key)
    found = standing(folder, recipe)
    barrier()  # before one process changes what the others look at
    if found.action == "reuse":
        say(f"{task.name}: reused")
        if is_main_process():  # a run that was killed at the very end has left it
            _clean(folder)
        return done
    started = Moment.begin()
    with failures_of_the_machine(folder):
        trainer, spent, hand_off = _train(task, folder, recipe, started, found.checkpoint)
        best = trainer.state.best_metric
        if best is None and task.metrics is not None:  # fewer steps than eval_steps
            best = trainer.evaluate()["eval_f1"]
        memory = spent.memory()
        if is_main_process():
            with temporary_folder(folder) as part:
                trainer.accelerator.unwrap_model(trainer.model).save_pretrained(part)
                task.tokenizer.save_pretrained(part)
                hashes = file_hashes(part)
                stage_files(folder).replace(part, "model")
            StageRecord(
                key=done.key,
                name=task.name,
                start=task.start.name,
                seed=task.seed,
                rows=task.rows,
                validation_rows=task.validation_rows,
                windows=len(task.train),
                steps=trainer.state.global_step,
                started=spent.begun.get("started", started.utc),
                ended=Moment.now().utc,
                seconds=round(spent.seconds(), 1),
                **memory,
                best_validation_f1=best,
                hand_off=hand_off,
                versions=versions(),
                inputs=recipe,
                files=hashes,
                log=trainer.state.log_history,
            ).write(folder / RECORD)
            _clean(folder)
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.free_memory()
    _report(task, trainer, best, started)
    return done


def _clean(folder: Path) -> None:
    """Remove the Trainer's checkpoints of a finished stage; if they cannot go, that costs space alone."""
    with suppress(OSError):
        stage_files(folder).remove("trainer/")
        stage_files(folder).remove_temporary()


def _train(
    task: StageTask, folder: Path, recipe: dict[str, Any], started: Moment, checkpoint: Path | None
) -> tuple[Trainer, Spent, Any]:
    args = training_arguments(task.config, folder / "trainer", seed=task.seed, selects=task.metrics is not None)
    with args.main_process_first(desc="preparing the stage's folder"):
        if is_main_process():
            prepare_folder(folder, recipe)
            stage_files(folder).remove_temporary()
            if checkpoint is not None:
                point_to_best(checkpoint)
    set_seed(args.seed)
    model, hand_off = task.build()
    if task.before_training is not None and checkpoint is None:
        task.before_training(model, args, task.train)
    trainer = _trainer(task, model, args)
    # The Trainer would drop older checkpoints before this one's manifest is written, and so leave none that is whole.
    keep, args.save_total_limit = args.save_total_limit, None
    spent = Spent(folder / BEGUN, started, keep)
    trainer.add_callback(spent)
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    return trainer, spent, hand_off


def _report(task: StageTask, trainer: Trainer, best: float | None, started: Moment) -> None:
    score = "" if best is None else f", validation F1 {best:.4f}"
    rows = ", ".join(f"{count:,} {what}" for what, count in task.rows.items())
    minutes, seconds = divmod(round(started.seconds_ago()), 60)
    scores = [entry["eval_f1"] for entry in trainer.state.log_history if "eval_f1" in entry]
    doubt = doubt_about(scores, trainer.state.global_step)
    if doubt is not None:
        warn(f"{task.name}: {doubt}")
    say(f"{task.name}: {rows}; {trainer.state.global_step:,} steps in {minutes}:{seconds:02d}{score}")


def doubt_about(scores: Sequence[float], steps: int) -> str | None:
    """What to tell about validation F1 (0..1) after each epoch of a stage that seems not to have learned."""
    if scores and max(scores) == 0:
        found = "no epoch got one span right, so the first is kept"
        advice = "give it more steps or a higher learning rate"
    elif len(scores) > 1 and max(scores) < LOW and max(scores) - scores[0] < STILL:
        found = f"validation F1 is low and hardly rises ({', '.join(f'{score:.2f}' for score in scores)})"
        advice = "training did not get going. Try a lower learning rate, more warmup steps or another seed"
    else:
        return None
    if steps < FEW_STEPS:
        advice = f"there were only {steps} steps. Take smaller batches or more epochs"
    return f"{found}: {advice}"


def token_loss(outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
    """Mean cross entropy over the labelled pieces of all the batches of one step (paper Eq. 4, and the MLM loss).

    The stock heads ignore `num_items_in_batch`, and the Trainer then multiplies their loss by the number of
    accumulation steps or processes; this one is the same however a batch is cut.
    """
    logits = outputs["logits"]
    flat = logits.reshape(-1, logits.size(-1)).float()
    total = F.cross_entropy(flat, labels.reshape(-1), ignore_index=IGNORE, reduction="sum")
    items = (labels != IGNORE).sum() if num_items_in_batch is None else num_items_in_batch
    # A step may hold no labelled piece at all, where words are left out of the loss: nothing to learn, not 0 / 0.
    return total / (items.clamp(min=1) if isinstance(items, Tensor) else max(1, items))


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
