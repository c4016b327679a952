"""`Dataset.map` with a cache that notices when our code changes.

`datasets` hashes functions of an importable package by reference: an edited function would keep serving the rows of
the old one. The source text of the function's module therefore travels as an argument and so into the fingerprint.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

from datasets import Dataset, Features


def source_hash(*functions: Callable) -> str:
    """Twelve hex digits that change when the module of any of the functions changes."""
    modules = sorted({function.__module__ for function in functions})
    text = "".join(inspect.getsource(sys.modules[name]) for name in modules)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def cached_map(
    dataset: Dataset,
    function: Callable,
    *,
    features: Features | None = None,
    description: str,
    **fn_kwargs: Any,
) -> Dataset:
    """The rows that `function(batch, indices, *, code, **fn_kwargs)` returns; all old columns are dropped."""
    return dataset.map(
        function,
        batched=True,
        with_indices=True,
        remove_columns=dataset.column_names,
        features=features,
        fn_kwargs={**fn_kwargs, "code": source_hash(function)},
        desc=description,
    )
