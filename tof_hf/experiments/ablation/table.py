"""The results row by row: means over seeds, differences to the baseline, and the paper's numbers."""

import functools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tof_hf.algorithm.recipe import Published
from tof_hf.algorithm.scores import SOURCE
from tof_hf.evaluation.significance import SAMPLES, Comparison, EntityCounts, paired_bootstrap, read_counts
from tof_hf.experiments.ablation.rows import SWAPPED, Row, baseline_of
from tof_hf.experiments.ablation.runs import Ablation, Outcome


@dataclass(frozen=True)
class Line:
    """A row with its results; F1 in percent. `scores` by seed, `deviation` over seeds (ddof 1) if there are several.

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
        """The p-value of what the row is meant to show."""
        return self.p_better if self.row.claim == "better" else self.p_worse


@dataclass(frozen=True)
class Results:
    """All lines, in the order of the tables, and the sweep that they come from."""

    ablation: Ablation
    lines: tuple[Line, ...]
    benchmark: str | None
    samples: int

    @property
    def tables(self) -> dict[int, list[Line]]:
        """The lines of each table."""
        tables = dict.fromkeys(line.row.table for line in self.lines)
        return {table: [line for line in self.lines if line.row.table == table] for table in tables}


class TableBuilder:
    """Makes the tables from the outcomes so far."""

    def __init__(
        self, ablation: Ablation, *, baseline: str | None = None, benchmark: str | None = None, samples: int = SAMPLES
    ) -> None:
        self.ablation, self.baseline, self.samples = ablation, baseline, samples
        self.benchmark = None if ablation.split == SOURCE else benchmark  # the paper's numbers are of the target
        self.outcomes: dict[tuple[str, int], Outcome] = {}

    def add(self, outcome: Outcome) -> None:
        """Add the outcome of one run."""
        self.outcomes[outcome.name, outcome.seed] = outcome

    def results(self) -> Results:
        """The lines of all rows, from the outcomes so far."""
        lines = tuple(self._line(row) for row in self.ablation.rows)
        return Results(self.ablation, lines, self.benchmark, self.samples)

    def _line(self, row: Row) -> Line:
        ours, baseline = self._finished(row.name), self._baseline_of(row.table)
        theirs = {} if baseline is None or baseline == row.name else self._finished(baseline)
        seeds = [seed for seed in ours if seed in theirs]
        compared = None
        if seeds:
            files = [tuple(str(side[seed].predictions) for seed in seeds) for side in (ours, theirs)]
            compared = _compare(files[0], files[1], self.samples)
        scores = {seed: 100 * f1 for seed, one in ours.items() if (f1 := one.f1) is not None}
        errors = (one.error for one in self.outcomes.values() if one.name == row.name and one.error)
        return Line(
            row=row,
            scores=scores,
            mean=statistics.fmean(scores.values()) if scores else None,
            deviation=statistics.stdev(scores.values()) if len(scores) > 1 else None,
            baseline=None if row.name == baseline else baseline,
            difference=None if compared is None else 100 * compared.difference,
            p_better=None if compared is None else compared.p_better,
            p_worse=None if compared is None else compared.p_worse,
            paper=self._published(row),
            error=next(errors, None),
            comparable=not seeds or compared is not None,
        )

    def _finished(self, name: str) -> dict[int, Outcome]:
        """The outcomes of a row that have a score, by seed."""
        found = {seed: self.outcomes.get((name, seed)) for seed in self.ablation.seeds}
        return {seed: one for seed, one in found.items() if one is not None and one.f1 is not None}

    def _baseline_of(self, table: int) -> str | None:
        """What the rows of a table are compared with: the named row, whatever its table, or that of the paper."""
        if self.baseline in self.ablation.names:
            return self.baseline
        return baseline_of(table, [row.name for row in self.ablation.rows if row.table == table])

    def _published(self, row: Row) -> Published | None:
        """The paper's number for a row; its other encoder is SpanBERT."""
        if row.name.startswith(SWAPPED) and "spanbert" not in row.title.lower():
            return None
        return row.published.get(self.benchmark or "")


@functools.cache
def _compare(ours: tuple[str, ...], baseline: tuple[str, ...], samples: int) -> Comparison | None:
    """The bootstrap over files of predictions; None if the two sides have other sentences or entity types."""
    sides = [[_counts(file) for file in files] for files in (ours, baseline)]
    if [one.sentences for one in sides[0]] != [one.sentences for one in sides[1]]:
        return None
    return paired_bootstrap(sides[0], sides[1], samples=samples)


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
