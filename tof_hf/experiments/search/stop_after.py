"""A recipe that ends early: with the stage that is searched, or with the tagger that shows what it was good for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tof_hf.algorithm.steps import Steps
from tof_hf.stages.stage import Checkpoint

TAGGERS = ("ner", "pseudo_ner", "continual_ner", "distillation")
STAGES = ("mlm", "mrc", "ner", "pseudo_ner", "continual_mrc", "continual_ner", "distillation")
_STEPS = {"distil": "distillation"} | {stage: stage for stage in STAGES[:-1]}  # by the name of the step


class StageNotReached(Exception):
    """The recipe ended without training the stage."""


class _Stop(Exception):
    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint


def stop_after(recipe: Callable[[Any], Checkpoint], stage: str, *, own: bool) -> Callable[[Steps], Checkpoint]:
    """The recipe up to the first tagger from `stage` or after it; with `own` up to the stage itself.

    Of a stage that is repeated in rounds, the last round counts. The recipe raises StageNotReached if it ends before.
    """

    def shortened(do: Steps) -> Checkpoint:
        try:
            recipe(_StoppingSteps(do, stage, own))
        except _Stop as stop:
            return stop.checkpoint
        raise StageNotReached(stage)

    return shortened


class _StoppingSteps:
    """Steps that stop the recipe once the deciding checkpoint is trained."""

    def __init__(self, do: Steps, stage: str, own: bool, *, passed: bool = False) -> None:
        self._do, self._stage, self._own, self._passed = do, stage, own, passed

    def without_translation(self) -> _StoppingSteps:
        # New ones: the recipe may also continue with these, which still have their translations.
        return _StoppingSteps(self._do.without_translation(), self._stage, self._own, passed=self._passed)

    def __getattr__(self, name: str) -> Any:
        step = getattr(self._do, name)
        if name not in _STEPS:
            return step
        stage = _STEPS[name]

        def stopping(*args: Any, **kwargs: Any) -> Checkpoint:
            checkpoint = step(*args, **kwargs)
            self._passed |= stage == self._stage
            last = kwargs.get("round", self._do.config.rounds) == self._do.config.rounds
            if self._passed and last and (stage == self._stage if self._own else stage in TAGGERS):
                raise _Stop(checkpoint)
            return checkpoint

        return stopping
