"""Training of a stage: one stock Trainer run from a checkpoint to a checkpoint and its record.

A stage's folder is named after the stages that led to it (`mlm-mrc-ner`), so systems that begin with the same stages
share it. A finished stage whose key is unchanged is reused; an unfinished one continues from its last epoch. A finished
stage with another key stays until the new one is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from datasets import Dataset
from torch import Tensor
from torch.nn import functional as F
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from tof_hf.config.stages import SelectedStageConfig
from tof_hf.data.windows import IGNORE
from tof_hf.modeling.dropout import use_fast_dropout
from tof_hf.modeling.freezing import freeze_layers
from tof_hf.modeling.hand_off import HandOff
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.fingerprint import fingerprint, fingerprint_inputs
from tof_hf.stages.machine import CostMeter, failures_of_the_machine
from tof_hf.stages.progress import ProgressLines, QuietProgress
from tof_hf.stages.record import BEGUN, RECORD, FingerprintInputs, StageRecord
from tof_hf.stages.reuse import (
    NEW_MODEL,
    TRAINER_STATE,
    decide,
    file_hashes,
    finish_replacing,
    prepare_folder,
    stage_files,
)
from tof_hf.stages.stage import Checkpoint, Stage, StageFolders
from tof_hf.stages.trackers import logs_folder, tracked
from tof_hf.stages.vocabulary import narrow_vocabulary
from tof_hf.storage.files import temporary_folder
from tof_hf.storage.publishing import remove_folders
from tof_hf.storage.records import utc_now
from tof_hf.utils.log import say, warn
from tof_hf.utils.processes import barrier, is_main_process
from tof_hf.utils.versions import versions

LOW_F1, SMALL_GAIN = 0.5, 0.05  # validation F1 below the first that gains less than the second causes a warning
FEW_STEPS = 100  # with fewer steps the advice is to take more


Callbacks = Sequence[TrainerCallback | type[TrainerCallback]]


def fit(stage: Stage, stages: StageFolders | Path, callbacks: Callbacks = ()) -> Checkpoint:
    """The checkpoint that the stage ends with: the best on its validation data if it has any, else the last.

    Args:
        stage: the stage.
        stages: the folder of the stages' folders; this stage's is made there.
        callbacks: of the user's, added to the stage's Trainer.

    Returns:
        The trained checkpoint, or that of an earlier run whose stage had the same fingerprint.

    Raises:
        RunError: if the machine fails, for example without disk space or memory. Finished stages and saved epochs stay.
        ConfigError: if files of the user's are where the stage writes.
    """
    inputs = fingerprint_inputs(stage)
    key = fingerprint(inputs)
    folder = (StageFolders(stages) if isinstance(stages, Path) else stages).folder(stage.name, key)
    done = Checkpoint(stage.name, str(folder / "model"), key)
    if is_main_process():
        finish_replacing(folder)
    barrier()
    decision = decide(folder, inputs)
    barrier()  # all processes decide before one of them changes the folder
    if decision.action == "reuse":
        say(f"{stage.name}: reused")
        if is_main_process():  # left by a run that was killed at the very end
            _remove_checkpoints(folder)
        return done
    meter = CostMeter(folder / BEGUN)
    with failures_of_the_machine(folder), tracked(stage.config, folder):
        trainer, hand_off = _trainer(stage, folder, inputs, decision.checkpoint)
        for callback in (meter, *callbacks):
            trainer.add_callback(callback)
        trainer.train(resume_from_checkpoint=None if decision.checkpoint is None else str(decision.checkpoint))
        best = trainer.state.best_metric
        if best is None and stage.validation is not None:  # fewer steps than eval_steps
            best = trainer.evaluate()["eval_f1"]
        cost, weights = meter.total(), _sharded_weights(trainer)
        if is_main_process():
            with temporary_folder(folder) as part:
                trainer.accelerator.unwrap_model(trainer.model).save_pretrained(part, state_dict=weights)
                stage.tokenizer.save_pretrained(part)
                remove_folders(part)
                hashes = file_hashes(part)
                part.replace(folder / NEW_MODEL)
            StageRecord(  # writing it replaces an older stage in one step
                **dict(cost),
                name=stage.name,
                start=stage.start.name,
                seed=stage.seed,
                rows=stage.rows,
                validation_rows=stage.validation.rows if stage.validation else {},
                windows=len(stage.train),
                steps=trainer.state.global_step,
                ended=utc_now(),
                best_validation_f1=best,
                hand_off=hand_off,
                versions=versions(),
                files=hashes,
                log=trainer.state.log_history,
            ).write(folder / RECORD)
            finish_replacing(folder)
            _remove_checkpoints(folder)
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.free_memory()
    _report(stage, trainer.state, best, meter.seconds())
    return done


def _sharded_weights(trainer: Trainer) -> dict[str, Tensor] | None:
    """The whole weights, in the main process, if each process holds a part of them; all call this together."""
    if trainer.is_deepspeed_enabled:
        return trainer.accelerator.get_state_dict(trainer.model_wrapped)
    return trainer.accelerator.get_state_dict(trainer.model) if trainer.is_fsdp_enabled else None


def _remove_checkpoints(folder: Path) -> None:
    """Remove what the training of a finished stage left; if that fails, it only takes up space."""
    with suppress(OSError):
        for left in ("trainer/", f"{NEW_MODEL}/"):
            stage_files(folder).remove(left)
        stage_files(folder).remove_temporary()


def _trainer(stage: Stage, folder: Path, inputs: FingerprintInputs, checkpoint: Path | None) -> tuple[Trainer, HandOff]:
    """The stage's Trainer with its model, and which weights the model has from the stage's start."""
    place = folder / "trainer"
    args = training_arguments(stage.config, place, seed=stage.seed, selects=stage.validation is not None)
    with args.main_process_first(desc="preparing the stage's folder"):
        if is_main_process():
            prepare_folder(folder, inputs, resumed=checkpoint)
    set_seed(args.seed)
    model, hand_off = stage.build()
    if stage.head_warmup is not None and hand_off.head_fresh and checkpoint is None:
        say(f"{stage.name}: the starting model has no head for this; a new one is trained first, the encoder frozen")
        warmup_args = training_arguments(stage.head_warmup, place, seed=stage.seed, selects=False, trains=False)
        model.base_model.requires_grad_(False)
        warmup = stage_trainer(stage, model, warmup_args, stage.train)
        warmup.train()
        warmup.accelerator.free_memory()
        model.base_model.requires_grad_(True)
    if checkpoint is not None:
        state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE))
        if state.stateful_callbacks["TrainerControl"]["args"]["should_training_stop"]:
            args.max_steps = state.global_step  # it had stopped early, or at its end
    rows = list(range(len(stage.train))) * stage.repeats
    return stage_trainer(stage, model, args, stage.train.select(rows) if stage.repeats > 1 else stage.train), hand_off


def stage_trainer(stage: Stage, model: PreTrainedModel, args: TrainingArguments, train: Dataset) -> Trainer:
    """The stage's Trainer for this model and training data; it logs nothing to the terminal."""
    config, validation = stage.config, stage.validation
    freeze_layers(model, config.freeze_layers or 0)
    if args.device.type == "cpu":
        use_fast_dropout(model)
    trainer = stage.trainer(
        model=model,
        args=args,
        train_dataset=train,
        eval_dataset=validation and validation.windows,
        data_collator=stage.collator,
        compute_loss_func=stage.loss,
        compute_metrics=validation and validation.metrics,
        preprocess_logits_for_metrics=validation and validation.reduce_logits,
    )
    if isinstance(config, SelectedStageConfig):
        if config.narrow_vocabulary:
            narrow_vocabulary(trainer, stage.encoded, stage.tokenizer.all_special_ids)
        if config.early_stopping_patience is not None and args.load_best_model_at_end:
            trainer.add_callback(EarlyStoppingCallback(config.early_stopping_patience))
    logs = logs_folder(Path(str(args.output_dir)).parent)  # output_dir is deleted in the end
    for callback in trainer.callback_handler.callbacks:
        if vars(callback).get("logging_dir", logs) is None:  # TensorBoard's, unless its environment variable is set
            callback.logging_dir = str(logs)
    trainer.remove_callback(PrinterCallback)
    if not args.disable_tqdm:
        trainer.remove_callback(ProgressCallback)
    trainer.add_callback(ProgressLines(stage.name) if args.disable_tqdm else QuietProgress)
    return trainer


