"""Run files laid over others: `base` names the file, or the files, whose values hold where this one has none."""

from __future__ import annotations

import copy
import os
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tof_hf.config.data import DataFile
from tof_hf.config.sections import KeyProblem, Section, mismatch
from tof_hf.config.yaml_text import read_yaml
from tof_hf.errors import ConfigError

KEY = "base"


class Layer(NamedTuple):
    """The values of one run file without its `base`; `origin` is what errors call the file."""

    origin: str
    values: dict[str, Any]


def layers_of(origin: str, raw: Any, folder: Path, above: Sequence[Path] = ()) -> list[Layer]:
    """The run file with all that it is laid over, weakest first.

    Args:
        raw: what the file holds.
        folder: where its `base` counts from.
        above: the files that led to this one, itself the last.

    Raises:
        ConfigError: a base that is no file, that leads back to itself, or that holds no run file.
    """
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{origin}: {mismatch('', 'a section (key: value lines)', raw)}")
    values = copy.deepcopy(dict(raw))
    named = values.pop(KEY, [])
    names = named if isinstance(named, list) else [named]
    if not all(isinstance(name, str | os.PathLike) for name in names):
        raise ConfigError(f"{origin}: {mismatch(KEY, 'a run file or a list of them', named)}")
    layers: list[Layer] = []
    for name in names:
        path = folder / os.path.expanduser(os.path.expandvars(name))
        if not path.is_file():
            raise ConfigError(
                f"{origin}: base is {os.fspath(name)!r}, but there is no file {path}. "
                "A base counts from the folder of the file that names it."
            )
        if any(path.samefile(one) for one in above):
            chain = " -> ".join(str(one) for one in [*above, path])
            raise ConfigError(f"{origin}: base leads back to where it started: {chain}.")
        layers += layers_of(os.path.normpath(path), read_yaml(path), path.parent, [*above, path])
    return [*layers, Layer(origin, values)]


def merged(layers: Sequence[Layer], kind: type[Section]) -> dict[str, Any]:
    """The values of all layers: sections key by key, everything else as the strongest layer has it.

    A data file, or a list of them, takes options from a stronger layer that names no path: `{limit: 100}`.
    """
    result: dict[str, Any] = {}
    for layer in layers:
        result = _laid_over(layer.values, result, kind)
    return copy.deepcopy(result)


def origin_of(key: str, layers: Sequence[Layer]) -> str:
    """The strongest of the files that have the dotted key, or most of it."""
    return max(reversed(layers), key=lambda layer: _depth(layer.values, key)).origin


def refuse_on_command_line(key: str) -> None:
    """Nothing, or a KeyProblem if the key of an override is `base`."""
    if key.split(".")[0] == KEY:
        raise KeyProblem(key, "base cannot be set here: write it into a run file.")


def _laid_over(values: Mapping[str, Any], below: Mapping[str, Any], kind: type[Section]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    over = {name: _over(value, below[name], hints.get(name)) for name, value in values.items() if name in below}
    return {**below, **values, **over}


def _over(value: Any, below: Any, hint: Any) -> Any:
    kinds = [one for one in (hint, *typing.get_args(hint)) if isinstance(one, type) and issubclass(one, Section)]
    if not kinds or not isinstance(value, Mapping):
        return value
    if kinds[0] is DataFile:
        if "path" in value:  # another file: what was said of the first one's columns does not hold for it
            return value
        if isinstance(below, list):
            return [_over(value, one, DataFile) for one in below]
        if isinstance(below, str):
            below = {"path": below}
    return _laid_over(value, below, kinds[0]) if isinstance(below, Mapping) else value


def _depth(place: Any, key: str) -> int:
    """How many parts of the dotted key can be followed."""
    depth = 0
    for name in key.split("."):
        if isinstance(place, Mapping) and name in place:
            place = place[name]
        elif isinstance(place, list) and name.isdigit() and int(name) < len(place):
            place = place[int(name)]
        elif not (isinstance(place, Mapping | str) and name == "0"):  # one entry stands for a list
            return depth + (isinstance(place, str) and name == "path")
        depth += 1
    return depth
