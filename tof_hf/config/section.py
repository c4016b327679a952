"""What all parts of a run file are made of: frozen pydantic models, and options that describe themselves."""

import functools
import os
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticUndefined, core_schema

from tof_hf.config.problems import KeyedModel, KeyProblem, KeyProblems, problems_of

Effect = Literal["weights", "training rows", "validation rows", "none"]
"""What an option decides: the weights a stage ends with, only which rows it trains on or is chosen by, or nothing
but what is shown, stored or how fast it goes."""

# What else an option may say about itself, see `option`.
FACTS = ("since_default", "inherited", "read", "listed", "by_recipe")

T = TypeVar("T")
_LONGEST_NAME = 255  # bytes in the name of a file or folder


class Section(KeyedModel):
    """A part of a run file: frozen, strict about types, and with our own errors."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise KeyProblems(problems_of(error, type(self), values)) from None

    # Without this pydantic would call `__init__` for nested sections too, and stop at the first that is wrong.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The section with exactly these values: no preset, no inheritance between stages.

        Raises:
            ConfigError: all unknown and missing keys, wrong types and numbers out of range.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise KeyProblems(problems_of(error, cls, values)) from None

    def to_dict(self) -> dict[str, Any]:
        """The values as JSON and YAML know them, stage sections flat; `from_dict` reads them back."""
        return self.model_dump()

    def replace(self, **changes: Any) -> Self:
        """A checked copy with other values."""
        return type(self).from_dict(self.to_dict() | changes)

    def rules(self) -> Iterator[tuple[str, str]]:
        """Options that do not fit together: the name of one, and what is wrong, to be read after its name."""
        yield from ()

    @model_validator(mode="after")
    def _follows_rules(self) -> Self:
        broken = [KeyProblem(tuple(name.split(".")), text) for name, text in self.rules()]
        if broken:
            raise KeyProblems(broken)
        return self


def option(
    default: Any = PydanticUndefined, *, paper: str = "", effect: Effect = "weights", factory: Any = None, **more: Any
) -> Any:
    """A pydantic field with its place in the paper, its range and its effect; the text below it is its help.

    Args:
        paper: line, equation or section that the option belongs to.
        effect: see Effect. When in doubt, `weights`.
        more: `ge`, `gt` and `le` are limits. Other facts:
            `since_default` is for options that are younger than the stage keys of finished runs: the value that leaves
            everything as it was, which is left out of the key.
            `inherited=False`: belongs to one line of Algorithm 1, so that later stages do not inherit it.
            `by_recipe=True`: null takes the recipe's default, or `since_default` if the recipe has none.
            `read=True`: decides which rows are read from files.
            `listed=False`: a run's record has it elsewhere, or not at all, and does not list it among the options.
    """
    known = {"paper": paper, "effect": effect} | {name: more.pop(name) for name in FACTS if name in more}
    given = {"default": default} if factory is None else {"default_factory": factory}
    return Field(**given, json_schema_extra=known, **more)


row_option = functools.partial(option, effect="training rows")
validation_row_option = functools.partial(option, effect="validation rows")
shown_option = functools.partial(option, effect="none")


def facts(field: FieldInfo) -> Mapping[str, Any]:
    """`paper`, `effect` and those of FACTS that the option has."""
    return typing.cast(Mapping[str, Any], field.json_schema_extra)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _expanded(value: str) -> str:
    path = os.path.expanduser(os.path.expandvars(value))
    unset = re.search(r"\$(\w+|\{\w+\})", path)
    if unset:
        raise ValueError(f"is {value!r}, but the environment variable {unset[1].strip('{}')} is not set.")
    if not path.strip():
        raise ValueError("is empty.")
    lengths = [len(part.encode(errors="surrogatepass")) for part in path.split(os.sep)]
    if max(lengths) > _LONGEST_NAME or re.search("[\0\ud800-\udfff]", path):
        raise ValueError(f"is {path[:80]!r}, and no file can have such a name (of {max(lengths)} bytes).")
    return path


class _OneOrMore:
    """One entry of a list stands for the list."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        entries = handler(source)
        either = core_schema.union_schema([entries["items_schema"], entries])
        return core_schema.no_info_before_validator_function(self._listed, entries, json_schema_input_schema=either)

    @staticmethod
    def _listed(value: Any) -> Any:
        return [value] if isinstance(value, str | os.PathLike | Mapping | Section) else value


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number; `1e4` is one too."""

ExpandedPath = Annotated[str, BeforeValidator(_text), AfterValidator(_expanded)]
"""A path or Hub id; `~` and `$VAR` are expanded."""

OneOrMore = Annotated[list[T], _OneOrMore()]
