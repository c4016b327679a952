"""Which stages a recipe goes through with a config, found by walking it without data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tof_hf.config import StageConfig, TofConfig
from tof_hf.stages.stage import Checkpoint

STAGES = ("mlm", "mrc", "ner", "pseudo_ner", "continual_mrc", "continual_ner", "distillation")  # sections of a run file


@dataclass(frozen=True)
class Visit:
    """One stage of a recipe: the section with its options, and whether it may see translated source data."""

    section: str
    translated: bool


def visits(recipe: Callable[[Any], Any], config: TofConfig) -> list[Visit]:
    """The stages that the recipe trains with this config, in order.

    A recipe of the user's own may ask its steps for more than this walk knows, such as data; then every stage that the
    config has is taken to be one of its.
    """
    walk = _Walk(config)
    try:
        recipe(walk)
    except AttributeError:
        return [Visit(section, True) for section in STAGES if _stage(config, section).enabled]
    return walk.visited


def visited_sections(recipes: Sequence[Callable[[Any], Any]], config: TofConfig) -> dict[str, StageConfig]:
    """The options of the stages that any of the recipes trains, by section, in the order of the run file."""
    found = {visit.section for recipe in recipes for visit in visits(recipe, config)}
    return {section: _stage(config, section) for section in STAGES if section in found}


def _stage(config: TofConfig, section: str) -> StageConfig:
    stage: StageConfig = getattr(config, section)
    return stage


@dataclass
class _Walk:
    """Steps that only note which stage each of them would train."""

    config: TofConfig
    translation: bool = True
    visited: list[Visit] = dataclasses.field(default_factory=list)
    pretrained: Checkpoint = Checkpoint("", "", "")

    def without_translation(self) -> _Walk:
        return dataclasses.replace(self, translation=False)

    def mlm(self, start: Checkpoint) -> Checkpoint:
        return self._visit("mlm")

    def mrc(self, start: Checkpoint) -> Checkpoint:
        return self._visit("mrc")

    def ner(self, start: Checkpoint) -> Checkpoint:
        return self._visit("ner")

    translated_ner = tuned_ner = ner

    def pseudo_ner(self, start: Checkpoint, pseudo: Any) -> Checkpoint:
        return self._visit("pseudo_ner")

    def continual_mrc(self, start: Checkpoint, pseudo: Any, *, round: int) -> Checkpoint:
        return self._visit("continual_mrc")

    def continual_ner(self, start: Checkpoint, pseudo: Any, *, round: int) -> Checkpoint:
        return self._visit("continual_ner")

    def distil(self, start: Checkpoint, taught: Any) -> Checkpoint:
        return self._visit("distillation")

    def label(self, tagger: Checkpoint) -> None:
        return None

    def soft_label(self, teachers: Sequence[Checkpoint], voters: Sequence[Checkpoint] = ()) -> None:
        return None

    def _visit(self, section: str) -> Checkpoint:
        if _stage(self.config, section).enabled:
            self.visited.append(Visit(section, self.translation))
        return self.pretrained
