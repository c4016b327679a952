"""`load_config`: a run file, the files it is laid over and the command line as one checked TofConfig.

From weakest to strongest: defaults, preset, the run file's `base`, the run file, command line
(`mrc.learning_rate=2e-6`). Paths start at the current folder; `~` and `$VAR` are expanded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tof_hf.config.layers import Layer, layers_of, origin_of
from tof_hf.config.presets import INHERITS_FROM, PRESETS, STAGES, stage_values
from tof_hf.config.problems import KeyProblem, KeyProblems, section_in
from tof_hf.config.run_file import TofConfig
from tof_hf.config.yaml import Document, read_document


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
    preset = values.get("preset", "paper")
    preset = preset if isinstance(preset, str) and preset in PRESETS else "paper"
    given = {name: value for name, value in values.items() if name in STAGES and isinstance(value, Mapping)}
    try:
        config = TofConfig.from_dict(stage_values(preset, given) | {k: v for k, v in values.items() if k not in given})
    except KeyProblems as found:
        problems += _not_inherited(found.problems, values)
    if problems:
        raise KeyProblems(_placed(problems, layers))
    return config


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
    places = [(origin_of(problem.path, layers), problem) for problem in problems]
    places.sort(key=lambda one: (layers.index(one[0]), one[0].document.line(one[1].path) or 0))
    return [KeyProblem(problem.path, f"{layer.place(problem.path)}: {problem.text}") for layer, problem in places]