def _report(stage: Stage, state: TrainerState, best: float | None, seconds: float) -> None:
    scores = [entry["eval_f1"] for entry in state.log_history if "eval_f1" in entry]
    if (warning := training_warning(scores, state.global_step)) is not None:
        warn(f"{stage.name}: {warning}")
    score = "" if best is None else f", validation F1 {best:.4f}"
    rows = ", ".join(f"{count:,} {kind}" for kind, count in stage.rows.items())
    minutes, seconds = divmod(round(seconds), 60)
    say(f"{stage.name}: {rows}; {state.global_step:,} steps in {minutes}:{seconds:02d}{score}")


def training_warning(scores: Sequence[float], steps: int) -> str | None:
    """The warning about a stage that seems not to have learned, by its validation F1 (0..1) after each epoch."""
    if scores and max(scores) == 0:
        found = "no epoch predicted a single span correctly, so the first one is kept"
        advice = "give it more steps or a higher learning rate"
    elif len(scores) > 1 and max(scores) < LOW_F1 and max(scores) - scores[0] < SMALL_GAIN:
        found = f"validation F1 is low and hardly rises ({', '.join(f'{score:.2f}' for score in scores)})"
        advice = "try a lower learning rate, more warmup steps or another seed"
    else:
        return None
    if steps < FEW_STEPS:
        advice = f"there were only {steps} steps. Use smaller batches or more epochs"
    return f"{found}: {advice}"


