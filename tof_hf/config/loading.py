"""`load_config`: a run file, the files it is laid over and the command line as one checked TofConfig.

From weakest to strongest: defaults, preset, the run file's `base`, the run file, command line
(`mrc.learning_rate=2e-6`). Paths start at the current folder; `~` and `$VAR` are expanded.
"""

import copy
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from tof_hf.config.data import DataFile
from tof_hf.config.presets import INHERITS_FROM, PRESETS
from tof_hf.config.problems import KeyedModel, KeyProblem, KeyProblems, mismatch, section_in
from tof_hf.config.run_file import TofConfig
from tof_hf.config.stage_values import stage_values
from tof_hf.config.stages import STAGES
from tof_hf.config.yaml import Document, parse_yaml, read_document
from tof_hf.errors import ConfigError

BASE = "base"


def load_config(source: str | os.PathLike[str] | Mapping[str, Any], overrides: Sequence[str] = ()) -> TofConfig:
    """The checked TofConfig of a run file (or of a mapping like one).

    Args:
        source: path of a YAML file, or the mapping it would hold. With `base` it is laid over other files.
        overrides: `key=value` texts, which override the file. Keys are dotted (`source.train.limit=100`,
            `target.text.0.path=x.txt`; without the number all entries of the list), values are YAML (`null`, `[a, b]`,
            `{OTHER: MISC}`).

    Returns:
        The config. Options that nobody set have the preset's values; later stages inherit from earlier ones.

    Raises:
        ConfigError: everything that is wrong, one line each: file and line, key, what is needed, and a suggestion for a
            mistyped name. Options of a section that do not fit together are only reported once each is right alone.

    Example:
        >>> config = load_config("es.yaml", ["mrc.learning_rate=2e-6", "seed=1"])
    """
    if isinstance(source, Mapping):
        layers = layers_of("config", Document(source, None), Path())
    else:
        path = Path(source)
        layers = layers_of(os.fspath(source), read_document(path), path.parent, [path])
    layers += [Layer.of_override(text) for text in overrides]
    values: dict[str, Any] = {}
    problems: list[KeyProblem] = []
    for layer in layers:
        try:
            values = layer.over(values, TofConfig)
        except KeyProblem as problem:
            problems.append(problem)
    values = _without_empty_sections(values)
    if "word_rule" not in values and _keeps_legacy_words(values.get("output_dir")):
        values["word_rule"] = "legacy"
    preset = values.get("preset", "paper")
    preset = preset if isinstance(preset, str) and preset in PRESETS else "paper"
    sections = [*STAGES, "labelling"]
    given = {name: value for name, value in values.items() if name in sections and isinstance(value, Mapping)}
    try:
        config = TofConfig.from_dict(stage_values(preset, given) | {k: v for k, v in values.items() if k not in given})
    except KeyProblems as found:
        problems += _not_inherited(found.problems, values)
    if problems:
        raise KeyProblems(_placed(problems, layers))
    return config


def _keeps_legacy_words(output_dir: Any) -> bool:
    """Whether a run of before the option `word_rule` is in the folder: its words stay, so that its stages do."""
    with suppress(OSError, ValueError, TypeError):
        folder = Path(os.path.expanduser(os.path.expandvars(output_dir)))
        if (folder / "lineage.json").is_file():
            written = (folder / "config.yaml").read_text(encoding="utf-8")
            return re.search(r"^word_rule: (?!legacy)", written, re.MULTILINE) is None
    return False


