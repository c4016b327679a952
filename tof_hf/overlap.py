"""Sentences that stand where they should not: of the test in training text, of the validation in training data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from datasets import Dataset

from tof_hf.findings import Finding, Level
from tof_hf.preflight import sentences

_IN_TEXT = (
    "its labels stay unseen, but the encoder and the pseudo-labels have met these sentences, so the score says less "
    "about new text: take them out of target.text, or report it."
)
_IN_SOURCE = "their labels are trained or chosen on, so the score is too good: take them out of the source."
_IN_TRAIN = "the best epoch is chosen on sentences known by heart: take them out of one of the two."
_WANTED = "mlm.include_target_test asks for it; say so where you report the score."
_PAIRS = [
    ("target.gold", "target.text", _IN_TEXT),
    ("target.gold", "target.test_text", _WANTED),
    ("target.gold", "source.train", _IN_SOURCE),
    ("target.gold", "source.validation", _IN_SOURCE),
    ("source.validation", "source.train", _IN_TRAIN),
]


@dataclass(frozen=True)
class Overlap:
    """How many of the `total` different sentences of one option also stand in another."""

    of: str
    within: str
    shared: int
    total: int


def look_for_overlaps(options: Mapping[str, Dataset]) -> tuple[list[Overlap], list[Finding]]:
    """What options share; `options` maps those that could be read to their rows.

    More than half of target.gold in labelled source data is an error, as it is before a run.
    """
    known = {option: sentences(rows) for option, rows in options.items()}
    overlaps, findings = [], []
    for of, within, fix in _PAIRS:
        if of in known and within in known:
            overlap = Overlap(of, within, len(known[of] & known[within]), len(known[of]))
            overlaps.append(overlap)
            if overlap.shared:
                share = 100 * overlap.shared / overlap.total
                found = f"{overlap.shared:,} of {overlap.total:,} sentences ({share:.1f} %) also stand in {within}"
                findings.append(Finding(_level(overlap, fix), of, found, fix))
    return overlaps, findings


def _level(overlap: Overlap, fix: str) -> Level:
    if fix is _WANTED:
        return "note"
    return "error" if fix is _IN_SOURCE and 2 * overlap.shared > overlap.total else "warning"
