"""Soft labels: the target text with the class probabilities of teachers, kept in the folder of the last one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tof_hf.algorithm.history import Labels, SoftLabelsRecord
from tof_hf.algorithm.pseudo_labelling import read_rows, write_rows
from tof_hf.config import TofConfig
from tof_hf.data.fingerprint import content_hash
from tof_hf.data.label_selection import UNSURE
from tof_hf.data.soft_labels import soft_label, without_frequent_texts
from tof_hf.stages.ner import class_probabilities
from tof_hf.stages.stage import Checkpoint
from tof_hf.storage.cache import is_cached
from tof_hf.utils.log import warn
from tof_hf.utils.processes import barrier


def soft_labels_file(text: Dataset, teachers: Sequence[Checkpoint], voters: Sequence[Checkpoint]) -> Path:
    """Where the soft labels of these teachers are, or will be; the name includes all that they depend on."""
    keys = [[tagger.key for tagger in taggers] for taggers in (teachers, voters)]
    digest = hashlib.sha256(repr(keys).encode()).hexdigest()[:16]
    return teachers[-1].folder / f"soft-{content_hash(text)}-{digest}.parquet"


def soft_labels(
    text: Dataset,
    teachers: Sequence[Checkpoint],
    voters: Sequence[Checkpoint],
    config: TofConfig,
    *,
    label_names: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
) -> Labels[SoftLabelsRecord]:
    """The sentences with the teachers' mean probabilities and the labels that all voters agree on.

    Texts that `labelling.max_text_share` excludes as entities are excluded here too.
    """
    file = soft_labels_file(text, teachers, voters)
    if not is_cached(file):
        taggers = {tagger.key: tagger for tagger in [*teachers, *voters]}
        found = {
            key: class_probabilities(tagger, text, config.ner, tokenizer=tokenizer) for key, tagger in taggers.items()
        }
        of_teachers, of_voters = ([found[tagger.key] for tagger in group] for group in (teachers, voters))
        write_rows(soft_label(text, of_teachers, of_voters, label_names=label_names), file)
    barrier()
    rows, excluded = read_soft_labels(file, config)
    for entity, count in excluded.items():
        warn(f"{teachers[-1].name}: labels: {entity!r} makes up {count:,} of the entities; it is learned as no entity")
    unsure = [word for words in rows[UNSURE][:] for word in words]
    record = SoftLabelsRecord(
        teachers=[tagger.name for tagger in teachers],
        voters=[tagger.name for tagger in voters],
        file=file.name,
        sentences=len(rows),
        words=len(unsure),
        agreed_share=round(1 - sum(unsure) / max(1, len(unsure)), 4) if voters else None,
        no_entities=excluded,
    )
    return Labels(rows, record)


def read_soft_labels(file: Path, config: TofConfig) -> tuple[Dataset, dict[str, int]]:
    """The kept rows as a student learns them, and the texts learned as no entity with their counts as entities."""
    return without_frequent_texts(read_rows(file), config.labelling.max_text_share)
