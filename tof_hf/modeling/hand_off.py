"""The record of which tensors a model took from a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HandOff:
    """Which tensors a model took from a checkpoint, as `load_for_mlm`, `load_for_mrc` and `load_for_ner` report it.

    Attributes:
        encoder: the number of encoder tensors, all copied from the checkpoint.
        head_kept: names of the head's tensors that were loaded.
        head_fresh: names of the head's tensors with random weights.
        head_dropped: names of head tensors in the files of a local checkpoint that the model does not use.
    """

    encoder: int = 0
    head_kept: tuple[str, ...] = ()
    head_fresh: tuple[str, ...] = ()
    head_dropped: tuple[str, ...] = ()
