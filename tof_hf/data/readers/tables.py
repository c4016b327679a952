"""Tables (Parquet, the Hub, a `Dataset`): their rows and ids, and errors that name the row."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from datasets import ClassLabel, Dataset, Features, LargeList, List, Value

from tof_hf.data.features import EXTRA_FEATURES, TEXT_FEATURES
from tof_hf.data.mapping import Batch, cached_map
from tof_hf.data.readers.fields import USUAL_NAMES, Fields, Record
from tof_hf.data.readers.files import check_length
from tof_hf.data.readers.notes import note
from tof_hf.data.readers.records import sentence_of, told
from tof_hf.errors import DataError

Row: TypeAlias = dict[str, Any]
_SAMPLE = 1_000
_WRITTEN = Features(
    TEXT_FEATURES
    | {"ner_tags": List(Value("string")), "notes": List({"kind": Value("string"), "example": Value("string")})}
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a table comes from: the prefix of the ids it lacks, and its file."""

    name: str
    path: Path | None = None

    def error(self, found: str, fix: str, row: int | None = None) -> DataError:
        """Return a `DataError` with the place of the row (0-based)."""
        return DataError(found if row is None else f"in row {row}: {found}", fix=fix, path=self.path)

    def note(self, summary: str, warnings: Iterable[str] = ()) -> None:
        """Log how the table was read."""
        note(self.path or self.name, summary, warnings)


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset and its origin."""

    dataset: Dataset
    origin: Origin

    def unknown_column(self, name: str) -> DataError:
        """Return a `DataError`: no such column, and the ones that exist."""
        existing = ", ".join(self.dataset.column_names)
        return self.origin.error(f"no column {name!r} (columns: {existing}).", f"rename a column to {name!r}.")

    def sample(self, named: Iterable[Any] = ()) -> list[Row]:
        """The first rows, of columns with usual names and those `named`, with the names of ClassLabel numbers."""
        wanted = [name for name in self.dataset.column_names if name in USUAL_NAMES or name in named]
        rows = self.dataset.select_columns(wanted).select(range(min(len(self.dataset), _SAMPLE))).to_list()
        for name in wanted:
            if (names := self.class_names(name)) is not None:
                for row in rows:
                    numbers = row[name] or []
                    row[name] = [
                        names[tag] if tag is not None and 0 <= tag < len(names) else str(tag) for tag in numbers
                    ]
        return rows

    def class_names(self, column: str | None) -> list[str] | None:
        """The names of a column with lists of ClassLabel numbers; None for other columns."""
        feature = self.dataset.features.get(column)
        item = feature.feature if isinstance(feature, (List, LargeList)) else None
        return list(item.names) if isinstance(item, ClassLabel) else None

    def sentences(self, fields: Fields) -> Dataset:
        """Return rows with words, and with tags as they are written. Raises `DataError` for a bad row."""
        used = [*fields.used(), *(name for name in (fields.id, "answer") if name in self.dataset.column_names)]
        table = replace(self, dataset=self.dataset.select_columns(list(dict.fromkeys(used))))
        make = partial(_sentence_row, fields=fields)
        features = Features(_WRITTEN | {name: EXTRA_FEATURES[name] for name in fields.keep})
        answers = self.dataset.unique("answer") if "answer" in used else ()
        found = f"no rows{f' (answers: {answers!r:.60})' if answers else ''}."
        rows = table.rows(
            make,
            features,
            depends_on=(_sentence_row, sentence_of),
            if_empty=(found, "give rows with words."),
            id_column=fields.id,
        )
        notes = [(note["kind"], note["example"]) for notes in rows["notes"] for note in notes]
        left = len(self.dataset) - len(rows)
        empty = [f"{left} rows without words were left out"] if left else []
        self.origin.note(f"{fields}; {len(rows)} rows", [*told(notes), *empty])
        return rows.remove_columns("notes")

    def rows(
        self,
        make: Callable[[Row], Row | None],
        features: Features,
        *,
        depends_on: tuple[Callable, ...],
        if_empty: tuple[str, str] = ("no rows.", "give rows with words."),
        id_column: str = "id",
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
            id_column=id_column,
        )
        if not len(rows):
            raise self.origin.error(*if_empty)
        twice, times = Counter(rows["id"][:]).most_common(1)[0]
        if times > 1:
            same = [row for row, own in enumerate(self.dataset[id_column]) if str(own) == twice]
            raise self.origin.error(
                f"the id {twice!r} more than once.", "give every row an id of its own, or none.", same[-1]
            )
        return rows


def _make_rows(
    batch: Batch,
    indices: list[int],
    *,
    make: Callable[[Row], Row | None],
    names: list[str],
    origin: Origin,
    id_column: str,
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
            own = record.get(id_column)
            rows.append(row | {"id": f"{origin.name}-{number}" if own is None else str(own)})
    return {name: [row[name] for row in rows] for name in names}


def _sentence_row(record: Record, *, fields: Fields) -> Row | None:
    sentence = sentence_of(record, fields)
    if sentence is None or not sentence.tokens:
        return None
    notes = [{"kind": kind, "example": example} for kind, example in sentence.notes]
    return {"tokens": sentence.tokens, "ner_tags": sentence.tags, "notes": notes} | sentence.extra
