"""What a report shows of a translation: the numbers in a run's `translation/*.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tof_hf.storage.records import Record


class EntityChanges(Record):
    """Entities of one type in translated rows."""

    total: int
    changed: int
    survived: int
    grew: int


class Translation(Record):
    """Counts of a translation, as `tof_hf.data.projection.Projection` explains them."""

    rows: int
    words: int
    distinct_words: int
    coverage: float
    distinct_coverage: float
    copied: int
    recased: int | None = None
    unknown: Mapping[str, int] = {}
    entities: Mapping[str, EntityChanges] = {}
    samples: Sequence[tuple[str, str]] = ()
