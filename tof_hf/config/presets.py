"""The presets: named values for the stages, each with its reason, in paper.yaml and official_code.yaml."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

from tof_hf.config.yaml import packaged_yaml

PRESETS = ("paper", "official_code")
"""The names of the presets. Each also has the values of those before it."""

STAGES = ("mlm", "mrc", "ner", "pseudo_ner", "continual_mrc", "continual_ner", "distillation")

INHERITS_FROM = {"pseudo_ner": "ner", "continual_ner": "ner", "continual_mrc": "mrc"}
"""A later stage inherits every option that is not set for it from the first stage of its kind."""

NOT_INHERITED = frozenset(
    """
    enabled use_source use_pseudo use_translated use_target_qa use_source_qa use_ner_mrc use_pseudo_mrc
    use_translated_qa use_translated_ner_mrc
    """.split()
)
"""Options that belong to one line of Algorithm 1, which later stages never inherit."""


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


def stage_values(preset: str, given: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The flat options of every stage: the preset's, then those `given`, after inheritance between stages.

    An option of `continual_mrc` comes from the first of: given there, set there by the preset, given or set
    for `mrc` (unless it is in NOT_INHERITED).
    """
    own: dict[str, dict[str, Any]] = {stage: {} for stage in STAGES}
    for name in PRESETS[: PRESETS.index(preset) + 1]:
        for setting in settings(name):
            stage, _, option = setting.key.partition(".")
            own[stage][option] = setting.value
    resolved: dict[str, dict[str, Any]] = {}
    for stage in STAGES:
        parent = resolved.get(INHERITS_FROM.get(stage, ""), {})
        inherited = {option: value for option, value in parent.items() if option not in NOT_INHERITED}
        resolved[stage] = {**inherited, **own[stage], **given.get(stage, {})}
    return resolved
