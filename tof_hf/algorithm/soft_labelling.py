"""What a student of other taggers learns from: soft labels of the target text, beside the last of its teachers."""

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
    """Where the soft labels of these teachers are, or will be; the name has all that they depend on."""
    keys = [[one.key for one in taggers] for taggers in (teachers, voters)]
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
) -> Labels:
    """The sentences with the teachers' mean probabilities and the voters' common labels, and the record of them.

    Texts that `labelling.max_text_share` takes for no entity are none for a student either.
    """
    file = soft_labels_file(text, teachers, voters)
    if not is_cached(file):
        given = {
            one.key: class_probabilities(one, text, config.ner, tokenizer=tokenizer)
            for one in {tagger.key: tagger for tagger in [*teachers, *voters]}.values()
        }
        of_teachers, of_voters = ([given[one.key] for one in taggers] for taggers in (teachers, voters))
        write_rows(soft_label(text, of_teachers, of_voters, label_names=label_names), file)
    barrier()
    taught, texts = read_soft_labels(file, config)
    for text_of_many, count in texts.items():
        warn(f"{teachers[-1].name}: labels: {text_of_many!r} is {count:,} of the entities, and learned as none")
    unsure = [word for words in taught[UNSURE][:] for word in words]
    record = SoftLabelsRecord(
        teachers=[one.name for one in teachers],
        voters=[one.name for one in voters],
        file=file.name,
        sentences=len(taught),
        words=len(unsure),
        agreed_share=round(1 - sum(unsure) / max(1, len(unsure)), 4) if voters else None,
        no_entities=texts,
    )
    return Labels(taught, record)


def read_soft_labels(file: Path, config: TofConfig) -> tuple[Dataset, dict[str, int]]:
    """The kept rows as they are learned, and the texts that are learned as no entity, with how often they were one."""
    return without_frequent_texts(read_rows(file), config.labelling.max_text_share)
