"""Choosing how much of each source goes into a training mixture."""

from __future__ import annotations

import random
from collections.abc import Sequence

from datasets import Dataset, concatenate_datasets


def cap(dataset: Dataset, limit: int | None, *, seed: int) -> Dataset:
    """At most `limit` rows, drawn without replacement, in their old order; all of them for None."""
    if limit is None or len(dataset) <= limit:
        return dataset
    chosen = random.Random(seed).sample(range(len(dataset)), limit)
    return dataset.select(sorted(chosen))


def mix(datasets: Sequence[Dataset], *, columns: Sequence[str] | None = None) -> Dataset:
    """All rows of all datasets, with only these columns; order does not matter, the Trainer shuffles."""
    datasets = [dataset.select_columns(list(columns)) if columns else dataset for dataset in datasets]
    return concatenate_datasets(datasets) if len(datasets) > 1 else datasets[0]
