"""Which stages a recipe trains with a config, found by walking through it without data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tof_hf.config import TofConfig
from tof_hf.stages.stage import Checkpoint

_SECTIONS = {
    **{name: name for name in ("mlm", "mrc", "ner", "pseudo_ner", "continual_mrc", "continual_ner")},
    **{"translated_ner": "ner", "tuned_ner": "ner", "distil": "distillation"},
}  # of the run file, by the step of a recipe that has its options


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


@dataclass
class _Walk:
    """Steps that only note which stage each of them would train."""

    config: TofConfig
    translation: bool = True
    visited: list[Visit] = field(default_factory=list)
    pretrained: Checkpoint = Checkpoint("", "", "")

    def without_translation(self) -> _Walk:
        return replace(self, translation=False)

    def label(self, tagger: Checkpoint) -> None:
        self.visited.append(Visit("labelling", self.translation, "mrc" in tagger.name))

    def soft_label(self, teachers: Sequence[Checkpoint], voters: Sequence[Checkpoint] = ()) -> None:
        return None

    def __getattr__(self, step: str) -> Callable[..., Checkpoint]:
        if step not in _SECTIONS:
            raise AttributeError(step)
        return partial(self._visit, _SECTIONS[step])

    def _visit(self, section: str, start: Checkpoint, *labels: object, **options: object) -> Checkpoint:
        if section != "distillation" and not self.config.stages()[section].enabled:  # a student is always trained
            return start
        self.visited.append(Visit(section, self.translation, "mrc" in start.name))
        return Checkpoint(f"{start.name}-{section}".removeprefix("-"), "", "")
