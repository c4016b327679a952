"""The TrainingArguments of a stage."""

import sys
from pathlib import Path
from typing import Any

from transformers import TrainingArguments
from transformers.training_args import ParallelMode

from tof_hf.config import StageConfig
from tof_hf.utils.devices import best_device, has_bf16

_BY_SCORE = ("reduce_lr_on_plateau", "greedy")  # schedules that follow the scores on validation data
_OF_NO_TRAINING = {
    "save_strategy": "no",
    "report_to": "none",
    "lr_scheduler_type": "linear",
    "lr_scheduler_kwargs": None,
}
_NEW_NAMES = {f"gradient_checkpointing{end}": f"activation_checkpointing{end}" for end in ("", "_kwargs")}


def training_arguments(
    config: StageConfig, folder: str | Path, *, seed: int, selects: bool, trains: bool = True
) -> TrainingArguments:
    """The stage's TrainingArguments: its config over defaults that suit token tasks on this machine.

    Create them right before their Trainer: they reset accelerate's global state.

    Args:
        config: the stage's options; `config.training` has fields of TrainingArguments.
        folder: where the Trainer saves its checkpoints.
        seed: of training and of the order of the data.
        selects: whether the epoch with the best F1 is kept, not the last one.
        trains: False for a Trainer that only predicts, or takes a few steps that nobody keeps.
    """
    on_cpu = best_device().type == "cpu"
    defaults: dict[str, Any] = {
        "use_cpu": on_cpu,
        "bf16": has_bf16() and not config.training.get("fp16"),
        "dataloader_pin_memory": not on_cpu,
        "per_device_eval_batch_size": 64,
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "save_total_limit": 1,
        "restore_callback_states_from_checkpoint": True,
        "logging_strategy": "epoch",
        "report_to": "none",
        "train_sampling_strategy": "group_by_length",
        "disable_tqdm": not sys.stderr.isatty(),
        "ddp_find_unused_parameters": False,
    }
    training = dict(config.training)
    for old, new in _NEW_NAMES.items():
        if old in training and new in TrainingArguments.__dataclass_fields__:
            training.setdefault(new, training.pop(old))
    owned: dict[str, Any] = {
        "output_dir": str(folder),
        "seed": seed,
        "data_seed": seed,
        "remove_unused_columns": False,  # our collators pick columns, and the sampler needs `length`
        "label_names": ["labels"],
        "load_best_model_at_end": selects,
    }
    if selects:
        owned |= {"metric_for_best_model": "f1", "greater_is_better": True}
    else:
        owned |= {"eval_strategy": "no", "eval_on_start": False}
    schedule = training.get("lr_scheduler_type")
    if schedule in _BY_SCORE and not isinstance(options := training.get("lr_scheduler_kwargs"), str):
        owned["lr_scheduler_kwargs"] = (options or {}) | {"mode": "max"}  # F1 should rise; the default is for losses
    if not trains:
        owned |= _OF_NO_TRAINING
    args = TrainingArguments(**(defaults | training | owned))
    if args.parallel_mode is ParallelMode.NOT_DISTRIBUTED:
        # Without a launcher the Trainer would split batches over all GPUs with DataParallel, and our losses, which are
        # means over the whole batch, would be wrong. `accelerate launch` does use all GPUs.
        args._n_gpu = 1
    return args
