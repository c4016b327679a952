"""Columns of lists as flat arrays, batch by batch, so that memory does not grow with the number of rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, DatasetInfo, Features

from tof_hf.data.labels import entity_starts, entity_types, split_tag
from tof_hf.data.lists import flat

ROWS = 10_000  # in a batch


@dataclass(frozen=True, slots=True)
class Entities:
    """The entities of some rows in a row, as arrays with one number an entity.

    Attributes:
        names: the label names.
        kinds: the number of its type in `entity_types(names)`.
        starts: its first word, counted over all words of these rows.
        ends: the word after its last one, counted in the same way.
        bounds: where each row's words begin, and where the last one's end.
        columns: the flat values of other columns.
    """

    names: Sequence[str]
    kinds: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    bounds: np.ndarray
    columns: dict[str, Any]

    @property
    def rows(self) -> np.ndarray:
        """The row of each entity."""
        return np.searchsorted(self.bounds, self.starts, side="right") - 1

    def words_inside(self, chosen: np.ndarray) -> np.ndarray:
        """For each word of the rows whether it is in a chosen entity; `chosen` has a boolean for each entity."""
        steps = np.zeros(self.bounds[-1] + 1, dtype=np.int8)
        steps[self.starts[chosen]] += 1
        steps[self.ends[chosen]] -= 1
        return np.cumsum(steps[:-1], dtype=np.int8).astype(bool)

    def texts(self) -> list[str]:
        """The text of each entity, its words joined by blanks; needs the column `tokens`."""
        lengths = self.ends - self.starts
        places = np.repeat(self.starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        words = iter(self.columns["tokens"].take(pa.array(places)).to_pylist())
        return [" ".join(next(words) for _ in range(length)) for length in lengths.tolist()]


def flat_batches(rows: Dataset, *columns: str) -> Iterator[tuple[np.ndarray, dict[str, pa.Array]]]:
    """The bounds of the lists, which are as long in all these columns, and the flat values of each column."""
    for table in rows.select_columns(list(columns)).with_format("arrow").iter(batch_size=ROWS):
        values = {name: flat(table.column(name)) for name in columns}
        yield next(iter(values.values()))[1], {name: value for name, (value, _) in values.items()}


def entity_batches(labelled: Dataset, *columns: str) -> Iterator[Entities]:
    """The entities of NER rows, with the flat values of other columns."""
    names = labelled.features["ner_tags"].feature.names
    number = {kind: place for place, kind in enumerate(entity_types(names))}
    kinds = np.array([number.get(split_tag(name)[1], -1) for name in names])
    for bounds, values in flat_batches(labelled, "ner_tags", *columns):
        tags = values.pop("ner_tags").to_numpy(zero_copy_only=False)
        starting, inside = entity_starts(tags, names, bounds)
        breaks = np.concatenate([np.flatnonzero(~inside | starting), bounds])
        breaks.sort()
        starts = np.flatnonzero(starting)
        ends = breaks[np.searchsorted(breaks, starts, side="right")]
        yield Entities(names, kinds[tags[starts]], starts, ends, bounds, values)


def word_count(rows: Dataset) -> int:
    """The number of words in all rows."""
    return sum(int(bounds[-1]) for bounds, _ in flat_batches(rows, "tokens"))


def in_memory(columns: dict[str, Any], features: Features) -> Dataset:
    """A dataset of Arrow columns."""
    schema = features.arrow_schema
    table = pa.table({name: columns[name] for name in schema.names}).cast(schema)
    return Dataset(table, info=DatasetInfo(features=features))
