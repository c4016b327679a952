"""Which stages a recipe trains with a config, found by walking through it without data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tof_hf.config import StageConfig, TofConfig
from tof_hf.stages.stage import Checkpoint


@dataclass(frozen=True)
class Visit:
    """One step of a recipe.

    Attributes:
        section: The section of the run file with its options: a stage's, or `labelling`.
        translated: Whether translated source data is available to it.
        after_mrc: Whether an MRC stage led to its start.
    """

    section: str
    translated: bool = True
    after_mrc: bool = True


def visits(recipe: Callable[[Any], Any], config: TofConfig) -> list[Visit]:
    """The stages that the recipe trains with this config and the labels that it asks for, in order.

    A recipe of the user's own may use what is missing here, such as data; then every enabled stage is assumed.
    """
    walk = _Walk(config)
    try:
        recipe(walk)
    except AttributeError:
        return [Visit(section) for section, stage in config.stages().items() if stage.enabled]
    return walk.visited


def visited_sections(recipes: Sequence[Callable[[Any], Any]], config: TofConfig) -> dict[str, StageConfig]:
    """The options of the stages that any of the recipes trains, by section, in the order of the run file."""
    found = {visit.section for recipe in recipes for visit in visits(recipe, config)}
    return {section: stage for section, stage in config.stages().items() if section in found}


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
        return self._train(start, "mlm")

    def mrc(self, start: Checkpoint) -> Checkpoint:
        return self._train(start, "mrc")

    def ner(self, start: Checkpoint) -> Checkpoint:
        return self._train(start, "ner")

    translated_ner = tuned_ner = ner

    def pseudo_ner(self, start: Checkpoint, pseudo: Any) -> Checkpoint:
        return self._train(start, "pseudo_ner")

    def continual_mrc(self, start: Checkpoint, pseudo: Any, *, round: int) -> Checkpoint:
        return self._train(start, "continual_mrc")

    def continual_ner(self, start: Checkpoint, pseudo: Any, *, round: int) -> Checkpoint:
        return self._train(start, "continual_ner")

    def distil(self, start: Checkpoint, soft_labels: Any) -> Checkpoint:
        return self._visit(start, "distillation")  # a student is trained in any case

    def label(self, tagger: Checkpoint) -> None:
        self._visit(tagger, "labelling")

    def soft_label(self, teachers: Sequence[Checkpoint], voters: Sequence[Checkpoint] = ()) -> None:
        return None

    def _train(self, start: Checkpoint, section: str) -> Checkpoint:
        return self._visit(start, section) if self.config.stages()[section].enabled else start

    def _visit(self, start: Checkpoint, section: str) -> Checkpoint:
        self.visited.append(Visit(section, self.translation, "mrc" in start.name))
        return Checkpoint(f"{start.name}-{section}".removeprefix("-"), "", "")
