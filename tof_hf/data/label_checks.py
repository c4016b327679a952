"""The health of pseudo-labels, measured without any gold label of the text.

Self-training goes wrong in ways that these numbers show: a type swallows others or dies out, a word that is no name is
labelled as one everywhere, labels change more and more from one round to the next, the two heads of one encoder
disagree.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from datasets import Dataset

from tof_hf.data.columns import entity_batches, flat_batches, word_count
from tof_hf.data.health import LabelHealth
from tof_hf.data.labels import Span, entity_types
from tof_hf.data.pseudo_labels import MIN_COUNT, frequent_texts, mean_probabilities
from tof_hf.errors import DataError

BINS = 10
GROWTH = 2.0  # alarm: a type has this many times the entities of the last labelling, or less than one over it
FROM_SOURCE = 4.0  # alarm: a type has over this many times the source's entities a sentence, or less than 1 over it
FREQUENT = 0.05  # alarm: one text is more than this share of all entities; names in news reach 0.02


@dataclass(frozen=True)
class SourceEntities:
    """Entities of the labelled source: `per_sentence` by type, and the different texts of all."""

    per_sentence: dict[str, float]
    forms: frozenset[str]


def label_health(
    labelled: Dataset,
    source: SourceEntities,
    *,
    previous: Dataset | None = None,
    previous_changed_share: float | None = None,
    agreement: float | None = None,
    agreement_sentences: int = 0,
) -> LabelHealth:
    """Return the health of pseudo-labels: counts, shares and alarms.

    Args:
        labelled: Rows of `pseudo_label`.
        source: Entities of the labelled source, from `source_entities`.
        previous: The same rows as they were labelled in the last round.
        previous_changed_share: `changed_share` of the last round, 0..1.
        agreement: Share of the entities that the MRC head finds too, 0..1, from `agreement_share`.
        agreement_sentences: The number of sentences that `agreement` was measured on.

    Returns:
        The numbers, with shares in 0..1 rounded to four digits.

    Raises:
        DataError: `previous` has other sentences.

    Example:
        >>> health = label_health(labelled, source_entities(source))
        >>> health.alarms
        ["LOC: 950 entities, where the rate of the source would give 120"]
    """
    counts, rows = entities_by_type(labelled), len(labelled)
    rates = per_sentence(counts, rows)
    alarms = against_source_alarms(counts, rows, source.per_sentence) + frequent_text_alarms(labelled)
    changed, share = None, None
    if previous is not None:
        alarms += change_alarms(entities_by_type(previous), counts)
        changed = words_changed(previous, labelled)
        words = word_count(labelled)
        share = round(changed / words, 4) if words else None
        rises = share is not None and previous_changed_share is not None and share > previous_changed_share
        if rises and changed >= MIN_COUNT:
            alarms.append(
                f"{share:.2%} of the words changed labels, up from {previous_changed_share:.2%} at the labelling before"
            )
    return LabelHealth(
        per_sentence={label: round(rate, 4) for label, rate in rates.items()},
        against_source={
            label: round(rate / source.per_sentence[label], 4) if source.per_sentence.get(label) else None
            for label, rate in rates.items()
        },
        words_changed=changed,
        changed_share=share,
        confidence=confidence_histogram(mean_probabilities(labelled)),
        unseen_forms=_rounded(unseen_share(entity_forms(labelled), source.forms)),
        agreement=_rounded(agreement),
        agreement_sentences=agreement_sentences,
        alarms=alarms,
    )


def source_entities(source: Dataset) -> SourceEntities:
    """Return the entities of the labelled source, which `label_health` compares with.

    Args:
        source: NER rows.

    Returns:
        Entities a sentence by type, and the different texts of all entities.

    Example:
        >>> source_entities(read_ner("train.txt")).per_sentence
        {"LOC": 0.48, "PER": 0.44}
    """
    return SourceEntities(per_sentence(entities_by_type(source), len(source)), frozenset(entity_forms(source)))


def entities_by_type(labelled: Dataset) -> dict[str, int]:
    """The number of entities of every type of the labels, 0 included."""
    types = entity_types(labelled.features["ner_tags"].feature.names)
    counts = sum(
        (np.bincount(batch.kinds, minlength=len(types)) for batch in entity_batches(labelled)),
        np.zeros(len(types), int),
    )
    return dict(zip(types, counts.tolist(), strict=True))


def per_sentence(counts: Mapping[str, int], sentences: int) -> dict[str, float]:
    """Entities a sentence, by type."""
    return {label: count / max(1, sentences) for label, count in counts.items()}


def words_changed(before: Dataset, after: Dataset) -> int:
    """The number of words with another tag. Raises DataError if these are not the same sentences."""
    changed = 0
    pairs = zip_longest(flat_batches(before, "tokens", "ner_tags"), flat_batches(after, "tokens", "ner_tags"))
    for old, new in pairs:
        if not (old and new and np.array_equal(old[0], new[0]) and old[1]["tokens"].equals(new[1]["tokens"])):
            raise DataError("labels of other sentences.", fix="compare two labellings of the same sentences.")
        changed += int((old[1]["ner_tags"].to_numpy() != new[1]["ner_tags"].to_numpy()).sum())
    return changed


def confidence_histogram(probabilities: Sequence[float] | np.ndarray) -> list[int]:
    """How many of the probabilities are in [0, 0.1), [0.1, 0.2), ... [0.9, 1]."""
    bins = np.minimum(BINS - 1, (np.asarray(probabilities, dtype=np.float64) * BINS).astype(int))
    return np.bincount(bins, minlength=BINS).tolist()


def entity_forms(labelled: Dataset) -> set[str]:
    """The different texts of entities, words joined by blanks."""
    return {text for batch in entity_batches(labelled, "tokens") for text in batch.texts()}


def unseen_share(forms: Collection[str], known: Collection[str]) -> float | None:
    """The share of forms that are not known; None without forms."""
    return sum(form not in known for form in forms) / len(forms) if forms else None


def agreement_share(entities: Iterable[Collection[Span]], answers: Iterable[Collection[Span]]) -> float | None:
    """The share of entities that are among the answers of their sentence; None without entities."""
    found = [entity in spans for of_one, spans in zip(entities, answers, strict=True) for entity in of_one]
    return sum(found) / len(found) if found else None


def change_alarms(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """One line for every type that has at least doubled, or lost more than half, since the last labelling."""
    alarms = []
    for label, count in now.items():
        old = before.get(label, 0)
        if max(old, count) >= MIN_COUNT and (count >= GROWTH * old or GROWTH * count < old):
            change = "grew" if count > old else "fell"
            alarms.append(f"{label} {change} from {old:,} to {count:,} entities since the last labelling")
    return alarms


def against_source_alarms(counts: Mapping[str, int], sentences: int, source: Mapping[str, float]) -> list[str]:
    """One line for every type with over four times the source's entities a sentence, or less than a quarter of them."""
    alarms = []
    for label, count in counts.items():
        expected = source.get(label, 0.0) * sentences
        far = count > FROM_SOURCE * expected or FROM_SOURCE * count < expected
        if far and max(count, expected) >= MIN_COUNT:
            alarms.append(f"{label}: {count:,} entities, where the rate of the source would give {round(expected):,}")
    return alarms


def frequent_text_alarms(labelled: Dataset) -> list[str]:
    """One line for every text that is more than 5 % of all entities."""
    entities = sum(len(batch.starts) for batch in entity_batches(labelled))
    return [
        f"{text!r} is {count:,} of {entities:,} entities ({count / entities:.0%}): if it is not a name, "
        f"labelling.max_text_share: {FREQUENT} removes these labels"
        for text, count in frequent_texts(labelled, FREQUENT).items()
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
