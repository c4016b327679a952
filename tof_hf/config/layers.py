"""The layers of a config: a run file over the files that its `base` names, and `key=value` texts over all of them."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from tof_hf.config.data import DataFile
from tof_hf.config.problems import KeyedModel, KeyProblem, mismatch, section_in
from tof_hf.config.yaml import Document, parse_yaml, read_document
from tof_hf.errors import ConfigError

KEY = "base"


class Layer(NamedTuple):
    """The values of a run file without its `base`, or of the command line; errors call it `origin`."""

    origin: str
    values: Mapping[str, Any]
    document: Document = Document(None, None)

    @classmethod
    def of_override(cls, text: str) -> Self:
        """The layer that `mrc.learning_rate=2e-6` stands for. Raises ConfigError."""
        key, equals, value = text.partition("=")
        if not equals or not re.fullmatch(r"[^\s.=]+(\.[^\s.=]+)*", key):
            raise ConfigError(f"command line: {text!r} is not key=value, such as mrc.learning_rate=2e-6.")
        first, *rest = key.split(".")
        if first == KEY:
            raise ConfigError("command line: base cannot be set here: write it into a run file.")
        inner = parse_yaml(value, name=f"command line: {key}")
        for name in reversed(rest):
            inner = _Inside({name: inner})
        return cls("command line", _Inside({first: inner}))

    def over(self, below: Mapping[str, Any], kind: type[KeyedModel]) -> dict[str, Any]:
        """The values laid over those of weaker layers: sections key by key, everything else as it is here.

        A data file, or a list of them, takes options from a layer that names no path: `{limit: 100}`.
        Raises KeyProblem where an override leads to no place.
        """
        return copy.deepcopy(_laid_over(self.values, below, kind, ()))

    def place(self, path: Sequence[str]) -> str:
        """The file and the line, if there is one, where the key or the section around it was written."""
        line = self.document.line(path)
        return self.origin if line is None else f"{self.origin}:{line}"


class _Inside(dict[str, Any]):
    """The way of an override to its value: everything next to it stays."""


def layers_of(origin: str, document: Document, folder: Path, above: Sequence[Path] = ()) -> list[Layer]:
    """The run file and everything that it is laid over, weakest first.

    Args:
        document: what the file holds.
        folder: where its `base` starts from.
        above: the files that led to this one, itself the last.

    Raises:
        ConfigError: a base that is not a file, that leads back to itself, or that holds no run file.
    """
    if not isinstance(document.value, Mapping):
        raise ConfigError(f"{origin}: {mismatch((), 'a section (key: value lines)', document.value)}")
    values = copy.deepcopy(dict(document.value))
    named = values.pop(KEY, [])
    layer = Layer(origin, values, document)
    names = named if isinstance(named, list) else [named]
    if not all(isinstance(name, str | os.PathLike) for name in names):
        raise ConfigError(f"{layer.place([KEY])}: {mismatch((KEY,), 'a run file or a list of them', named)}")
    layers: list[Layer] = []
    for name in names:
        path = folder / os.path.expanduser(os.path.expandvars(name))
        if not path.is_file():
            raise ConfigError(
                f"{layer.place([KEY])}: base is {os.fspath(name)!r}, but there is no file {path}. "
                "A relative base starts at the folder of the file that names it."
            )
        if any(path.samefile(one) for one in above):
            chain = " -> ".join(str(one) for one in [*above, path])
            raise ConfigError(f"{layer.place([KEY])}: base leads back to where it started: {chain}.")
        layers += layers_of(os.path.normpath(path), read_document(path), path.parent, [*above, path])
    return [*layers, layer]


def origin_of(path: Sequence[str], layers: Sequence[Layer]) -> Layer:
    """The strongest of the layers that have the key, or most of it."""
    return max(reversed(layers), key=lambda layer: _depth(layer.values, path))


def _laid_over(
    values: Mapping[str, Any], below: Mapping[str, Any], kind: type[KeyedModel] | None, path: tuple[str, ...]
) -> dict[str, Any]:
    fields = kind.model_fields if kind else {}
    over = {
        name: _over(
            value, below.get(name), section_in(fields[name].annotation) if name in fields else None, (*path, name)
        )
        for name, value in values.items()
        if name in below or isinstance(value, _Inside)
    }
    return {**below, **values, **over}


def _over(value: Any, below: Any, kind: type[KeyedModel] | None, path: tuple[str, ...]) -> Any:
    inside = isinstance(value, _Inside)
    if not inside and (kind is None or not isinstance(value, Mapping)):
        return value
    if kind is DataFile and "path" in value and not inside:
        return value  # the options of the file below, such as its columns, do not fit another file
    if inside and next(iter(value)).isdecimal():
        return _over_entry(value, below, kind, path)
    if isinstance(below, list) and (kind is DataFile or (inside and below)):
        return [_over(value, one, kind, (*path, str(number))) for number, one in enumerate(below)]
    if isinstance(below, str | os.PathLike) and kind is DataFile:
        below = {"path": below}
    if inside and below is None:
        below = {}
    if isinstance(below, Mapping):
        return _laid_over(value, below, kind, path)
    if inside:
        raise mismatch(path, "a section (key: value lines)", below)
    return value


def _over_entry(value: _Inside, below: Any, kind: type[KeyedModel] | None, path: tuple[str, ...]) -> list[Any]:
    [(number, entry)] = value.items()
    entries = below if isinstance(below, list) else [] if below is None else [below]
    if int(number) >= len(entries):
        key = ".".join(path)
        text = f"{key} is a list with {len(entries)} entries, counted from 0: there is no {key}.{number}."
        raise KeyProblem((*path, number), text)
    new = _over(entry, entries[int(number)], kind, (*path, number))
    return [*entries[: int(number)], new, *entries[int(number) + 1 :]]


def _depth(place: Any, path: Sequence[str]) -> int:
    """How many parts of the path can be followed."""
    depth = 0
    for name in path:
        if isinstance(place, Mapping) and name in place:
            place = place[name]
        elif isinstance(place, list) and name.isdecimal() and int(name) < len(place):
            place = place[int(name)]
        elif not (
            isinstance(place, Mapping | str) and name.isdecimal()
        ):  # one entry stands for a list, or for all of it
            return depth + (isinstance(place, str) and name == "path")
        depth += 1
    return depth
