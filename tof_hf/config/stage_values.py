"""The values of the stages: a preset's, those of a run file, and what later stages inherit from earlier ones."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from tof_hf.config.presets import INHERITS_FROM, PRESETS, settings
from tof_hf.config.stages import STAGES


def stage_values(preset: str, given: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The flat options of every stage and of labelling: the preset's, then those `given`, after inheritance.

    An option of `continual_mrc` comes from the first of: given there, set there by the preset, given or set
    for `mrc` (unless the option belongs to one line of Algorithm 1).
    """
    own: dict[str, dict[str, Any]] = {section: {} for section in (*STAGES, "labelling")}
    for setting in chain.from_iterable(map(settings, PRESETS[preset])):
        section, _, option = setting.key.partition(".")
        own[section][option] = setting.value
    resolved: dict[str, dict[str, Any]] = {}
    for stage, kind in STAGES.items():
        parent = resolved.get(INHERITS_FROM.get(stage, ""), {})
        inherited = {option: value for option, value in parent.items() if kind.inherits(option)}
        resolved[stage] = {**inherited, **own[stage], **given.get(stage, {})}
    return resolved | {"labelling": {**own["labelling"], **given.get("labelling", {})}}
