"""A recipe that ends early: with the stage that is searched, or with the tagger that shows what it was good for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from tof_hf.algorithm.recipe import Recipe
from tof_hf.algorithm.steps import Steps
from tof_hf.errors import ConfigError
from tof_hf.stages.stage import Checkpoint

TAGGERS = ("ner", "pseudo_ner", "continual_ner", "distillation")


class _Stop(Exception):
    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint


def stop_after(recipe: Recipe, stage: str, *, own: bool) -> Callable[[Steps], Checkpoint]:
    """The recipe up to the first tagger from `stage` or after it; with `own` up to the stage itself.

    Of a stage that is repeated in rounds, the last round counts. The recipe raises ConfigError if it ends before.
    """

    def shortened(do: Steps) -> Checkpoint:
        try:
            recipe.train(cast(Steps, _StoppingSteps(do, stage, own)))
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
        return _StoppingSteps(self._do.without_translation(), self._stage, self._own, passed=self._passed)

    def __getattr__(self, name: str) -> Any:
        step, stage = getattr(self._do, name), "distillation" if name == "distil" else name
        if stage not in self._do.config.stages():
            return step

        def stopping(*args: Any, **kwargs: Any) -> Checkpoint:
            checkpoint = step(*args, **kwargs)
            self._passed |= stage == self._stage
            last = kwargs.get("round", self._do.config.rounds) == self._do.config.rounds
            if self._passed and last and (stage == self._stage if self._own else stage in TAGGERS):
                raise _Stop(checkpoint)
            return checkpoint

        return stopping
