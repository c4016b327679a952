"""The presets: named values for the stages and for labelling, each with its reason, in a YAML file of its name."""

import functools
from typing import Any, NamedTuple

from tof_hf.config.yaml import packaged_yaml

PRESETS = {"paper": ["paper"], "official_code": ["paper", "official_code"], "small": ["paper", "small"]}
"""The files of each preset, the strongest last."""

INHERITS_FROM = {"pseudo_ner": "ner", "continual_ner": "ner", "continual_mrc": "mrc"}
"""A later stage inherits every option that is not set for it from the first stage of its kind."""


class Setting(NamedTuple):
    """One value of a preset: `key` as in a run file, and the reason for the value."""

    key: str
    value: Any
    why: str


@functools.cache
def settings(preset: str) -> tuple[Setting, ...]:
    """What the file of a preset sets."""
    stages = packaged_yaml("tof_hf.config", f"{preset}.yaml")
    return tuple(
        Setting(f"{stage}.{option}", value, why)
        for stage, options in stages.items()
        for option, (value, why) in options.items()
    )
