"""Is one tagger better than another on the same sentences? The paired bootstrap (Koehn 2004), also over seeds."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tof_hf.errors import TofError
from tof_hf.evaluation.entity_scores import check_shapes, find_entities

SAMPLES = 10_000
_AT_ONCE = 100  # resamples; all of them together would take gigabytes


@dataclass(frozen=True)
class EntityCounts:
    """`counts` (sentences, 3): the right, the predicted and the true entities of every sentence.

    `sentences` is a hash of the true tags: only counts with the same hash can be paired.
    """

    counts: np.ndarray
    sentences: str

    @property
    def f1(self) -> float:
        """Micro-averaged F1 in 0..1, as in the scores of a run."""
        return float(_f1(self.counts.sum(axis=0, dtype=np.float64)))


@dataclass(frozen=True)
class Comparison:
    """The mean `difference` in F1, in 0..1, and the p-values of two one-sided tests on resampled sentences.

    `p_better`: the share of samples in which ours is not better than the baseline; `p_worse`: in which it is not worse.
    Both include the original sample, so that neither is 0.
    """

    difference: float
    p_better: float
    p_worse: float
    samples: int


def entity_counts(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> EntityCounts:
    """Counts of IOB2 tags, read as seqeval's default mode and conlleval read them."""
    check_shapes(gold, predicted)
    sides = zip(find_entities(gold), find_entities(predicted), strict=True)
    rows = [(len(true & found), len(found), len(true)) for true, found in sides]
    digest = hashlib.sha256(json.dumps([list(tags) for tags in gold]).encode()).hexdigest()[:16]
    return EntityCounts(np.array(rows, dtype=np.int64).reshape(len(rows), 3), digest)


def read_counts(predictions: Path) -> EntityCounts:
    """The counts of a scored tagger, from the file of its predictions that a run writes."""
    table = pq.read_table(predictions, columns=["gold", "predicted"])
    return entity_counts(table["gold"].to_pylist(), table["predicted"].to_pylist())


def paired_bootstrap(
    ours: Sequence[EntityCounts], baseline: Sequence[EntityCounts], *, samples: int = SAMPLES, seed: int = 0
) -> Comparison:
    """The mean F1 of the runs of each side, compared on resampled sentences; one run per seed, in the same order.

    In each sample all runs are scored on the same drawn sentences. Runs on other sentences, as with a `limit`
    on source validation, get their own draw. Raises TofError if the two sides are not scored on the same sentences.
    """
    if not ours or [run.sentences for run in ours] != [run.sentences for run in baseline]:
        raise TofError(
            "the two sides are not scored on the same sentences, run by run. What to do: compare runs with the same "
            "target.gold and the same seeds."
        )
    groups: dict[str, list[int]] = {}
    for run, counts in enumerate(ours):
        groups.setdefault(counts.sentences, []).append(run)
    rng, differences, observed = np.random.default_rng(seed), np.zeros(samples), 0.0
    for runs in groups.values():
        sides = [np.stack([side[run].counts for run in runs], axis=1) for side in (ours, baseline)]
        differences += _differences(*sides, samples=samples, rng=rng)
        observed += float(np.subtract(*(_f1(side.sum(axis=0, dtype=np.float64)).sum() for side in sides)))
    differences[np.abs(differences) < 1e-12] = 0.0  # rounding errors of the subtraction
    not_better, not_worse = int((differences <= 0).sum()), int((differences >= 0).sum())
    return Comparison(observed / len(ours), (not_better + 1) / (samples + 1), (not_worse + 1) / (samples + 1), samples)


def _differences(ours: np.ndarray, baseline: np.ndarray, *, samples: int, rng: np.random.Generator) -> np.ndarray:
    """The sum over runs of the difference in F1, for every sample; the counts are (sentences, runs, 3)."""
    sentences, runs = ours.shape[:2]
    both = np.concatenate([ours, baseline], axis=1).reshape(sentences, -1).astype(np.float64)
    found = []
    for begin in range(0, samples, _AT_ONCE):
        drawn = rng.integers(0, sentences, size=(min(_AT_ONCE, samples - begin), sentences))
        # How often each sentence was drawn, times its counts: exact in 64 bits, and a product of matrices.
        cells = drawn + sentences * np.arange(len(drawn))[:, None]
        times = np.bincount(cells.ravel(), minlength=drawn.size).reshape(drawn.shape)
        f1 = _f1((times.astype(np.float64) @ both).reshape(len(drawn), 2, runs, 3))
        found.append((f1[:, 0] - f1[:, 1]).sum(axis=1))
    return np.concatenate(found)


def _f1(counts: np.ndarray) -> np.ndarray:
    """F1 of (..., 3) counts; 0 where nothing is right."""
    right, both = counts[..., 0], counts[..., 1] + counts[..., 2]
    return np.divide(2 * right, both, out=np.zeros_like(right), where=both > 0)
