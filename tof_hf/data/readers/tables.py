"""A table and where it came from: its columns, its ids, and errors that name the row or the line."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from datasets import Dataset, LargeList, List, Value

from tof_hf.errors import DataError


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset and where it came from: the first part of the ids it lacks, and the file for errors."""

    dataset: Dataset
    name: str
    path: Path | None = None

    def error(self, found: str, fix: str, row: int | None = None) -> DataError:
        """Return a `DataError` about this table, with row (0-based) or line."""
        line = None if row is None else self._line(row)
        if row is not None and line is None:
            found = f"in row {row}: {found}"
        return DataError(found, fix=fix, path=self.path, line=line)

    def with_columns(self, columns: Mapping[str, str] | None, *, needed: Sequence[str]) -> Table:
        """Return the table with only its id and the needed columns, renamed as `columns` says."""
        dataset = self.dataset
        wanted = {key: key for key in needed}
        if "id" in dataset.column_names:
            wanted["id"] = "id"
        for key, name in (columns or {}).items():
            if key not in ("id", *needed) or not isinstance(name, str):
                raise self.error(
                    f"columns entry {key!r}: {name!r}.",
                    f"map {', '.join(map(repr, ('id', *needed)))} to column names of the table.",
                )
            wanted[key] = name
        for key, name in wanted.items():
            if name not in dataset.column_names:
                raise self.unknown_column(name, key=key)
        dataset = dataset.select_columns(list(dict.fromkeys(wanted.values())))
        renamed = {name: key for key, name in wanted.items() if name != key}
        return Table(dataset.rename_columns(renamed) if renamed else dataset, self.name, self.path)

    def unknown_column(self, name: str, *, key: str | None = None, renaming: bool = True) -> DataError:
        """Return a `DataError`: no such column, and those that are there."""
        there = ", ".join(self.dataset.column_names)
        fix = f"rename a column to {name!r}."
        if renaming:
            fix = f"say which column it is, as in columns: {{{key or name}: {self.dataset.column_names[0]}}}."
        return self.error(f"no column {name!r} (columns: {there}).", fix)

    def need_words(self, name: str) -> None:
        """Raise `DataError` unless the column holds lists of words."""
        feature = self.dataset.features[name]
        if not is_string(item_of(feature)):
            raise self.error(
                f"the column {name!r} of type {feature}.",
                "give lists of words; read_text also splits a column 'text'.",
            )

    def with_unique_ids(self, rows: Dataset) -> Dataset:
        """Return the rows made of this table, if there are any and no id stands twice."""
        if not len(rows):
            raise self.error("no rows.", "give rows with words.")
        counts = pc.value_counts(column_of(rows, "id").combine_chunks())
        if len(counts) < len(rows):
            twice = next(entry["values"].as_py() for entry in counts if entry["counts"].as_py() > 1)
            given = list(map(str, self.dataset["id"])) if "id" in self.dataset.column_names else []
            places = [row for row, row_id in enumerate(given) if row_id == twice]
            again = places[1] if len(places) > 1 else None
            raise self.error(f"the id {twice!r} more than once.", "give every row an id of its own, or none.", again)
        return rows

    def _line(self, row: int) -> int | None:
        """The line of a JSON-lines file where a row stands; empty lines are no rows."""
        if self.path is None or self.path.suffix != ".jsonl":
            return None
        with self.path.open("rb") as file:
            filled = (number for number, line in enumerate(file, start=1) if line.strip())
            return next(itertools.islice(filled, row, None), None)


@dataclass(frozen=True, slots=True)
class TableOrigin:
    """What a batch function needs to know of its table to name rows and errors."""

    name: str
    path: str | None

    @classmethod
    def of(cls, table: Table) -> TableOrigin:
        """Return what is known of a table, without its rows."""
        return cls(table.name, None if table.path is None else str(table.path))

    def ids(self, batch: Mapping[str, list], indices: Sequence[int]) -> list[str]:
        """Return the ids that the rows have, or name and number of the row."""
        given = batch.get("id", [None] * len(indices))
        rows = zip(given, indices, strict=True)
        return [f"{self.name}-{row}" if value is None else str(value) for value, row in rows]

    def error(self, error: DataError, row: int) -> DataError:
        """Return the error with the place of the row (0-based)."""
        path = None if self.path is None else Path(self.path)
        return Table(Dataset.from_dict({}), self.name, path).error(error.found, error.fix, row)


def item_of(feature: Any) -> Any:
    """Return the feature of a list's items, None for what is no list."""
    return feature.feature if isinstance(feature, (List, LargeList)) else None


def is_string(feature: Any) -> bool:
    """Whether a feature is text."""
    return isinstance(feature, Value) and feature.dtype in ("string", "large_string")


def column_of(dataset: Dataset, name: str) -> Any:
    """Return one column as Arrow holds it."""
    return dataset.select_columns([name]).with_format("arrow")[:].column(name)
