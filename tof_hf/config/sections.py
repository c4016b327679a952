"""Plain values (as YAML gives them) to typed, frozen dataclasses, with the full key in every error."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import os
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from tof_hf.errors import ConfigError


class KeyProblem(ConfigError):
    """Something is wrong at one key of a run file; `key` is its full dotted name."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class Section:
    """Base of all config dataclasses: plain values in, checked dataclass out, plain values back."""

    noun: ClassVar[str] = "a section"

    @classmethod
    def normalise(cls, value: Any, key: str) -> Any:
        """The mapping of field names to values that `value` stands for (short forms are spelled out)."""
        return value

    @classmethod
    def build(cls, value: Any, key: str = "") -> Self:
        """An instance made of plain values. Raises KeyProblem for unknown, missing and mistyped keys."""
        value = cls.normalise(value, key)
        if not isinstance(value, Mapping):
            raise mismatch(key, f"{cls.noun} (key: value lines)", value)
        known = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        for name in value:
            if name not in known:
                raise unknown(key, name, known)
        hints = typing.get_type_hints(cls)
        for name, field in known.items():
            required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            if required and name not in value:
                raise KeyProblem(join(key, name), f"{join(key, name)!r} is missing: {field.metadata['help']}")
        return cls(**{name: convert(item, hints[name], join(key, name)) for name, item in value.items()})

    def plain(self) -> dict[str, Any]:
        """The values as YAML and JSON know them, in the order of the fields."""
        return {field.name: _plain(self.__dict__[field.name]) for field in dataclasses.fields(self)}  # type: ignore[arg-type]

    def check(self, key: str) -> None:
        """Nothing, or a KeyProblem: every number must be in its range; sub-sections are checked as well."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            name, value, limits = join(key, field.name), self.__dict__[field.name], field.metadata
            if isinstance(value, Section):
                value.check(name)
            elif isinstance(value, list):
                for index, item in enumerate(value):
                    if isinstance(item, Section):
                        item.check(f"{name}.{index}")
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                low, high, above = limits["minimum"], limits["maximum"], limits["above"]
                if low is not None and not value >= low:
                    raise KeyProblem(name, f"{name} is {value}, it must be at least {low}.")
                if above is not None and not value > above:
                    raise KeyProblem(name, f"{name} is {value}, it must be above {above}.")
                if high is not None and not value <= high:
                    raise KeyProblem(name, f"{name} is {value}, it must be at most {high}.")


def option(
    default: Any = dataclasses.MISSING,
    help: str = "",
    *,
    paper: str = "",
    factory: Any = dataclasses.MISSING,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    path: bool = False,
) -> Any:
    """A dataclass field that also carries its help text, its place in the paper and its range.

    Args:
        paper: line, equation or section that the option belongs to.
        path: `~` and `$VAR` are expanded when a run file is loaded.
    """
    metadata = {
        "help": help, "paper": paper, "minimum": minimum, "maximum": maximum, "above": above, "path": path
    }  # fmt: skip
    return dataclasses.field(default=default, default_factory=factory, metadata=metadata)


def convert(value: Any, hint: Any, key: str) -> Any:
    """`value` as the type `hint` wants it; only changes that lose nothing are made (1 to 1.0, x to [x])."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if isinstance(value, os.PathLike):  # configs made in Python often hold Path objects
        value = os.fspath(value)
    if origin in (typing.Union, types.UnionType):
        enums = [
            choice for choice in arguments if _is_enum(choice)
        ]  # `SchedulerType | str` means one of the names
        for choice in enums or arguments:
            if _fits(value, choice):
                return convert(value, choice, key)
        raise mismatch(key, describe(hint), value)
    if not _fits(value, hint):
        raise mismatch(key, describe(hint), value)
    if origin is list:
        items = value if isinstance(value, list) else [value]
        return [convert(item, arguments[0], f"{key}.{index}") for index, item in enumerate(items)]
    if origin is dict:
        return {
            convert(name, arguments[0], key): convert(item, arguments[1], f"{key}.{name}")
            for name, item in value.items()
        }
    if origin is typing.Literal or _is_enum(hint):
        names = arguments if origin is typing.Literal else [member.value for member in hint]
        if value not in names:
            raise KeyProblem(key, f"{key} needs {describe(hint)}, found {value!r}.{suggest(value, names)}")
        return value
    if hint in (int, float):
        return hint(value)
    if isinstance(hint, type) and issubclass(hint, Section):
        return hint.build(value, key)
    return value


def _fits(value: Any, hint: Any) -> bool:
    """Whether `value` has the outer shape of `hint`."""
    origin = typing.get_origin(hint) or hint
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if origin is type(None):
        return value is None
    if origin is bool:
        return isinstance(value, bool)
    if origin is int:
        return number and value == value // 1
    if origin is float:
        return number
    if origin is str or _is_enum(origin):
        return isinstance(value, str)
    if origin is typing.Literal:
        return type(value) in {type(choice) for choice in typing.get_args(hint)}
    if origin is list:
        return isinstance(value, (list, str, Mapping))
    if origin is dict:
        return isinstance(value, Mapping)
    if isinstance(origin, type) and issubclass(origin, Section):
        return isinstance(value, (Mapping, str))  # text: a section may have a short form
    return True


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, enum.Enum)


def describe(hint: Any) -> str:
    """What a type asks for, in words."""
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        enums = [choice for choice in arguments if _is_enum(choice)]
        return " or ".join(describe(choice) for choice in enums or arguments)
    if origin is typing.Literal:
        return " or ".join(map(repr, arguments))
    if _is_enum(origin):
        return "one of " + ", ".join(member.value for member in origin)
    if origin is list:
        return f"a list ({describe(arguments[0])} each)" if arguments else "a list"
    if isinstance(origin, type) and issubclass(origin, Section):
        return origin.noun
    words = {
        bool: "true or false", int: "a whole number", float: "a number", str: "text", dict: "a mapping",
        type(None): "null",
    }  # fmt: skip
    return words.get(origin, "a section")


def join(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)


def suggest(name: object, known: Iterable[object], *, prefix: str = "") -> str:
    near = difflib.get_close_matches(str(name), [str(item) for item in known], n=1)
    return f" Did you mean {join(prefix, near[0])!r}?" if near else ""


def unknown(key: str, name: object, known: Iterable[object]) -> KeyProblem:
    full = join(key, name)
    hint = suggest(name, known, prefix=key) or f" Known here: {', '.join(sorted(map(str, known)))}."
    return KeyProblem(full, f"unknown key {full!r}.{hint}")


def mismatch(key: str, needed: str, found: Any) -> KeyProblem:
    kind = {bool: "true or false", str: "text", type(None): "null"}.get(type(found))
    if isinstance(found, (int, float)) and kind is None:
        kind = "a number"
    kind = kind or ("a list" if isinstance(found, list) else "a section")
    subject = key or "the run file"
    return KeyProblem(key, f"{subject} needs {needed}, found {found!r} ({kind}).")


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.plain()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return value
