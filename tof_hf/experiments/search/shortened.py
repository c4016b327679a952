"""A recipe that ends early: with the stage that is searched, or with the tagger that shows what it was good for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tof_hf.algorithm.steps import Steps
from tof_hf.stages.stage import Checkpoint

TAGGERS = ("ner", "pseudo_ner", "continual_ner", "distillation")
STAGES = ("mlm", "mrc", "ner", "pseudo_ner", "continual_mrc", "continual_ner", "distillation")
_STEPS = {"distil": "distillation"} | {stage: stage for stage in STAGES[:-1]}  # by the name of the step


class NoSuchStage(Exception):
    """The recipe came to its end and never to the stage."""


class _Enough(Exception):
    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint


def until(recipe: Callable[[Any], Checkpoint], stage: str, *, own: bool) -> Callable[[Steps], Checkpoint]:
    """The recipe up to the first tagger that comes out of `stage` or after it; `own`: up to the stage itself.

    Of stages in rounds the last one counts. The recipe raises NoSuchStage if it never comes there.
    """

    def shortened(do: Steps) -> Checkpoint:
        try:
            recipe(_Watched(do, stage, own))
        except _Enough as enough:
            return enough.checkpoint
        raise NoSuchStage(stage)

    return shortened


class _Watched:
    """Steps that stop the recipe once enough is known."""

    def __init__(self, do: Steps, stage: str, own: bool) -> None:
        self._do, self._stage, self._own, self._passed = do, stage, own, False

    def without_translation(self) -> _Watched:
        watched = _Watched(self._do.without_translation(), self._stage, self._own)
        watched._passed = self._passed
        return watched  # the recipe may go on with these steps as well, which have their translations still

    def __getattr__(self, name: str) -> Any:
        step = getattr(self._do, name)
        if name not in _STEPS:
            return step
        stage = _STEPS[name]

        def watched(*args: Any, **kwargs: Any) -> Checkpoint:
            checkpoint = step(*args, **kwargs)
            self._passed |= stage == self._stage
            last = kwargs.get("round", self._do.config.rounds) == self._do.config.rounds
            if self._passed and last and (stage == self._stage if self._own else stage in TAGGERS):
                raise _Enough(checkpoint)
            return checkpoint

        return watched
