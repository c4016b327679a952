"""Choosing how much of each source goes into a training mixture."""

from collections.abc import Sequence

from datasets import Dataset, concatenate_datasets

from tof_hf.data.draw import drawn_rows


def cap(dataset: Dataset, limit: int | None, *, seed: int) -> Dataset:
    """Return at most `limit` rows, drawn without replacement, in their old order.

    Args:
        dataset: Any rows.
        limit: The most rows to return; None returns all.
        seed: Seed of the draw.

    Returns:
        The dataset itself, or a selection of its rows.

    Example:
        >>> small = cap(rows, 1_000, seed=42)
    """
    if limit is None or len(dataset) <= limit:
        return dataset
    return dataset.select(drawn_rows(len(dataset), limit, seed=seed))


def mix(datasets: Sequence[Dataset], *, columns: Sequence[str] | None = None) -> Dataset:
    """Return the rows of all datasets, one dataset after the other (the Trainer shuffles; paper Guideline II).

    Args:
        datasets: At least one; all have the same features in `columns`.
        columns: The columns to keep; None keeps all.

    Returns:
        One dataset.

    Example:
        >>> training = mix([source, target], columns=["id", "tokens"])
    """
    datasets = [dataset.select_columns(list(columns)) if columns else dataset for dataset in datasets]
    return concatenate_datasets(datasets) if len(datasets) > 1 else datasets[0]
