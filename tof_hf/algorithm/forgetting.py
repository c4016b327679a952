"""The alarm for what NER stages forget: their F1 on labelled source sentences, against the best stage before."""

from __future__ import annotations

from dataclasses import dataclass

from tof_hf.errors import TofError


@dataclass(frozen=True)
class Drop:
    """A NER stage's F1 on source validation, in 0..1, and the best of the stages before it in the same system."""

    stage: str
    f1: float
    best_stage: str
    best_f1: float

    def __str__(self) -> str:
        return (
            f"{self.stage}: F1 on source validation fell to {self.f1:.4f}, {self.best_f1 - self.f1:.4f} below "
            f"{self.best_stage} ({self.best_f1:.4f})"
        )


class BestSourceF1:
    """The best F1 on source validation so far, of the NER stages of one system."""

    def __init__(self, max_drop: float) -> None:
        self.max_drop = max_drop
        self._best: tuple[str, float] | None = None

    def drop(self, stage: str, f1: float) -> Drop | None:
        """What the stage lost against the best before it, if that is more than `max_drop`."""
        if self._best is None or self._best[1] - f1 <= self.max_drop + 1e-9:  # the rest of a subtraction
            return None
        return Drop(stage, f1, *self._best)

    def keep(self, stage: str, f1: float) -> None:
        """Remember a stage that the recipe continues from."""
        if self._best is None or f1 > self._best[1]:
            self._best = (stage, f1)


def forgotten(drop: Drop, max_drop: float) -> TofError:
    """The error for a run that stops where a stage forgets."""
    return TofError(
        f"{drop}; forgetting.max_drop is {max_drop}. Finished stages stay and are reused. What to do: let that stage "
        "learn less (its learning_rate, num_train_epochs) or with source sentences too (its use_source: true), which "
        "forgetting.action=mix tries by itself, or accept it with forgetting.action=warn; then start the same "
        "command again."
    )
