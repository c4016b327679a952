"""A sweep over rows and seeds from its first check to its last table."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing

from tof_hf.errors import ConfigError, TofError
from tof_hf.experiments.ablation.formats import write
from tof_hf.experiments.ablation.jobs import run_jobs
from tof_hf.experiments.ablation.runs import Ablation, Outcome, check, pipelines, run_seed, seed_folder
from tof_hf.experiments.ablation.table import Results, TableBuilder
from tof_hf.experiments.runs import SharedInputs
from tof_hf.run.plan import PlannedStage
from tof_hf.stages.machine import failures_of_the_machine
from tof_hf.storage.lock import lock_files, only_run_in
from tof_hf.utils.log import say, warn
from tof_hf.utils.processes import is_main_process


def ablate(
    ablation: Ablation,
    *,
    jobs: int = 1,
    baseline: str | None = None,
    benchmark: str | None = None,
    publish: Callable[[Results], None] | None = None,
    finished: bool = False,
) -> tuple[Results, list[Outcome]]:
    """The tables of all rows and seeds, and how each run ended; the tables are also written to OUT/table.*.

    Everything is checked before anything is trained. A run that fails later is an outcome with an error, and the
    others continue. The same call resumes a sweep that was stopped.

    Args:
        ablation: What to run, from `set_up`.
        jobs: How many seeds to run at a time, each in a process of its own.
        baseline: The row that all others are compared with; by default that of the paper.
        benchmark: The benchmark of the paper whose published numbers are shown.
        publish: Gets the tables after every run; a TofError from it is a warning, shown once.
        finished: Makes the tables of the runs that are finished, and trains nothing.

    Returns:
        The tables, with F1 in percent, and one outcome for each row and seed, with F1 in 0..1 or an error.

    Raises:
        TofError: A run cannot work with its data or options, or `finished` finds no finished run.

    Example:
        >>> results, outcomes = ablate(set_up("es.yaml", rows=rows_of(1), seeds=3))
        >>> [(line.row.name, line.mean) for line in results.lines]
    """
    inputs = SharedInputs(ablation.datasets)
    lock_files(ablation.out, *(f"table.{ending}" for ending in ("md", "csv", "tex", "json"))).check("--out")
    check(ablation, inputs)
    tables = TableBuilder(ablation, baseline=baseline, benchmark=benchmark)
    progress = Progress(len(ablation.names) * len(ablation.seeds))
    published = True
    in_turn = (outcome for seed in ablation.seeds for outcome in run_seed(ablation, seed, inputs, finished=finished))
    runs = run_jobs(ablation, min(jobs, len(ablation.seeds))) if jobs > 1 and not finished else in_turn
    with only_run_in(ablation.out), failures_of_the_machine(ablation.out), closing(runs) as outcomes:
        for outcome in outcomes:
            tables.add(outcome)
            say(progress.line(outcome))
            if not is_main_process():
                continue
            write(tables.results())
            try:
                if publish is not None:
                    publish(tables.results())
            except TofError as problem:  # a page must not end hours of training
                if published:
                    warn(f"{problem} The sweep continues; its tables are in {ablation.out}.")
                published = False
    if finished and not tables.outcomes:
        raise ConfigError(f"none of the runs is finished in {ablation.out}. Leave --finished out to train them.")
    return tables.results(), list(tables.outcomes.values())


class Progress:
    """How far a sweep is, and about how long the rest takes, by a clock that counts seconds."""

    def __init__(self, total: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.done, self._clock, self._began = total, 0, clock, clock()

    def line(self, outcome: Outcome) -> str:
        """One line about a run that has ended."""
        self.done += 1
        elapsed = self._clock() - self._began
        rest = elapsed / self.done * (self.total - self.done)
        how = "failed" if outcome.f1 is None else f"F1 {100 * outcome.f1:.2f}"
        return (
            f"{self.done} of {self.total}: {outcome.name}, seed {outcome.seed}: {how} in {_clock(outcome.seconds)}; "
            f"{_clock(elapsed)} elapsed, about {_clock(rest)} left"
        )


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def plan(ablation: Ablation) -> str:
    """What would be trained, resumed or reused, each stage once, and for which rows; nothing is trained."""
    inputs = SharedInputs(ablation.datasets)
    found: dict[tuple[int, str, str], tuple[PlannedStage, dict[str, None]]] = {}
    for seed in ablation.seeds:
        for name, pipeline in pipelines(ablation, seed, inputs):
            for stage in pipeline.plan():
                found.setdefault((seed, stage.name, stage.key), (stage, {}))[1][name] = None
    lines = []
    for (seed, name, _), (stage, rows) in found.items():
        why = f" ({stage.why})" if stage.why else ""
        lines.append(f"{stage.action:7} {seed_folder(ablation.out, seed).name} {name}: {', '.join(rows)}{why}")
    counts = Counter(stage.action for stage, _ in found.values())
    return "\n".join([*lines, f"{counts['reuse']} to reuse, {counts['resume']} to resume, {counts['run']} to run"])
