"""What identifies rows: their content, wherever they came from."""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset


def content_hash(dataset: Dataset) -> str:
    """Sixteen hex digits, a hash of the columns and rows, but for their ids: those come from the names of files.

    The same rows of the same features have the same hash, however they lie in memory: whole, sliced, chosen, joined.
    """
    dataset = dataset.remove_columns([name for name in ("id",) if name in dataset.column_names])
    features = sorted(f"{name}: {feature}" for name, feature in dataset.features.items())
    digest = hashlib.sha256("\n".join(features).replace("large_", "").replace("Large", "").encode())
    for table in dataset.with_format("arrow").iter(batch_size=5_000):
        for name in sorted(table.column_names) if table.num_rows else ():
            _add(digest, table.column(name).combine_chunks())
    return digest.hexdigest()[:16]


def _add(digest: Any, values: pa.Array) -> None:
    """Add length, nulls and values to the hash; memory before, after and under nulls does not count."""
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if isinstance(values, pa.DictionaryArray):
        values = values.dictionary_decode()
    kind, empty = values.type, values.null_count
    digest.update(b"%d %d " % (len(values), empty))
    if empty:
        digest.update(np.packbits(values.is_null().to_numpy(zero_copy_only=False)))
        values = values.drop_null()
    if pa.types.is_struct(kind):
        for part in values.flatten():
            _add(digest, part)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        digest.update(_numbers(pc.list_value_length(values)))
        _add(digest, values.flatten())
    elif pa.types.is_fixed_size_list(kind):
        _add(digest, values.flatten())
    elif kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):
        digest.update(_numbers(pc.binary_length(values)))
        digest.update(_joined(values.cast(pa.large_binary())))
    elif pa.types.is_boolean(kind):
        digest.update(np.packbits(values.to_numpy(zero_copy_only=False)))
    elif pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_fixed_size_binary(kind):
        width = kind.bit_width // 8
        content = values.buffers()[1]
        if content is not None:
            digest.update(content.slice(values.offset * width, len(values) * width))
    elif not pa.types.is_null(kind):  # kinds of columns that no data here has
        digest.update(repr(values.to_pylist()).encode())


def _numbers(lengths: pa.Array) -> np.ndarray:
    return lengths.to_numpy(zero_copy_only=False).astype("<i8")


def _joined(texts: pa.LargeBinaryArray) -> pa.Buffer | bytes:
    """All texts of an array without nulls, one after the other, not copied."""
    _, offsets, content = texts.buffers()
    if not len(texts) or content is None:
        return b""
    places = np.frombuffer(offsets, "<i8")[texts.offset : texts.offset + len(texts) + 1]
    return content.slice(int(places[0]), int(places[-1] - places[0]))
