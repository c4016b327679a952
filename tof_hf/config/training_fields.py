"""Which fields of transformers.TrainingArguments a stage section may set, their types and what they decide."""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from tof_hf.config.section import Whole


def _each(reasons: Mapping[str, str]) -> dict[str, str]:
    """The reason for every name of a key."""
    return {name: reason for names, reason in reasons.items() for name in names.split()}


RUN_OWNED = _each(
    {
        "output_dir": "every stage has its own folder in the run's output_dir",
        "data_seed": "it is the seed of the stage; set seed",
        "do_train do_eval do_predict": "the run sets it, so that every stage can be found, resumed and compared",
        "resume_from_checkpoint": "a stopped run continues when it is started again",
        "load_best_model_at_end": "the checkpoint that is best on source validation is always kept",
        "metric_for_best_model": "checkpoints are only ever selected on source validation",
        "greater_is_better": "it goes with metric_for_best_model",
        "label_names": "the task of the stage decides it",
        "remove_unused_columns": "the data collators need columns that it would drop",
        "prediction_loss_only": "the stages need the predictions to compute their scores",
        "include_for_metrics": "the stages decide what their scores need",
        "batch_eval_metrics eval_do_concat_batches eval_use_gather_object": "the stages score whole data sets",
        "label_smoothing_factor": "the stages have their own loss, which would ignore it",
        "push_to_hub hub_model_id hub_strategy hub_private_repo hub_always_push hub_revision": (
            "only the finished checkpoint is published, not every stage"
        ),
        "hub_token": "a token does not belong in a file; log in with `hf auth login` or set HF_TOKEN",
        "local_rank": "the launcher sets it",
    }
)
"""TrainingArguments fields that a run file may not set, and why."""

RENAMED = {
    "warmup_ratio": "write warmup_steps: 0.1 (a number below 1 is a share of all steps)",
    "evaluation_strategy": "its name is eval_strategy",
    "no_cuda": "its name is use_cpu",
    "use_mps_device": "an available device is used automatically; use_cpu: true turns that off",
    "group_by_length": "write train_sampling_strategy: group_by_length",
    "overwrite_output_dir": "a run continues in its folder; choose another output_dir to start over",
    "logging_dir": "set the environment variable TENSORBOARD_LOGGING_DIR",
    "save_safetensors": "checkpoints are always safetensors",
    "batch_size": "write per_device_train_batch_size",
    "epochs": "write num_train_epochs",
    "lr": "write learning_rate",
}
"""Names from older releases and other libraries, and what to write today."""

WITHOUT_EFFECT = frozenset(
    """
    dataloader_num_workers dataloader_pin_memory dataloader_prefetch_factor ddp_timeout disable_tqdm
    eval_accumulation_steps log_level log_level_replica log_on_each_node logging_first_step logging_nan_inf_filter
    logging_steps logging_strategy per_device_eval_batch_size project report_to run_name save_on_each_node
    save_total_limit skip_memory_metrics
    """.split()
)
"""TrainingArguments fields that only decide what is logged, shown and kept, and how rows are fetched and predicted: no
weight depends on them. When in doubt, a field is not listed."""

_POSITIVE = ("per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps")


def _some_epochs(value: float) -> float:
    if not value > 0:
        raise ValueError(f"is {value:g}, it must be above 0. To leave the stage out write enabled: false.")
    return value


@functools.cache
def training_fields() -> type[BaseModel]:
    """A model of the TrainingArguments fields that a run file may set."""
    from transformers import TrainingArguments  # takes seconds, so not at import

    hints = typing.get_type_hints(TrainingArguments)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(TrainingArguments):
        if field.init and field.name not in RUN_OWNED:
            help = " ".join(field.metadata.get("help", "").split())
            above = 0 if field.name in _POSITIVE else None
            fields[field.name] = (_plain(hints[field.name]), Field(None, description=help or None, gt=above))
    fields["num_train_epochs"] = (Annotated[float, AfterValidator(_some_epochs)], fields["num_train_epochs"][1])
    rules = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())
    return create_model("TrainingFields", __config__=rules, **fields)


def checked_training_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The TrainingArguments fields in their types. Raises pydantic.ValidationError."""
    if not values:
        return {}
    checked = training_fields().model_validate(values)
    return {name: getattr(checked, name) for name in values}


def _plain(hint: Any) -> Any:
    """The type of a field as a run file can write it: the names of an enum, and no class that YAML does not know."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        named = [choice for choice in arguments if isinstance(choice, type) and issubclass(choice, enum.Enum)]
        return typing.Union[tuple(_plain(choice) for choice in named or arguments)]  # noqa: UP007
    if typing.get_origin(hint) is list:
        return list[_plain(arguments[0])]  # type: ignore[misc]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return typing.Literal[tuple(member.value for member in hint)]
    if hint is int:
        return Whole
    known = (bool, float, str, dict, list, type(None))
    return hint if hint in known or arguments else Any
