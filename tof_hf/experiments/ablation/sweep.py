"""A sweep over rows and seeds from its first check to its last table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tof_hf.errors import ConfigError, TofError
from tof_hf.experiments.ablation.formats import write
from tof_hf.experiments.ablation.jobs import run_jobs
from tof_hf.experiments.ablation.runs import Ablation, Outcome, Shelf, check, pipelines, run_seed, seed_folder
from tof_hf.experiments.ablation.table import Bookkeeper, Results
from tof_hf.run.plan import PlannedStage
from tof_hf.stages.failures import failures_of_the_machine
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
    """Carry out all rows with all seeds; the tables, which also stand in OUT/table.*, and how each run ended.

    All is checked before anything is trained: a TofError then tells what is wrong. What fails later is an outcome with
    an error, and the rest goes on. The same call goes on where a stopped one was. `baseline`: the row that all others
    are compared with. `benchmark`: whose published numbers stand beside. `publish` gets the tables after every run; a
    TofError from it is a warning, told once. `finished`: the tables of the runs that are finished; nothing is trained.
    """
    shelf = Shelf(ablation.datasets)
    lock_files(ablation.out, *(f"table.{ending}" for ending in ("md", "csv", "tex", "json"))).check("--out")
    check(ablation, shelf)
    books = Bookkeeper(ablation, baseline=baseline, benchmark=benchmark)
    progress = Progress(len(ablation.names) * len(ablation.seeds))
    unpublished: list[TofError] = []

    def tell(outcome: Outcome) -> None:
        books.note(outcome)
        say(progress.line(outcome))
        if is_main_process():
            write(books.results())
            if publish is not None:
                try:
                    publish(books.results())
                except TofError as problem:  # hours of training are not to end with a page
                    if not unpublished:
                        warn(f"{problem} The sweep goes on; its tables stand in {ablation.out}.")
                    unpublished.append(problem)

    with only_run_in(ablation.out), failures_of_the_machine(ablation.out):
        if jobs > 1 and not finished:
            outcomes = run_jobs(ablation, min(jobs, len(ablation.seeds)), tell)
        else:
            outcomes = []
            for seed in ablation.seeds:
                outcomes += run_seed(ablation, seed, tell, shelf, finished=finished)
    if finished and not outcomes:
        raise ConfigError(f"none of the runs is finished in {ablation.out}. Leave --finished out to carry them out.")
    return books.results(), outcomes


class Progress:
    """How far a sweep is, and about how long the rest takes, by a clock that counts seconds."""

    def __init__(self, total: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.done, self._clock, self._began = total, 0, clock, clock()

    def line(self, outcome: Outcome) -> str:
        """One line for a run that has ended."""
        self.done += 1
        elapsed = self._clock() - self._began
        rest = elapsed / self.done * (self.total - self.done)
        how = "failed" if outcome.f1 is None else f"F1 {100 * outcome.f1:.2f}"
        return (
            f"{self.done} of {self.total}: {outcome.name}, seed {outcome.seed}: {how} in {_clock(outcome.seconds)}; "
            f"{_clock(elapsed)} gone, about {_clock(rest)} to go"
        )


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def plan(ablation: Ablation) -> str:
    """What would be trained, gone on with or reused, each stage once, and for which rows; nothing is trained."""
    shelf, found = Shelf(ablation.datasets), {}
    for seed in ablation.seeds:
        for name, pipeline in pipelines(ablation, seed, shelf):
            for stage in pipeline.plan():
                _, rows = found.setdefault((seed, stage.name, stage.key), (stage, []))
                if name not in rows:
                    rows.append(name)
    return _plan_text(found, ablation.out)


def _plan_text(found: dict[tuple[int, str, str], tuple[PlannedStage, list[str]]], out: Path) -> str:
    lines, stages = [], [stage for stage, _ in found.values()]
    for (seed, name, _), (stage, rows) in found.items():
        why = f" ({stage.why})" if stage.why else ""
        lines.append(f"{stage.action:7} {seed_folder(out, seed).name} {name}: {', '.join(rows)}{why}")
    counts = [f"{sum(one.action == action for one in stages)} to {action}" for action in ("reuse", "resume", "run")]
    return "\n".join([*lines, ", ".join(counts)])


def left_out(ablation: Ablation) -> Sequence[str]:
    """A line for each row that this config cannot have."""
    return [f"left out: {row.name} ({row.title}): {why}" for row, why in ablation.left_out]
