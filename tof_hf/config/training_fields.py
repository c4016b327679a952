"""Which fields of transformers.TrainingArguments a stage section may set, their types and what they decide."""

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from tof_hf.config.section import Whole
from tof_hf.config.yaml import packaged_yaml

_TABLES = packaged_yaml("tof_hf.config", "training_fields.yaml")

RUN_OWNED: dict[str, str] = _TABLES["run_owned"]
"""TrainingArguments fields that a run file may not set, and why."""

RENAMED: dict[str, str] = _TABLES["renamed"]
"""Names from older releases and other libraries, and what to write today."""

WITHOUT_EFFECT = frozenset(_TABLES["without_effect"])
"""TrainingArguments fields on which no weight depends."""

_POSITIVE = frozenset(_TABLES["positive"])
_NUMBER = {int, float, type(None)}


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
            hint, positive = hints[field.name], field.name in _POSITIVE
            number = {*(typing.get_args(hint) or [hint])} <= _NUMBER
            least = -1 if field.default == -1 else 0  # -1 turns max_steps off
            limited = Field(
                None,
                description=help or None,
                gt=0 if number and positive else None,
                ge=least if number and not positive else None,
            )
            fields[field.name] = (_plain(hint), limited)
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
    origin = typing.get_origin(hint)
    for choice in arguments:
        if isinstance(choice, type) and issubclass(choice, enum.Enum):
            names: Any = typing.Literal[tuple(member.value for member in choice)]
            return types.GenericAlias(list, (names,)) if origin is list else names
    if origin in (typing.Union, types.UnionType):
        return typing.Union[tuple(map(_plain, arguments))]  # noqa: UP007
    if hint is int:
        return Whole
    known = (bool, float, str, dict, list, type(None))
    return hint if hint in known or arguments else Any
