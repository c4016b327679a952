"""The runs behind the tables: for every row and seed a config, a run folder, and stages shared with the other rows."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from pydantic import ConfigDict

from tof_hf.algorithm.recipes import RECIPES
from tof_hf.algorithm.scores import SOURCE
from tof_hf.algorithm.scoring import predictions_file
from tof_hf.config import TofConfig, load_config
from tof_hf.errors import ConfigError, TofError
from tof_hf.experiments.ablation.rows import OWN, Row, check_names, not_for, override
from tof_hf.experiments.runs import SharedInputs, attempt
from tof_hf.pipeline import TofPipeline
from tof_hf.run.validation import problems_of_systems

FOLDER = "ablation"  # in the config's output_dir, unless another one is named


@dataclass(frozen=True)
class Ablation:
    """What is to be run: a config, the rows that it can have, and seeds. `left_out`: the other rows, and why.

    `source` and `overrides` are load_config's. `split`: where the rows are compared. `fixed_seeds`: the stages whose
    seed the config names, so that it is the same in all runs. `datasets`: those used in place of files. `benchmark`:
    that of the paper which the target is.
    """

    source: str | Mapping[str, Any]
    overrides: tuple[str, ...]
    rows: tuple[Row, ...]
    left_out: tuple[tuple[Row, str], ...]
    seeds: tuple[int, ...]
    out: Path
    target: str
    split: str
    fixed_seeds: tuple[str, ...]
    datasets: Mapping[str, Dataset] | None = None
    benchmark: str | None = None
    __pydantic_config__ = ConfigDict(arbitrary_types_allowed=True)  # for jobs, which save it as JSON

    @property
    def names(self) -> list[str]:
        """The names of the runs of each seed: a row of two tables is one run."""
        return list(dict.fromkeys(row.name for row in self.rows))

    def row(self, name: str) -> Row:
        """The first row of that name."""
        return next(row for row in self.rows if row.name == name)


@dataclass(frozen=True)
class Outcome:
    """How the run of a row and seed ended: entity F1 in 0..1 and the file of the predictions, or an error."""

    name: str
    seed: int
    f1: float | None = None
    predictions: str | None = None
    seconds: float = 0.0
    error: str | None = None


def set_up(
    source: str | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    rows: Sequence[Row],
    seeds: Sequence[int] | int = 5,
    out: str | Path | None = None,
    datasets: Mapping[str, Dataset] | None = None,
) -> Ablation:
    """The sweep over these rows that a config can have; nothing is read or trained yet.

    Args:
        source: The path of a run file, or the mapping it would hold.
        overrides: Options for all rows, as `key=value`.
        rows: The rows, from `rows_of` or your own.
        seeds: The seeds, or how many, starting at the config's.
        out: The folder of all runs; by default `ablation` in the config's output_dir.
        datasets: Datasets to use in place of files, by the name that stands for their `path` in the config.

    Returns:
        The sweep, for `ablate`. Rows of the paper that the config cannot have are in `left_out`, with the reason.

    Raises:
        ConfigError: The config or a row of your own cannot be used, a seed is named twice, or no row is left.

    Example:
        >>> set_up("es.yaml", rows=rows_of(1), seeds=3).names
        ['source_only', 'adaptabert', 'tsl', 'tof_wo_pseudo', 'tof_wo_continual', 'tof']
    """
    check_names(rows)
    plain = (*overrides, "push_to_hub=false")
    config = load_config(source, plain)
    if isinstance(seeds, int):
        seeds = range(config.seed, config.seed + seeds)
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError("an ablation needs at least one seed, and each once.")
    reasons = [(row, _why_not(row, source, plain, config)) for row in rows]
    possible = tuple(row for row, why in reasons if why is None)
    left_out = tuple((row, why) for row, why in reasons if why is not None)
    for row, why in left_out:
        if row.table == OWN:
            raise ConfigError(f"row {row.name}: {why}")
    if not possible:
        all_reasons = "; ".join(f"{row.name}: {why}" for row, why in left_out)
        raise ConfigError(f"no row can be run with this config ({all_reasons}).")
    return Ablation(
        source if isinstance(source, Mapping) else str(source),
        plain,
        possible,
        left_out,
        tuple(seeds),
        Path(config.output_dir) / FOLDER if out is None else Path(out),
        config.target.name,
        SOURCE if config.target.gold is None else "target",
        tuple(name for name, stage in config.stages().items() if stage.enabled and stage.seed is not None),
        datasets,
        config.target.benchmark,
    )


def _why_not(row: Row, source: str | Mapping[str, Any], overrides: Sequence[str], config: TofConfig) -> str | None:
    """Why the row cannot be run with this config, or None."""
    if (why := not_for(row, config, RECIPES)) is not None:
        return why
    try:
        changed = load_config(source, [*overrides, *_own_options(row)])
    except ConfigError as problem:  # the config alone is right
        return str(problem)
    return next((f"{option} {problem}" for option, problem in problems_of_systems(changed)), None)


def seed_folder(out: Path, seed: int) -> Path:
    """Where the runs of a seed lie, with their stages in `stages/`."""
    return out / f"seed-{seed}"


def config_of(ablation: Ablation, row: Row, seed: int) -> TofConfig:
    """The config of one run."""
    config = load_config(ablation.source, [*ablation.overrides, *_own_options(row), override("seed", seed)])
    return config.replace(output_dir=str(seed_folder(ablation.out, seed) / row.name))


def _own_options(row: Row) -> list[str]:
    return [*row.set, override("systems", [row.system])]


def pipelines(ablation: Ablation, seed: int, inputs: SharedInputs) -> Iterator[tuple[str, TofPipeline]]:
    """The runs of a seed, in the order of the rows."""
    for name in ablation.names:
        config = config_of(ablation, ablation.row(name), seed)
        stages = seed_folder(ablation.out, seed) / "stages"
        yield name, TofPipeline(config, stages=stages, inputs=inputs.of(config), copy_final=False)


def check(ablation: Ablation, inputs: SharedInputs) -> None:
    """Raise a TofError for what one of the runs could not work with; nothing is trained."""
    for seed in ablation.seeds:
        for name, pipeline in pipelines(ablation, seed, inputs):
            try:
                pipeline.check()
            except TofError as problem:
                raise type(problem)(f"row {name}: {problem}") if type(problem) is ConfigError else problem from None


def run_seed(
    ablation: Ablation, seed: int, inputs: SharedInputs | None = None, *, finished: bool = False
) -> Iterator[Outcome]:
    """The outcomes of all rows of a seed, trained one after the other; one that fails does not stop the others.

    `finished` leaves out the rows for which something would have to be trained.
    """
    for name, pipeline in pipelines(ablation, seed, inputs or SharedInputs(ablation.datasets)):
        score = functools.partial(_score, ablation, pipeline, finished=finished)
        result, seconds, error = attempt(score, f"{name}, seed {seed}")
        if result is not None or error is not None:
            f1, predictions = result or (None, None)
            yield Outcome(name, seed, f1, predictions, seconds, error)


def _score(ablation: Ablation, pipeline: TofPipeline, *, finished: bool) -> tuple[float, str] | None:
    """The F1 of the tagger that the run ends with, and the file of its predictions."""
    if finished and any(stage.action != "reuse" for stage in pipeline.plan()):
        return None
    result, data = pipeline.run(), pipeline.inputs.training()
    scored = data.validation if ablation.split == SOURCE else pipeline.inputs.gold(data.label_names)[ablation.split]
    end = (result.tagger.name, ablation.split)
    f1 = [row.f1 for row in result.scores if (row.checkpoint, row.split) == end][-1]
    return f1, str(predictions_file(result.tagger, ablation.split, scored))
