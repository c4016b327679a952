"""Tables (Parquet, JSON lines, the Hub, a `Dataset`): their columns, ids, and errors that name the row or line."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from datasets import Dataset, LargeList, List, Value

from tof_hf.errors import DataError


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a table comes from: the prefix of the ids it lacks, and its file."""

    name: str
    path: Path | None = None

    def ids(self, batch: Mapping[str, list], indices: Sequence[int]) -> list[str]:
        """Return the rows' own ids; where there is none, name and number of the row."""
        rows = zip(batch.get("id", [None] * len(indices)), indices, strict=True)
        return [f"{self.name}-{row}" if own is None else str(own) for own, row in rows]

    def error(self, found: str, fix: str, row: int | None = None) -> DataError:
        """Return a `DataError` with the place of the row (0-based)."""
        line = None if row is None else self._line(row)
        if row is not None and line is None:
            found = f"in row {row}: {found}"
        return DataError(found, fix=fix, path=self.path, line=line)

    def _line(self, row: int) -> int | None:
        """The line of a row in a JSON-lines file; empty lines are not rows."""
        if self.path is None or self.path.suffix != ".jsonl":
            return None
        with self.path.open("rb") as file:
            filled = (number for number, line in enumerate(file, start=1) if line.strip())
            return next(itertools.islice(filled, row, None), None)


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset and its origin."""

    dataset: Dataset
    origin: Origin

    def with_columns(self, columns: Mapping[str, str] | None, *, needed: Sequence[str]) -> Table:
        """Return the table with only its id and the needed columns, renamed as `columns` says."""
        dataset = self.dataset
        names = {key: key for key in needed}
        if "id" in dataset.column_names:
            names["id"] = "id"
        for key, name in (columns or {}).items():
            if key not in ("id", *needed) or not isinstance(name, str):
                raise self.origin.error(
                    f"columns entry {key!r}: {name!r}.",
                    f"map {', '.join(map(repr, ('id', *needed)))} to column names of the table.",
                )
            names[key] = name
        for key, name in names.items():
            if name not in dataset.column_names:
                raise self.unknown_column(name, key=key)
        dataset = dataset.select_columns(list(dict.fromkeys(names.values())))
        renamed = {name: key for key, name in names.items() if name != key}
        return replace(self, dataset=dataset.rename_columns(renamed) if renamed else dataset)

    def unknown_column(self, name: str, *, key: str | None = None, renaming: bool = True) -> DataError:
        """Return a `DataError`: no such column, and the ones that exist."""
        existing = self.dataset.column_names
        fix = f"rename a column to {name!r}."
        if renaming:
            fix = f"say which column it is, as in columns: {{{key or name}: {existing[0]}}}."
        return self.origin.error(f"no column {name!r} (columns: {', '.join(existing)}).", fix)

    def need_words(self, name: str) -> None:
        """Raise `DataError` unless the column holds lists of words."""
        feature = self.dataset.features[name]
        if not is_string(item_of(feature)):
            raise self.origin.error(
                f"the column {name!r} of type {feature}.",
                "give lists of words; read_text also splits a column 'text'.",
            )

    def with_unique_ids(self, rows: Dataset) -> Dataset:
        """Return the rows made from this table. Raises `DataError` if there are none, or an id occurs twice."""
        if not len(rows):
            raise self.origin.error("no rows.", "give rows with words.")
        counts = pc.value_counts(column_of(rows, "id").combine_chunks())
        if len(counts) < len(rows):
            twice = next(entry["values"].as_py() for entry in counts if entry["counts"].as_py() > 1)
            ids = list(map(str, self.dataset["id"])) if "id" in self.dataset.column_names else []
            second = next(itertools.islice((row for row, own in enumerate(ids) if own == twice), 1, None), None)
            raise self.origin.error(
                f"the id {twice!r} more than once.", "give every row an id of its own, or none.", second
            )
        return rows


def item_of(feature: Any) -> Any:
    """Return the feature of a list's items; None for other features."""
    return feature.feature if isinstance(feature, (List, LargeList)) else None


def is_string(feature: Any) -> bool:
    """Whether a feature is text."""
    return isinstance(feature, Value) and feature.dtype in ("string", "large_string")


def column_of(dataset: Dataset, name: str) -> Any:
    """Return one column as an Arrow array."""
    return dataset.select_columns([name]).with_format("arrow")[:].column(name)