def token_loss(outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
    """The mean cross entropy over the labelled pieces of all batches of one step (paper Eq. 4, and the MLM loss).

    The stock heads ignore `num_items_in_batch`, so the Trainer multiplies their loss by the number of accumulation
    steps or processes. This loss does not depend on how a batch is split.

    Args:
        outputs: the model's outputs, with `logits` of shape (batch, pieces, classes).
        labels: class numbers of shape (batch, pieces), -100 where there is nothing to learn.
        num_items_in_batch: the number of labelled pieces in the whole step; None takes those of this batch.
    """
    logits = outputs["logits"]
    flat = logits.reshape(-1, logits.size(-1)).float()
    total = F.cross_entropy(flat, labels.reshape(-1), ignore_index=IGNORE, reduction="sum")
    items = (labels != IGNORE).sum() if num_items_in_batch is None else num_items_in_batch
    return total / at_least_one(items)


def generalized_cross_entropy(
    outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None, *, q: float
) -> Tensor:
    """`token_loss` with (1 - p^q) / q for the probability p of each label (Zhang and Sabuncu 2018, Eq. 6)."""
    words = labels != IGNORE
    found = outputs["logits"][words].float().softmax(-1).gather(-1, labels[words].unsqueeze(-1))
    items = words.sum() if num_items_in_batch is None else num_items_in_batch
    return ((1 - found.pow(q)) / q).sum() / at_least_one(items)


def at_least_one(items: Tensor | int | float) -> Tensor | int | float:
    """The number, or 1: a step may have no labelled piece, and then the loss is 0, not 0 / 0."""
    return items.clamp(min=1) if isinstance(items, Tensor) else max(1, items)
