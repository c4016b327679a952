"""A search: the same run with other options of one stage, compared on source validation. No target gold is read."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tof_hf.algorithm.recipes import RECIPES
from tof_hf.algorithm.scores import SOURCE, SOURCE_QUESTIONS
from tof_hf.config import TofConfig, load_config
from tof_hf.data.fingerprint import content_hash
from tof_hf.errors import ConfigError, TofError
from tof_hf.experiments.ablation.runs import FOLDER, Shelf, seed_folder
from tof_hf.experiments.search.shortened import STAGES, TAGGERS, NoSuchStage, until
from tof_hf.pipeline import TofPipeline
from tof_hf.storage.lock import FolderInUse
from tof_hf.utils.log import logger, say

LEARNING_RATES = (1e-6, 2e-6, 5e-6, 8e-6, 1e-5, 2e-5, 3e-5, 5e-5, 8e-5)  # Appendix B of the paper
By = Literal["ner", "stage"]


@dataclass(frozen=True)
class Search:
    """What is searched: a stage of a system. `by`: the F1 that decides, on source validation both times.

    `ner` is the F1 of the first tagger after the stage; `stage` the stage's own, for MRC that of spans.
    """

    source: str | Mapping[str, Any]
    overrides: tuple[str, ...]
    stage: str
    by: By
    system: str
    out: Path
    stages: Path

    @property
    def own(self) -> bool:
        """Whether the run may end with the stage itself."""
        return self.by == "stage" or self.stage in TAGGERS


@dataclass(frozen=True)
class Trial:
    """Options as `key=value`, and the F1 in 0..1 that they brought, or an error. `reader_f1`: that of MRC spans."""

    settings: tuple[str, ...]
    score: float | None = None
    reader_f1: float | None = None
    seconds: float = 0.0
    error: str | None = None


def set_up(
    source: str | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    stage: str,
    by: By = "ner",
    system: str = "tof",
    options: Sequence[str] = (),
    out: str | Path | None = None,
    stages: str | Path | None = None,
) -> Search:
    """A search over a stage. Raises ConfigError if the config cannot be used, or has no such stage.

    `options`: what is tried, where it is not the learning rate alone; they are for the name of the folder, which is
    `out` if that is given. `stages`: the folder for all stages; without it that of an ablation with the config's seed,
    which finds them there.
    """
    config = load_config(source, overrides)
    if stage not in STAGES:
        raise ConfigError(f"there is no stage {stage!r}; the stages are {', '.join(STAGES)}.")
    if system not in RECIPES:
        raise ConfigError(f"there is no system {system!r}; the systems are {', '.join(RECIPES)}.")
    if not config.stages()[stage].enabled:
        raise ConfigError(f"{stage}.enabled is false: there is nothing to search. Turn it on.")
    if by == "stage" and stage == "mlm":
        raise ConfigError("mlm has no score of its own. Let the tagger after it decide: --by ner.")
    run = Path(config.output_dir)
    return Search(
        source if isinstance(source, Mapping) else str(source),
        (*overrides, "push_to_hub=false"),
        stage,
        by,
        system,
        run / "search" / name_of(stage, by, system, options) if out is None else Path(out),
        seed_folder(run / FOLDER, config.seed) / "stages" if stages is None else Path(stages),
    )


def name_of(stage: str, by: By, system: str, options: Sequence[str]) -> str:
    """The stage, and behind it what is not the default: `mrc`, `mrc-by_stage-num_train_epochs`, `distillation-tsl`."""
    parts = [stage, *([system] if system != "tof" else []), *(["by_stage"] if by == "stage" else [])]
    return "-".join([*parts, *(re.sub(r"[^\w.]+", "_", key.removeprefix(f"{stage}.")) for key in options)])


def pipeline_of(search: Search, settings: Sequence[str], shelf: Shelf) -> TofPipeline:
    """The run of a trial, which knows of no gold."""
    config = load_config(search.source, [*search.overrides, *settings, f"systems=[{search.system}]"])
    recipe = until(RECIPES[search.system], search.stage, own=search.own)
    return TofPipeline(
        _without_gold(config, search.out / _folder_name(settings)),
        recipes={search.system: recipe},
        stages=search.stages,
        inputs=shelf.inputs(_without_gold(config, search.out)),
        copy_final=False,
    )


def _without_gold(config: TofConfig, folder: Path) -> TofConfig:
    target, source = config.target.replace(gold=None), config.source.replace(test=None)
    return config.replace(target=target, source=source, output_dir=str(folder))


def _folder_name(settings: Sequence[str]) -> str:
    text = " ".join(settings)
    readable = re.sub(r"[^\w.+-]+", "_", text)[:60].strip("_.")
    return f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def check(search: Search, trials: Sequence[Sequence[str]], shelf: Shelf) -> None:
    """Raise a TofError for what one of the trials could not work with; nothing is trained."""
    first: tuple[str, ...] = ()
    for place, settings in enumerate(trials):
        pipeline = pipeline_of(search, settings, shelf)
        data, _, _ = pipeline.check()
        scored = (content_hash(data.validation), *data.label_names)
        first = first or scored
        if scored != first:
            raise ConfigError(
                f"{' '.join(settings)} is scored on other sentences or entity types of source.validation than "
                f"{' '.join(trials[0])}, so that their F1 cannot be compared. Search what leaves them as they are."
            )
        if not place:
            try:
                pipeline.plan()
            except NoSuchStage:
                raise ConfigError(
                    f"{search.system} never comes to {search.stage} with this config. Name another one with --system."
                ) from None


def run_trial(search: Search, settings: Sequence[str], shelf: Shelf) -> Trial:
    """Train what is not there yet, and look at the score; what goes wrong is told by the trial.

    Raises FolderInUse if another run works in the folder of the stages.
    """
    began = time.monotonic()
    try:
        result = pipeline_of(search, settings, shelf).run()
        readers = [row.f1 for row in result.scores if row.split == SOURCE_QUESTIONS]
        split = SOURCE if search.by == "ner" or search.stage in TAGGERS else f"{SOURCE}_mrc"
        own = [row.f1 for row in result.scores if (row.split, row.checkpoint) == (split, result.tagger.name)]
        return Trial(tuple(settings), own[-1], readers[-1] if readers else None, time.monotonic() - began)
    except FolderInUse:  # so would every further trial
        raise
    except Exception as problem:  # also of other people's packages; told here, in the tables and at the end
        if not isinstance(problem, TofError):
            logger.exception("%s", " ".join(settings))
        told = str(problem) if isinstance(problem, TofError) else f"{type(problem).__name__}: {problem}"
        return Trial(tuple(settings), seconds=time.monotonic() - began, error=told)


def try_all(
    search: Search, trials: Sequence[Sequence[str]], tell: Callable[[Sequence[Trial]], None] = lambda trials: None
) -> list[Trial]:
    """All trials, one after the other, checked before the first; `tell` gets those that are finished."""
    shelf = Shelf()
    check(search, trials, shelf)
    done: list[Trial] = []
    for settings in trials:
        done.append(run_trial(search, settings, shelf))
        report(done, len(trials))
        tell(done)
    return done


def report(done: Sequence[Trial], total: int) -> None:
    """One line for the last trial."""
    last = done[-1]
    how = "failed" if last.score is None else f"F1 {100 * last.score:.2f} on source validation"
    say(f"{len(done)} of {total}: {' '.join(last.settings)}: {how}")


def best_of(trials: Sequence[Trial]) -> Trial:
    """The trial with the highest score, the first of several.

    Raises TofError if none got one entity right, or if all failed.
    """
    errors = [trial.error for trial in trials if trial.error is not None]
    if errors and len(errors) == len(trials):
        raise TofError(f"no trial came to its end. The first error: {errors[0]}")
    scored = [trial for trial in trials if trial.score is not None]
    best = max(scored, key=lambda trial: trial.score, default=None)
    if best is None or best.score == 0:
        raise TofError(
            "no trial got one span right on source validation, so none is better than another. What to do: more "
            "epochs, or other values."
        )
    return best
