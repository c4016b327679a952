"""Labels from elsewhere join those of taggers: the file of the result, and what has changed."""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset

from tof_hf.algorithm.history import JoiningRecord
from tof_hf.algorithm.label_files import rows_in_parts
from tof_hf.data.label_joining import OtherLabels, Rule, join_labels, sentence_keys
from tof_hf.data.pseudo_labels import entity_spans


def joined_file(file: Path, others: Sequence[OtherLabels], rule: Rule) -> Path:
    """Where labels in the file are once the others have joined them; the file itself if there are none."""
    digest = hashlib.sha256(repr((rule, [other.key for other in others])).encode()).hexdigest()[:16]
    return file.with_stem(f"{file.stem}-joined-{digest}") if others else file


def joined_rows(file: Path, own: Dataset, others: Sequence[OtherLabels], rule: Rule) -> Dataset:
    """The taggers' `own` labels, joined by the others: from the file, or made."""
    return rows_in_parts(file, "joined", own, functools.partial(join_labels, others=others, rule=rule))


def joining_record(own: Dataset, joined: Dataset, others: Sequence[OtherLabels], rule: Rule) -> JoiningRecord | None:
    """The record of the others that joined the taggers' `own` labels; None if there are none."""
    if not others:
        return None
    keys = sentence_keys(own)
    added = removed = 0
    for before, after in zip(entity_spans(own), entity_spans(joined), strict=True):
        added += len(set(after) - set(before))
        removed += len(set(before) - set(after))
    sentences = {other.name: int((other.find(keys) >= 0).sum()) for other in others}
    return JoiningRecord(rule=rule, sentences=sentences, added=added, removed=removed)
