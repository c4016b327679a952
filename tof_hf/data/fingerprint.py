"""What identifies rows: their content, wherever they came from."""

from __future__ import annotations

import hashlib

import pyarrow as pa
from datasets import Dataset


def content_hash(dataset: Dataset) -> str:
    """Sixteen hex digits, a hash of the columns and rows, but for their ids: those come from the names of files."""
    dataset = dataset.remove_columns([name for name in ("id",) if name in dataset.column_names])
    digest = hashlib.sha256(str(dataset.features).encode())
    for table in dataset.with_format("arrow").iter(batch_size=5_000):
        table = table.replace_schema_metadata(None).combine_chunks()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        digest.update(sink.getvalue())
    return digest.hexdigest()[:16]
