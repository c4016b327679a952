"""A recipe that ends early: with the stage that is searched, or with the tagger that shows what it was good for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from tof_hf.algorithm.recipe import Recipe
from tof_hf.algorithm.steps import STEPS, Steps
from tof_hf.config import TaggerConfig
from tof_hf.config.stage_name import StageName
from tof_hf.errors import ConfigError
from tof_hf.stages.stage import Checkpoint


class _Stop(Exception):
    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint


def stop_after(recipe: Recipe, stage: str, *, own: bool) -> Callable[[Steps], Checkpoint]:
    """The recipe up to the first tagger from `stage` or after it; with `own` up to the stage itself.

    Of a stage that is repeated in rounds, the last round counts. The recipe raises ConfigError if it ends before.
    """

    def shortened(do: Steps) -> Checkpoint:
        try:
            recipe(cast(Steps, _StoppingSteps(do, stage, own)))
        except _Stop as stop:
            return stop.checkpoint
        raise ConfigError(f"{recipe.name} never reaches {stage} with this config. Name another one with --system.")

    return shortened


class _StoppingSteps:
    """Steps that stop the recipe once the deciding checkpoint is trained."""

    def __init__(self, do: Steps, stage: str, own: bool, *, passed: bool = False) -> None:
        self._do, self._stage, self._own, self._passed = do, stage, own, passed

    def without_translation(self) -> _StoppingSteps:
        # New ones: the recipe may also continue with these, which still have their translations.
        return self._of(self._do.without_translation())

    def with_defaults(self, defaults: Mapping[str, Any]) -> _StoppingSteps:
        return self._of(self._do.with_defaults(defaults))

    def teachers(self) -> list[_StoppingSteps]:
        return [self, *map(self._of, self._do.teachers()[1:])]

    def _of(self, do: Steps) -> _StoppingSteps:
        return _StoppingSteps(do, self._stage, self._own, passed=self._passed)

    def __getattr__(self, name: str) -> Any:
        step, config = getattr(self._do, name), self._do.config
        if name not in STEPS:
            return step

        def stopping(*args: Any, **kwargs: Any) -> Checkpoint:
            checkpoint, round = step(*args, **kwargs), kwargs.get("round", 0)
            stage = StageName(STEPS[name], round).section
            self._passed |= stage == self._stage
            decides = stage == self._stage if self._own else isinstance(config.stages()[stage], TaggerConfig)
            if self._passed and decides and round in (0, config.rounds):
                raise _Stop(checkpoint)
            return checkpoint

        return stopping
