"""Which stages a recipe trains with a config, found by walking through it without data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tof_hf.algorithm.steps import STEPS, Steps
from tof_hf.config import TofConfig
from tof_hf.config.stage_name import StageName
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
    except _NeedsData:
        return [Visit(section) for section, stage in config.stages().items() if stage.enabled]
    return walk.visited


class _NeedsData(Exception):
    """A recipe uses what only a run has."""


class _NoLabels:
    def __getattr__(self, name: str) -> Any:
        raise _NeedsData


@dataclass
class _Walk:
    """Steps that only note which stage each of them would train."""

    config: TofConfig
    translation: bool = True
    visited: list[Visit] = field(default_factory=list)
    pretrained: Checkpoint = Checkpoint("", "", "")

    def without_translation(self) -> _Walk:
        return replace(self, translation=False)

    def with_defaults(self, defaults: object) -> _Walk:
        return self

    def teachers(self) -> list[_Walk]:
        return [self]

    def label(self, tagger: Checkpoint, *others: Checkpoint) -> _NoLabels:
        self._visit("labelling", tagger)
        return _NoLabels()

    def soft_label(self, teachers: Sequence[Checkpoint], voters: Sequence[Sequence[Checkpoint]] = ()) -> _NoLabels:
        return _NoLabels()

    def __getattr__(self, name: str) -> Callable[..., Checkpoint]:
        if name in Steps.__dataclass_fields__:
            raise _NeedsData
        if name not in STEPS:
            raise AttributeError(f"Steps has no step {name!r}. A method that trains a stage is marked with @step.")
        return partial(self._train, STEPS[name])

    def _train(self, kind: str, start: Checkpoint, *labels: object, round: int = 0, **options: object) -> Checkpoint:
        stage = StageName(kind, round)
        # A student is always trained.
        if stage.section != "distillation" and not self.config.stages()[stage.section].enabled:
            return start
        self._visit(stage.section, start)
        return Checkpoint(str(stage.after(start.stage)), "", "")

    def _visit(self, section: str, start: Checkpoint) -> None:
        path = start.stage.path if start.stage else ()
        self.visited.append(Visit(section, self.translation, any(stage.kind == "mrc" for stage in path)))
