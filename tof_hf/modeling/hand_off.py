"""What a model took over from the checkpoint that it started from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HandOff:
    """What a model started from: the number of encoder tensors kept, and the names of head tensors.

    `head_kept` came along, `head_fresh` are new, `head_dropped` stand in the files of a local checkpoint, unused.
    """

    encoder: int = 0
    head_kept: tuple[str, ...] = ()
    head_fresh: tuple[str, ...] = ()
    head_dropped: tuple[str, ...] = ()
