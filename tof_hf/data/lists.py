"""Columns of lists and the flat arrays they are made of; importing this loads nothing heavy."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def flat(column: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """All values of a column of lists, one list after the other, and the bounds of the lists."""
    lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    return lists.flatten(), np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def list_column(bounds: np.ndarray, values: Any) -> pa.Array:
    """A column of lists, from their bounds and the values of all of them."""
    return pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), values)
