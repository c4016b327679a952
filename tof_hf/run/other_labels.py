"""Labels of the target text from elsewhere: those of its sentences, with what is known about them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from datasets import Dataset

from tof_hf.config.data import LabelFile
from tof_hf.data.label_checks import SourceEntities, entities_by_type, label_health
from tof_hf.data.label_joining import OtherLabels, sentence_keys, with_probabilities
from tof_hf.errors import DataError
from tof_hf.run.findings import Finding
from tof_hf.run.record import OtherLabelsRecord


def other_labels(
    option: str, file: LabelFile, rows: Dataset, target: np.ndarray, source: SourceEntities
) -> tuple[OtherLabels, OtherLabelsRecord]:
    """The labels in a file for sentences of the target text, and the record of them.

    Args:
        option: the option that names the file.
        file: the file.
        rows: its rows.
        target: the `sentence_keys` of the target text.
        source: entities of the labelled source, for the health of the labels.

    Raises:
        DataError: if it has no sentence of the target text.
    """
    labels = OtherLabels(file.title, with_probabilities(rows), file.weight, file.complete)
    numbers = labels.find(target)
    used = np.unique(numbers[numbers >= 0])
    if not len(used):
        example = " ".join(rows[0]["tokens"])[:60]
        raise DataError(
            f"{len(rows):,} labelled sentences ({example!r} ...), none of which is in target.text with the same words.",
            fix="label the sentences of target.text, split into the same words (word_rule).",
            path=file.path,
        )
    labels = replace(labels, rows=labels.rows.select(used))
    if not labels.types:
        found = f"no entity in those {len(used):,} sentences that are in target.text."
        raise DataError(found, fix="give labels with entities, or remove the file.", path=file.path)
    known = np.isin(sentence_keys(rows), target)
    record = OtherLabelsRecord(
        name=labels.name,
        option=option,
        weight=labels.weight,
        sentences=len(rows),
        not_in_target=int((~known).sum()),
        target_sentences=int((numbers >= 0).sum()),
        target_total=len(target),
        entities=entities_by_type(labels.rows),
        health=label_health(labels.rows, source),
    )
    return labels, record


def label_findings(records: list[OtherLabelsRecord]) -> Iterator[Finding]:
    """How much of the target text each file labels, and the alarms about its labels."""
    for one in records:
        yield Finding("note", one.option, str(one))
        if one.not_in_target:
            found = f"{one.not_in_target:,} of its {one.sentences:,} sentences are not in target.text"
            yield Finding("warning", one.option, found, "they are not used; label the sentences of target.text.")
        for alarm in one.health.alarms:
            yield Finding("warning", one.option, f"labels: {alarm}", "look at them before you use them.")
