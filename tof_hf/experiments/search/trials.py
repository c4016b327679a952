"""A search: the same run with other options of one stage, compared on source validation. No target gold is read."""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tof_hf.algorithm.recipes import RECIPES
from tof_hf.algorithm.scores import SOURCE_QUESTIONS
from tof_hf.config import TaggerConfig, load_config
from tof_hf.config.yaml import parse_yaml
from tof_hf.data.fingerprint import content_hash
from tof_hf.errors import ConfigError, TofError
from tof_hf.experiments.ablation.rows import override
from tof_hf.experiments.ablation.runs import FOLDER, seed_folder
from tof_hf.experiments.runs import SharedInputs, attempt
from tof_hf.experiments.search.stop_after import stop_after
from tof_hf.pipeline import TofPipeline
from tof_hf.storage.lock import FolderInUse
from tof_hf.utils.extras import require
from tof_hf.utils.systems import DEFAULT_SYSTEM

LEARNING_RATES = (1e-6, 2e-6, 5e-6, 8e-6, 1e-5, 2e-5, 3e-5, 5e-5, 8e-5)  # Appendix B of the paper
By = Literal["ner", "stage"]


@dataclass(frozen=True)
class Search:
    """A search over options of one stage of a system. `by`: the F1 on source validation that decides.

    `ner` is the F1 of the first tagger after the stage; `stage` is that of the stage itself, for MRC over spans.
    `own`: whether the runs end with the stage itself.
    """

    source: str | Mapping[str, Any]
    overrides: tuple[str, ...]
    stage: str
    by: By
    system: str
    out: Path
    stages: Path
    seed: int
    own: bool


@dataclass(frozen=True)
class Trial:
    """Options as `key=value`, and their F1 in 0..1 or an error. `span_f1`: the F1 of MRC spans."""

    settings: tuple[str, ...]
    score: float | None = None
    span_f1: float | None = None
    seconds: float = 0.0
    error: str | None = None


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


def set_up(
    source: str | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    stage: str,
    by: By = "ner",
    system: str = DEFAULT_SYSTEM,
    options: Sequence[str] = (),
    out: str | Path | None = None,
    stages: str | Path | None = None,
) -> Search:
    """A search over a stage. Raises ConfigError if the config cannot be used, or has no such stage.

    `options`: the keys to try, if not just the learning rate; the name of the folder has them, unless `out` names it.
    `stages`: the folder of all stages, by default that of an ablation with the config's seed, so that it reuses them.
    """
    config = load_config(source, overrides)
    if stage not in config.stages():
        raise ConfigError(f"there is no stage {stage!r}; the stages are {', '.join(config.stages())}.")
    if system not in RECIPES:
        raise ConfigError(f"there is no system {system!r}; the systems are {', '.join(RECIPES)}.")
    if not config.stages()[stage].enabled:
        raise ConfigError(f"{stage}.enabled is false, so there is nothing to search. Turn it on.")
    if by == "stage" and stage == "mlm":
        raise ConfigError("mlm has no score of its own. Use the tagger after it: --by ner.")
    run = Path(config.output_dir)
    return Search(
        source if isinstance(source, Mapping) else str(source),
        (*overrides, "push_to_hub=false"),
        stage,
        by,
        system,
        run / "search" / name_of(stage, by, system, options) if out is None else Path(out),
        seed_folder(run / FOLDER, config.seed) / "stages" if stages is None else Path(stages),
        config.seed,
        own=by == "stage" or isinstance(config.stages()[stage], TaggerConfig),
    )


def name_of(stage: str, by: By, system: str, options: Sequence[str]) -> str:
    """The stage, and after it what is not the default: `mrc`, `mrc-by_stage-num_train_epochs`, `distillation-tsl`."""
    parts = [stage, *([system] if system != DEFAULT_SYSTEM else []), *(["by_stage"] if by == "stage" else [])]
    return "-".join([*parts, *(re.sub(r"[^\w.]+", "_", key.removeprefix(f"{stage}.")) for key in options)])


def pipeline_of(search: Search, settings: Sequence[str], inputs: SharedInputs) -> TofPipeline:
    """The run of a trial, without any gold."""
    fixed = ["target.gold=null", "source.test=null", override("systems", [search.system])]
    config = load_config(search.source, [*search.overrides, *settings, *fixed])
    return TofPipeline(
        config.replace(output_dir=str(search.out / _folder_name(settings))),
        recipes={search.system: stop_after(RECIPES[search.system], search.stage, own=search.own)},
        stages=search.stages,
        inputs=inputs.of(config),
        copy_final=False,
    )


def _folder_name(settings: Sequence[str]) -> str:
    text = " ".join(settings)
    readable = re.sub(r"[^\w.+-]+", "_", text)[:60].strip("_.")
    return f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def check(search: Search, trials: Sequence[Sequence[str]], inputs: SharedInputs) -> None:
    """Raise a TofError for what one of the trials could not work with; nothing is trained."""
    first: tuple[str, ...] = ()
    for settings in trials:
        pipeline = pipeline_of(search, settings, inputs)
        data, _, _ = pipeline.check()
        scored = (content_hash(data.validation), *data.label_names)
        if not first:
            first = scored
            pipeline.plan()  # an error if the system has no such stage
        if scored != first:
            raise ConfigError(
                f"{' '.join(settings)} is scored on other sentences or entity types of source.validation than "
                f"{' '.join(trials[0])}, so their F1 cannot be compared. Search options that leave them as they are."
            )


def run_trial(search: Search, settings: Sequence[str], inputs: SharedInputs) -> Trial:
    """The score of a trial, after training the stages that are missing; a failure becomes the error of the trial.

    Raises FolderInUse if another run works in the folder of the stages.
    """

    def scores() -> tuple[float, float | None]:
        result = pipeline_of(search, settings, inputs).run()
        spans = [row.f1 for row in result.scores if row.split == SOURCE_QUESTIONS]
        last = [row.f1 for row in result.scores if row.checkpoint == result.tagger.name]
        return last[-1], spans[-1] if spans else None

    # Where another run works in the folder of the stages, every other trial would fail too.
    found, seconds, error = attempt(scores, " ".join(settings), fatal=(FolderInUse,))
    score, span_f1 = found or (None, None)
    return Trial(tuple(settings), score, span_f1, seconds, error)


def try_all(search: Search, trials: Sequence[Sequence[str]]) -> Iterator[Trial]:
    """All trials, one after the other, checked before the first."""
    inputs = SharedInputs()
    check(search, trials, inputs)
    for settings in trials:
        yield run_trial(search, settings, inputs)


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


def best_of(trials: Sequence[Trial]) -> Trial:
    """The trial with the highest score, the first of several.

    Raises TofError if no trial got one entity right, or if all failed.
    """
    errors = [trial.error for trial in trials if trial.error is not None]
    if errors and len(errors) == len(trials):
        raise TofError(f"every trial failed. The first error: {errors[0]}")
    best = max(trials, key=lambda trial: trial.score or 0.0, default=None)
    if best is None or not best.score:
        raise TofError(
            "no trial got one span right on source validation, so none is better than another. What to do: train for "
            "more epochs, or try other values."
        )
    return best
