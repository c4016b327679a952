"""`Dataset.map` with a cache that notices when our code changes.

`datasets` hashes functions of an importable package by reference: an edited function would keep serving the rows of
the old one. A hash of the source of the function's module is therefore part of what `datasets` hashes.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from datasets import Dataset, Features

Batch = dict[str, list]


def source_hash(*functions: Callable) -> str:
    """Twelve hex digits that change when the module of any of the functions changes."""
    modules = sorted({function.__module__ for function in functions})
    text = "".join(inspect.getsource(sys.modules[name]) for name in modules)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def cached_map(
    dataset: Dataset,
    function: Callable[..., Batch],
    *,
    features: Features,
    description: str,
    depends_on: tuple[Callable, ...] = (),
    **arguments: Any,
) -> Dataset:
    """The rows that `function(batch, indices, **arguments)` returns, without the old columns.

    The cache also follows the source of the functions in `depends_on`.
    """
    return dataset.map(
        partial(_call, function, source_hash(function, *depends_on)),
        batched=True,
        with_indices=True,
        remove_columns=dataset.column_names,
        features=features,
        fn_kwargs=arguments,
        desc=description,
    )


def _call(function: Callable[..., Batch], source: str, *args: Any, **kwargs: Any) -> Batch:
    """What the function returns; `source` is there to be hashed with it."""
    return function(*args, **kwargs)
