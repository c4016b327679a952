"""Plain values (as YAML gives them) to typed, frozen dataclasses, with the full key in every error."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import functools
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

from tof_hf.errors import ConfigError

_hints = functools.cache(typing.get_type_hints)
_YAML_WORDS = {None: "null", True: "true", False: "false"}


class KeyProblems(ConfigError):
    """All that is wrong at keys of a run file."""

    def __init__(self, problems: Sequence[KeyProblem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class KeyProblem(KeyProblems):
    """Something is wrong at one key of a run file; `key` is its full dotted name."""

    def __init__(self, key: str, message: str) -> None:
        ConfigError.__init__(self, message)
        self.key = key
        self.problems = (self,)


class Section:
    """Base of all config dataclasses: plain values in, checked dataclass out, plain values back."""

    noun: ClassVar[str] = "a section"

    @classmethod
    def normalise(cls, value: Any, key: str) -> Any:
        """The mapping of field names to values that `value` stands for (short forms are spelled out)."""
        return value

    @classmethod
    def build(cls, value: Any, key: str = "") -> Self:
        """An instance made of plain values. Raises KeyProblems for unknown, missing and mistyped keys."""
        return cls(**cls.typed(value, key))

    @classmethod
    def typed(cls, value: Any, key: str = "") -> dict[str, Any]:
        """The values of the fields in their types, for `build`. Raises KeyProblems."""
        value = cls.normalise(value, key)
        if not isinstance(value, Mapping):
            raise mismatch(key, f"{cls.noun} (key: value lines)", value)
        values = each(value, lambda name, item: cls.typed_field(key, name, item))
        missing = [
            KeyProblem(join(key, field.name), f"{join(key, field.name)!r} is missing: {field.metadata['help']}")
            for field in dataclasses.fields(cls)  # type: ignore[arg-type]
            if field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
            and field.name not in values
        ]
        if missing:  # told only where all other keys are known: one of them could be it, mistyped
            raise KeyProblems(missing)
        return values

    @classmethod
    def typed_field(cls, key: str, name: Any, value: Any) -> Any:
        """The value of one field of the section `key` in its type. Raises KeyProblems."""
        known = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        if name not in known:
            raise unknown(key, name, known)
        return convert(value, _hints(cls)[name], join(key, name))

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


def each(items: Mapping[Any, Any], function: Callable[[Any, Any], Any]) -> dict[Any, Any]:
    """`function(name, item)` of every item, by name. Raises KeyProblems with those of all."""
    results, problems = {}, []
    for name, item in items.items():
        try:
            results[name] = function(name, item)
        except KeyProblems as found:
            problems += found.problems
    if problems:
        raise KeyProblems(problems)
    return results


def convert(value: Any, hint: Any, key: str) -> Any:
    """`value` as the type `hint` wants it; only changes that lose nothing are made (1 to 1.0, x to [x])."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if isinstance(value, os.PathLike):  # configs made in Python often hold Path objects
        value = os.fspath(value)
    if origin in (typing.Union, types.UnionType):
        enums = [choice for choice in arguments if _is_enum(choice)]  # `SchedulerType | str` means one of the names
        for choice in enums or arguments:
            if _fits(value, choice):
                return convert(value, choice, key)
        raise mismatch(key, describe(hint), value)
    if not _fits(value, hint):
        raise mismatch(key, describe(hint), value)
    if origin is list:
        items = dict(enumerate(value if isinstance(value, list) else [value]))
        return list(each(items, lambda index, item: convert(item, arguments[0], f"{key}.{index}")).values())
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
    subject = key or "the run file"
    if found is None or isinstance(found, bool):
        return KeyProblem(key, f"{subject} needs {needed}, found {_YAML_WORDS[found]}.")
    kind = "text" if isinstance(found, str) else "a number" if isinstance(found, (int, float)) else None
    kind = kind or ("a list" if isinstance(found, list) else "a section")
    return KeyProblem(key, f"{subject} needs {needed}, found {found!r} ({kind}).")


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.plain()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return value
