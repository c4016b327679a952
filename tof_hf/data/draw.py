"""Which rows are drawn from a data set; importing this loads nothing heavy."""

import random
from collections.abc import Sequence


def drawn_rows(total: int, limit: int | None, *, seed: int) -> Sequence[int]:
    """At most `limit` row numbers out of `total`, drawn without replacement, in ascending order; None: all."""
    if limit is None or total <= limit:
        return range(total)
    return sorted(random.Random(seed).sample(range(total), limit))
