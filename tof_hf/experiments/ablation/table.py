"""What the runs brought, row by row: means over seeds, differences to the baseline, the paper's number beside them."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tof_hf.algorithm.recipe import Published
from tof_hf.algorithm.scores import SOURCE
from tof_hf.evaluation.significance import SAMPLES, EntityCounts, paired_bootstrap, read_counts
from tof_hf.experiments.ablation.published import published
from tof_hf.experiments.ablation.rows import BASELINES, OWN, SWAPPED, Row
from tof_hf.experiments.ablation.runs import Ablation, Outcome


@dataclass(frozen=True)
class Line:
    """A row with its results; F1 in percent. `scores` by seed, `deviation` over them (ddof 1) if there are several.

    `difference`, `p_better` and `p_worse` are against `baseline`, over the seeds that both have; None for itself, and
    for a row that is not `comparable`: it is scored on other sentences or entity types.
    """

    row: Row
    scores: dict[int, float]
    mean: float | None
    deviation: float | None
    baseline: str | None
    difference: float | None
    p_better: float | None
    p_worse: float | None
    paper: Published | None
    error: str | None
    comparable: bool = True

    @property
    def p(self) -> float | None:
        """The p-value of what the row is there to show."""
        return self.p_better if self.row.claim == "better" else self.p_worse


@dataclass(frozen=True)
class Results:
    """All lines, in the order of the tables, and what they are about."""

    ablation: Ablation
    lines: tuple[Line, ...]
    benchmark: str | None
    samples: int

    @property
    def tables(self) -> dict[int, list[Line]]:
        """The lines of each table."""
        tables: dict[int, list[Line]] = {}
        for line in self.lines:
            tables.setdefault(line.row.table, []).append(line)
        return tables


class Bookkeeper:
    """Collects outcomes, and makes the tables of those that are there."""

    def __init__(
        self, ablation: Ablation, *, baseline: str | None = None, benchmark: str | None = None, samples: int = SAMPLES
    ) -> None:
        self.ablation, self.baseline, self.samples = ablation, baseline, samples
        self.benchmark = None if ablation.split == SOURCE else benchmark  # the paper's numbers are of the target
        self.outcomes: dict[tuple[str, int], Outcome] = {}
        self._compared: dict[tuple[str, str, tuple[int, ...]], tuple[float, float]] = {}

    def note(self, outcome: Outcome) -> None:
        """Keep an outcome."""
        self.outcomes[outcome.name, outcome.seed] = outcome

    def results(self) -> Results:
        """The lines of all rows, with what is there so far."""
        lines = tuple(self._line(row) for row in self.ablation.rows)
        return Results(self.ablation, lines, self.benchmark, self.samples)

    def _line(self, row: Row) -> Line:
        scores, baseline = self._scores(row.name), self._baseline_of(row.table)
        difference = p_better = p_worse = None
        ours, theirs = scores, {} if baseline is None else self._scores(baseline)
        seeds = tuple(seed for seed in self.ablation.seeds if seed in ours and seed in theirs)
        comparable = not seeds or self._same_gold(row.name, baseline, seeds)
        if row.name != baseline and seeds and comparable:
            difference = statistics.fmean(ours[seed] for seed in seeds) - statistics.fmean(theirs[s] for s in seeds)
            p_better, p_worse = self._p_values(row.name, baseline, seeds)
        errors = [one.error for one in self.outcomes.values() if one.name == row.name and one.error]
        return Line(
            row,
            scores,
            statistics.fmean(scores.values()) if scores else None,
            statistics.stdev(scores.values()) if len(scores) > 1 else None,
            None if row.name == baseline else baseline,
            difference,
            p_better,
            p_worse,
            self._published(row),
            errors[0] if errors else None,
            comparable,
        )

    def _scores(self, name: str) -> dict[int, float]:
        found = [self.outcomes.get((name, seed)) for seed in self.ablation.seeds]
        return {one.seed: 100 * one.f1 for one in found if one is not None and one.f1 is not None}

    def _baseline_of(self, table: int) -> str | None:
        """What the rows of a table are compared with: the named one, wherever it stands, or that of the paper.

        Without the paper's, rows of systems and of your own are compared with the first of them; those that show what
        one change does, with none.
        """
        if self.baseline in self.ablation.names:
            return self.baseline
        names = [row.name for row in self.ablation.rows if row.table == table]
        return next((name for name in BASELINES[table] if name in names), names[0] if table in (1, OWN) else None)

    def _published(self, row: Row) -> Published | None:
        """The paper's number beside a row; its other encoder is SpanBERT."""
        if row.name.startswith(SWAPPED) and "spanbert" not in row.title.lower():
            return None
        return published(row.table, row.name, self.benchmark)

    def _same_gold(self, name: str, baseline: str, seeds: tuple[int, ...]) -> bool:
        """Whether both are scored on the same sentences and labels; a row of its own options may have others."""
        sides = [[_counts(self.outcomes[one, seed].predictions) for seed in seeds] for one in (name, baseline)]
        return [one.sentences for one in sides[0]] == [one.sentences for one in sides[1]]

    def _p_values(self, name: str, baseline: str, seeds: tuple[int, ...]) -> tuple[float, float]:
        known = self._compared.get((name, baseline, seeds))
        if known is None:
            sides: list[list[EntityCounts]] = [
                [_counts(self.outcomes[one, seed].predictions) for seed in seeds] for one in (name, baseline)
            ]
            found = paired_bootstrap(*sides, samples=self.samples)
            known = self._compared[name, baseline, seeds] = (found.p_better, found.p_worse)
        return known


@functools.cache
def _counts(predictions: str) -> EntityCounts:
    return read_counts(Path(predictions))


def failures(outcomes: Sequence[Outcome]) -> list[str]:
    """Each error once, with the runs that ended with it."""
    runs: dict[str, list[str]] = {}
    for one in outcomes:
        if one.error is not None:
            runs.setdefault(one.error, []).append(f"{one.name} (seed {one.seed})")
    return [f"{', '.join(names)}: {error}" for error, names in runs.items()]
