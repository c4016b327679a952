"""Mistakes in a run file in our own words: the key, what was found, what is needed, and what was probably meant."""

from __future__ import annotations

import difflib
import json
import os
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tof_hf.errors import ConfigError

_NEEDED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "string_type": "text",
}
_UNKNOWN = ("extra_forbidden", "invalid_key")
_LIMITS = {
    "greater_than": "above {gt:.10g}",
    "greater_than_equal": "at least {ge:.10g}",
    "less_than_equal": "at most {le:.10g}",
}
_KINDS = {str: "text", int: "a number", float: "a number", list: "a list"}


class KeyedModel(BaseModel):
    """A pydantic model that says which keys a run file may have at its place."""

    @classmethod
    def known_names(cls) -> list[str]:
        """The keys that it takes in a run file."""
        return list(cls.model_fields)

    @classmethod
    def explain_unknown(cls, key: str, name: str) -> str | None:
        """What to say of a name that it does not take; None where a suggestion is enough."""
        return None


class KeyProblems(ConfigError):
    """Everything that is wrong at the keys of a run file."""

    def __init__(self, problems: Sequence[KeyProblem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class KeyProblem(KeyProblems):
    """Something is wrong at one key. `path` leads to it; `text` is a message without the place where it was written."""

    def __init__(self, path: Sequence[str], text: str) -> None:
        ConfigError.__init__(self, text)
        self.path, self.text = tuple(path), text
        self.problems = (self,)


def problems_of(error: ValidationError, kind: type[KeyedModel], given: Any) -> list[KeyProblem]:
    """The mistakes that pydantic found in the values `given` for a section of this kind."""
    places: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        places.setdefault(_path(details, given), []).append(details)
    with_unknown = {path[:-1] for path, found in places.items() if found[0]["type"] in _UNKNOWN}
    problems: list[KeyProblem] = []
    for path, found in places.items():
        key, what = ".".join(path), found[0]["type"]
        if any(len(path) < len(other) and other[: len(path)] == path for other in places):
            continue  # another type of a union, which the value is further from
        if what == "missing":
            if path[:-1] not in with_unknown:  # one of the unknown keys could be it, mistyped
                help = section_at(kind, path[:-1]).model_fields[path[-1]].description or ""
                problems.append(KeyProblem(path, f"{key!r} is missing: {' '.join(help.split())}"))
        elif what in _UNKNOWN:
            problems.append(KeyProblem(path, _unknown(section_at(kind, path[:-1]), path)))
        elif what == "value_error":
            problems += _broken_rules(path, found[0]["ctx"]["error"])
        else:
            problems.append(KeyProblem(path, f"{key or 'the run file'} {_wrong_value(found)}"))
    return problems


def section_at(kind: type[KeyedModel], path: Iterable[str]) -> type[KeyedModel]:
    """The kind of the section that the path leads to, or of the last one on the way."""
    for name in path:
        field = kind.model_fields.get(name)
        kind = (section_in(field.annotation) if field else None) or kind
    return kind


def section_in(hint: Any) -> type[KeyedModel] | None:
    """The kind of section that a type hint holds, alone, in a list or as one of several."""
    for part in (hint, *typing.get_args(hint)):
        if isinstance(part, type) and issubclass(part, KeyedModel):
            return part
    return None


def suggestion(name: object, known: Iterable[object], *, prefix: str = "") -> str:
    """` Did you mean ...?`, or nothing where no known name is near."""
    near = difflib.get_close_matches(str(name), [str(item) for item in known], n=1)
    return f" Did you mean {prefix + near[0]!r}?" if near else ""


def written(value: Any) -> str:
    """A value as errors show it: `null`, `true`, `'text' (text)`."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return f"{_short(value)} ({_KINDS.get(type(value), 'a section')})"


def mismatch(path: Sequence[str], needed: str, found: Any) -> KeyProblem:
    """The problem of a value of the wrong type."""
    return KeyProblem(path, f"{'.'.join(path) or 'the run file'} needs {needed}, found {written(found)}.")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _path(details: ErrorDetails, given: Any) -> tuple[str, ...]:
    """The names and positions of an error's location, without what pydantic adds: the type in a union, `training`."""
    path: list[str] = []
    for step in map(str, details["loc"]):
        pairs = given.items() if isinstance(given, Mapping) else enumerate(given) if isinstance(given, list) else ()
        children = {str(name): value for name, value in pairs}
        if step in children:
            given = children[step]
        elif not (step.isdecimal() or (step == "path" and isinstance(given, str | os.PathLike))):  # in a short form
            continue
        path.append(step)
    return (*path, str(details["loc"][-1])) if details["type"] == "missing" else tuple(path)


def _wrong_value(found: Sequence[ErrorDetails]) -> str:
    value, context = found[0]["input"], found[0].get("ctx", {})
    if limit := _LIMITS.get(found[0]["type"]):
        return f"is {_short(value)}, it must be {limit.format_map(context)}."
    needed = " or ".join(dict.fromkeys(map(_needed, found)))
    text = f"needs {needed}, found {written(value)}."
    if found[0]["type"] == "list_type" and value is None:
        return f"{text} Write [] for an empty list."
    return text + (suggestion(value, re.findall(r"'([^']*)'", needed)) if isinstance(value, str) else "")


def _needed(details: ErrorDetails) -> str:
    if details["type"] == "literal_error":
        return details["ctx"]["expected"]
    if details["type"] == "model_type":
        is_file = details["ctx"]["class_name"] in ("DataFile", "LabelFile")
        return "a data file" if is_file else "a section (key: value lines)"
    return _NEEDED.get(details["type"], details["msg"])


def _broken_rules(path: tuple[str, ...], cause: ValueError) -> Iterator[KeyProblem]:
    for rule in cause.problems if isinstance(cause, KeyProblems) else [KeyProblem((), str(cause))]:
        full = (*path, *rule.path)
        yield KeyProblem(full, f"{'.'.join(full)} {rule.text}")


def _unknown(section: type[KeyedModel], path: tuple[str, ...]) -> str:
    key, name = ".".join(path), path[-1]
    prefix = key.removesuffix(name)
    inside = [
        f"{prefix}{option}.{name}"
        for option, field in section.model_fields.items()
        if (inner := section_in(field.annotation)) and name in inner.known_names()
    ]
    if inside:
        return f"unknown key {key!r} at this place. Write {' or '.join(inside)}."
    if explained := section.explain_unknown(key, name):
        return explained
    known = section.known_names()
    own = sorted(set(known) & section.model_fields.keys())
    more = "" if len(own) == len(known) else " and fields of transformers.TrainingArguments"
    hint = suggestion(name, known, prefix=prefix) or f" Known here: {', '.join(own)}{more}."
    return f"unknown key {key!r}.{hint}"
