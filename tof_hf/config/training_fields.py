"""Which fields of transformers.TrainingArguments a stage section may set."""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Iterable
from typing import Any

from tof_hf.config.sections import KeyProblem, convert, join, unknown

_RUN = "the run decides it, so that every stage can be found, resumed and compared"
_HUB = "only the finished checkpoint is published, not every stage"
_LOSS = "the stages bring their own loss, so it would be ignored without a word"

RUN_OWNED: dict[str, str] = {
    "output_dir": "every stage has its own folder below the run's output_dir",
    "data_seed": "it follows the seed of the stage; set seed",
    "do_train": _RUN,
    "do_eval": _RUN,
    "do_predict": _RUN,
    "resume_from_checkpoint": "a stopped run continues by itself when it is started again",
    "load_best_model_at_end": "the best checkpoint on the source validation data is always kept",
    "metric_for_best_model": "it would open the door to selecting on other than source validation data",
    "greater_is_better": "it belongs to metric_for_best_model",
    "label_names": "it follows from the task of the stage",
    "remove_unused_columns": "the data collators need columns that it would drop",
    "prediction_loss_only": "the stages need the predictions to compute their scores",
    "include_for_metrics": "the stages choose what their scores need",
    "batch_eval_metrics": "the stages score whole data sets",
    "eval_do_concat_batches": "the stages score whole data sets",
    "eval_use_gather_object": "the stages score whole data sets",
    "label_smoothing_factor": _LOSS,
    "push_to_hub": _HUB,
    "hub_model_id": _HUB,
    "hub_strategy": _HUB,
    "hub_token": "a token does not belong in a file; log in with `hf auth login` or set HF_TOKEN",
    "hub_private_repo": _HUB,
    "hub_always_push": _HUB,
    "hub_revision": _HUB,
    "local_rank": "the launcher sets it",
}
"""TrainingArguments fields that a run file may not set, and why."""

RENAMED: dict[str, str] = {
    "warmup_ratio": "write warmup_steps: 0.1 (a number below 1 is a share of all steps)",
    "evaluation_strategy": "its name is eval_strategy",
    "no_cuda": "its name is use_cpu",
    "use_mps_device": "an available device is used by itself; use_cpu: true turns that off",
    "group_by_length": "write train_sampling_strategy: group_by_length",
    "overwrite_output_dir": "a run continues in its folder; choose another output_dir for a fresh one",
    "logging_dir": "set the environment variable TENSORBOARD_LOGGING_DIR",
    "save_safetensors": "checkpoints are always safetensors",
    "batch_size": "write per_device_train_batch_size",
    "epochs": "write num_train_epochs",
    "lr": "write learning_rate",
}
"""Names from older releases and other libraries, and what to write today."""


@functools.cache
def _hints() -> dict[str, Any]:
    from transformers import TrainingArguments  # takes seconds, so not at import

    hints = typing.get_type_hints(TrainingArguments)
    return {field.name: hints[field.name] for field in dataclasses.fields(TrainingArguments) if field.init}


def checked_training_field(key: str, name: str, value: Any, *, own: Iterable[str]) -> Any:
    """`value` in the type of the TrainingArguments field `name`.

    Args:
        key: the stage section, for errors.
        own: the section's own options, for suggestions.

    Raises:
        KeyProblem: no such field, a field that the run owns, or a value of the wrong type.
    """
    full = join(key, name)
    if name in RUN_OWNED:
        raise KeyProblem(full, f"{full} cannot be set: {RUN_OWNED[name]}.")
    if name in RENAMED:
        raise KeyProblem(full, f"{full} cannot be set: {RENAMED[name]}.")
    hints = _hints()
    if name not in hints:
        raise unknown(key, name, [*own, *(field for field in hints if field not in RUN_OWNED)])
    return convert(value, hints[name], full)