class Layer(NamedTuple):
    """The values of a run file without its `base`, or of the command line; errors call it `origin`.

    In an override the values are a mapping with one key, `inside` times: the way to what it sets.
    """

    origin: str
    values: Mapping[str, Any]
    document: Document = Document(None, None)
    inside: int = 0

    @classmethod
    def of_override(cls, text: str) -> Self:
        """The layer that `mrc.learning_rate=2e-6` stands for. Raises ConfigError."""
        key, equals, value = text.partition("=")
        if not equals or not re.fullmatch(r"[^\s.=]+(\.[^\s.=]+)*", key):
            raise ConfigError(f"command line: {text!r} is not key=value, such as mrc.learning_rate=2e-6.")
        names = key.split(".")
        if names[0] == BASE:
            raise ConfigError("command line: base cannot be set here: write it into a run file.")
        values = parse_yaml(value, name=f"command line: {key}")
        for name in reversed(names):
            values = {name: values}
        return cls("command line", values, inside=len(names))

    def over(self, below: Mapping[str, Any], kind: type[KeyedModel]) -> dict[str, Any]:
        """The values laid over those of weaker layers: sections key by key, everything else as it is here.

        A data file, or a list of them, takes options from a layer that names no path: `{limit: 100}`.
        Raises KeyProblem where an override leads to no place.
        """
        return copy.deepcopy(_laid_over(self.values, below, kind, self.inside))

    def place(self, path: Sequence[str]) -> str:
        """The file and the line, if there is one, where the key or the section around it was written."""
        line = self.document.line(path)
        return self.origin if line is None else f"{self.origin}:{line}"

    def depth(self, path: Sequence[str]) -> int:
        """How many parts of the path can be followed in the values."""
        place: Any = self.values
        for depth, name in enumerate(path):
            if isinstance(place, Mapping) and name in place:
                place = place[name]
            elif isinstance(place, list) and name.isdecimal() and int(name) < len(place):
                place = place[int(name)]
            elif not (isinstance(place, Mapping | str) and name.isdecimal()):  # one entry stands for a list
                return depth + (isinstance(place, str) and name == "path")
        return len(path)


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
    named = values.pop(BASE, [])
    layer = Layer(origin, values, document)
    names = named if isinstance(named, list) else [named]
    if not all(isinstance(name, str | os.PathLike) for name in names):
        raise ConfigError(f"{layer.place([BASE])}: {mismatch((BASE,), 'a run file or a list of them', named)}")
    layers: list[Layer] = []
    for name in names:
        path = folder / os.path.expanduser(os.path.expandvars(name))
        if not os.path.isfile(path):  # unlike Path.is_file, for a name that no file can have too
            raise ConfigError(
                f"{layer.place([BASE])}: base is {os.fspath(name)!r}, but there is no file {path}. "
                "A relative base starts at the folder of the file that names it."
            )
        if any(path.samefile(one) for one in above):
            chain = " -> ".join(str(one) for one in [*above, path])
            raise ConfigError(f"{layer.place([BASE])}: base leads back to where it started: {chain}.")
        layers += layers_of(os.path.normpath(path), read_document(path), path.parent, [*above, path])
    return [*layers, layer]


def _laid_over(value: Any, below: Any, kind: type[KeyedModel] | None, inside: int, path: tuple[str, ...] = ()) -> Any:
    """The value over the one of weaker layers, a section of this `kind`; for `inside` more keys it is an override."""
    is_file = kind is not None and issubclass(kind, DataFile)
    first = next(iter(value)) if inside else ""
    if not inside and (kind is None or not isinstance(value, Mapping) or (is_file and "path" in value)):
        return value  # the options of the file below, such as its columns, do not fit another file
    if path and first.isdecimal():
        entries = list(below) if isinstance(below, list) else [] if below is None else [below]
        if int(first) >= len(entries):
            key = ".".join(path)
            text = f"{key} is a list with {len(entries)} entries, counted from 0: there is no {key}.{first}."
            raise KeyProblem((*path, first), text)
        entries[int(first)] = _laid_over(value[first], entries[int(first)], kind, inside - 1, (*path, first))
        return entries
    if isinstance(below, list) and (is_file or (inside and below)):
        return [_laid_over(value, one, kind, inside, (*path, str(number))) for number, one in enumerate(below)]
    if isinstance(below, str | os.PathLike) and is_file:
        below = {"path": below}
    if not isinstance(below, Mapping | None):
        if inside:
            raise mismatch(path, "a section (key: value lines)", below)
        return value
    merged = dict(below or {})
    for name, inner in value.items():
        field = kind.model_fields.get(name) if kind else None
        inner_kind = section_in(field.annotation) if field else None
        merged[name] = _laid_over(inner, merged.get(name), inner_kind, max(0, inside - 1), (*path, name))
    return merged


def dotted(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """`{mrc: {use_ner_mrc: false}}` as `{mrc.use_ner_mrc: false}`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        flat |= dotted(value, f"{key}.") if isinstance(value, Mapping) and value else {key: value}
    return flat


def _without_empty_sections(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values without sections that have a name and nothing in it, as if they were not there."""
    optional = {
        name
        for name, field in TofConfig.model_fields.items()
        if section_in(field.annotation) and not field.is_required()
    }
    return {name: value for name, value in values.items() if value is not None or name not in optional}


def _not_inherited(problems: Sequence[KeyProblem], values: Mapping[str, Any]) -> Iterator[KeyProblem]:
    """The problems without those that a later stage only inherits from the stage with the mistake."""
    known = {problem.path for problem in problems}
    for problem in problems:
        stage, *rest = problem.path or ("",)
        given = values.get(stage)
        own = isinstance(given, Mapping) and bool(rest) and rest[0] in given
        if own or not rest or (INHERITS_FROM.get(stage), *rest) not in known:
            yield problem


def _placed(problems: Sequence[KeyProblem], layers: Sequence[Layer]) -> list[KeyProblem]:
    """The problems with the place where each was written, in the order of these places."""
    places = []
    for problem in problems:
        layer = max(reversed(layers), key=lambda layer: layer.depth(problem.path))  # the strongest that has most of it
        places.append((layer, problem))
    places.sort(key=lambda one: (layers.index(one[0]), one[0].document.line(one[1].path) or 0))
    return [KeyProblem(problem.path, f"{layer.place(problem.path)}: {problem.text}") for layer, problem in places]
