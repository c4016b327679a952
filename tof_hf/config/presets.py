"""The presets: named values for the stages, each with its reason, in paper.yaml and official_code.yaml."""

import functools
from typing import Any, NamedTuple

from tof_hf.config.yaml import packaged_yaml

PRESETS = ("paper", "official_code")
"""The names of the presets. Each also has the values of those before it."""

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
