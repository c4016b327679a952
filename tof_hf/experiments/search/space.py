"""The search space: options with the values or ranges that optuna draws from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tof_hf.config.yaml import parse_yaml
from tof_hf.errors import ConfigError
from tof_hf.experiments.ablation.rows import override
from tof_hf.experiments.runs import SharedInputs
from tof_hf.experiments.search.trials import Search, Trial, check, run_trial
from tof_hf.utils.extras import require


@dataclass(frozen=True)
class Dimension:
    """An option and its values: one of `choices`, or a number from `low` to `high` (an integer if both are)."""

    key: str
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False

    @property
    def ends(self) -> list[str]:
        """The settings to check before a search: all choices, or both ends."""
        return [override(self.key, value) for value in self.choices or (self.low, self.high)]

    def suggest(self, trial: Any) -> str:
        """The setting that an optuna trial draws."""
        if self.choices:  # by their places: optuna takes no lists
            return override(self.key, self.choices[trial.suggest_categorical(self.key, list(range(len(self.choices))))])
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        draw = trial.suggest_int if whole else trial.suggest_float
        return override(self.key, draw(self.key, self.low, self.high, log=self.log))


def parse_dimension(text: str, stage: str) -> Dimension:
    """The dimension of `learning_rate=1e-6:1e-4:log`, `num_train_epochs=2:6` or `lr_scheduler_type=linear,cosine`.

    A name without a dot is an option of the stage. Raises ConfigError for another form.
    """
    name, equals, values = text.partition("=")
    key = name if "." in name else f"{stage}.{name}"
    if not equals or not name:
        raise ConfigError(f"--space {text!r} is not KEY=LOW:HIGH, KEY=LOW:HIGH:log or KEY=VALUE,VALUE.")
    if ":" not in values:
        choices = tuple(parse_yaml(value, name=f"--space {key}") for value in values.split(","))
        return Dimension(key, choices)
    low, high, *rest = values.split(":")
    ends = [parse_yaml(value, name=f"--space {key}") for value in (low, high)]
    numbers = all(isinstance(end, (int, float)) and not isinstance(end, bool) and math.isfinite(end) for end in ends)
    if not numbers or ends[0] >= ends[1] or rest not in ([], ["log"]) or (rest and ends[0] <= 0):
        raise ConfigError(f"--space {text!r} needs two numbers, the lower one first (above 0 with log).")
    return Dimension(key, (), ends[0], ends[1], log=bool(rest))


def draw(search: Search, space: Sequence[Dimension], trials: int) -> Iterator[Trial]:
    """As many trials as asked for, drawn by optuna's TPE with the seed of the run file.

    The same call draws the same settings again and reuses what it trained, so it resumes a search that was stopped.
    Raises TofError if optuna is not installed.
    """
    require("search", "optuna")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    inputs = SharedInputs()
    check(search, [[end] for dimension in space for end in dimension.ends], inputs)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=search.seed))
    for _ in range(trials):
        drawn = study.ask()
        trial = run_trial(search, [dimension.suggest(drawn) for dimension in space], inputs)
        if trial.score is None:
            study.tell(drawn, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(drawn, trial.score)
        yield trial
