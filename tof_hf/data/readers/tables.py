"""Tables (Parquet, JSON lines, the Hub, a `Dataset`): their columns, ids, and errors that name the row or line."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from datasets import Dataset, Features, LargeList, List, Value

from tof_hf.data.mapping import Batch, cached_map
from tof_hf.data.readers.files import check_length
from tof_hf.errors import DataError

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a table comes from: the prefix of the ids it lacks, and its file."""

    name: str
    path: Path | None = None

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
        existing = self.dataset.column_names
        names = {key: key for key in (*needed, "id") if key in needed or key in existing}
        for key, name in (columns or {}).items():
            if key not in ("id", *needed) or not isinstance(name, str):
                raise self.origin.error(
                    f"columns entry {key!r}: {name!r}.",
                    f"map {', '.join(map(repr, ('id', *needed)))} to column names of the table.",
                )
            names[key] = name
        for key, name in names.items():
            if name not in existing:
                raise self.unknown_column(name, key=key)
        dataset = self.dataset.select_columns(list(dict.fromkeys(names.values())))
        return replace(self, dataset=dataset.rename_columns({name: key for key, name in names.items() if name != key}))

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

    def rows(
        self,
        make: Callable[[Row], Row | None],
        features: Features,
        *,
        depends_on: tuple[Callable, ...],
        if_empty: tuple[str, str] = ("no rows.", "give rows with words."),
    ) -> Dataset:
        """Return the rows that `make` returns for the records, with their ids; None drops a record.

        Raises `DataError` if no row is left (with what was found and what to change), or an id occurs twice.
        """
        rows = cached_map(
            self.dataset,
            _make_rows,
            features=features,
            description="Reading rows",
            depends_on=depends_on,
            make=make,
            names=list(features),
            origin=self.origin,
        )
        if not len(rows):
            raise self.origin.error(*if_empty)
        twice, times = Counter(rows["id"][:]).most_common(1)[0]
        if times > 1:
            same = [row for row, own in enumerate(self.dataset["id"]) if str(own) == twice]
            raise self.origin.error(
                f"the id {twice!r} more than once.", "give every row an id of its own, or none.", same[-1]
            )
        return rows


def _make_rows(
    batch: Batch, indices: list[int], *, make: Callable[[Row], Row | None], names: list[str], origin: Origin
) -> Batch:
    """Rows with the ids of the records; where there is none, name of the origin and number of the record."""
    rows = []
    for number, values in zip(indices, zip(*batch.values(), strict=True), strict=True):
        record = dict(zip(batch, values, strict=True))
        try:
            row = make(record)
            check_length(row or {})
        except DataError as error:
            raise origin.error(error.found, error.fix, number) from error
        if row is not None:
            own = record.get("id")
            rows.append(row | {"id": f"{origin.name}-{number}" if own is None else str(own)})
    return {name: [row[name] for row in rows] for name in names}


def item_of(feature: Any) -> Any:
    """Return the feature of a list's items; None for other features."""
    return feature.feature if isinstance(feature, (List, LargeList)) else None


def is_string(feature: Any) -> bool:
    """Whether a feature is text."""
    return isinstance(feature, Value) and feature.dtype in ("string", "large_string")


def is_word(word: str | None) -> bool:
    """Whether this is a word: some copies of CoNLL-2003 on the Hub keep -DOCSTART- as a sentence of one word."""
    return bool(word and word.strip()) and word != "-DOCSTART-"
