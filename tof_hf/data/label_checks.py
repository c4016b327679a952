"""How sound the labels are that a tagger gave to raw text, measured without any gold label of that text.

Self-training goes wrong in ways that these numbers show: a type swallows others or dies out, a word that is no name is
taken for one everywhere, labels change more and more from one labelling to the next, the two heads of one encoder stop
to agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from datasets import Dataset

from tof_hf.data.health import LabelHealth
from tof_hf.data.label_selection import ENOUGH, entity_spans, entity_texts, frequent_texts, mean_probabilities
from tof_hf.data.labels import Span, entity_types
from tof_hf.errors import DataError

BINS = 10
DOUBLED = 2.0  # alarm: so many times the entities of a type, or less than one over it, since the last labelling
FAR_FROM_SOURCE = 4.0  # alarm: more than so many times the source's entities a sentence, or less than one over it
FREQUENT = 0.05  # alarm: one text is more than this share of all entities; names in news reach 0.02


@dataclass(frozen=True)
class SourceEntities:
    """Entities of the labelled source: `per_sentence` by type, and the texts of all, as they are written."""

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
    """The health of rows of `pseudo_label`, beside the labelled source and the `previous` labels of the same rows."""
    counts = entities_by_type(labelled)
    changed = None if previous is None else words_changed(previous, labelled)
    words = sum(map(len, labelled["tokens"]))
    share = None if changed is None or not words else _rounded(changed / words)
    alarms = against_source_alarms(counts, len(labelled), source.per_sentence) + frequent_text_alarms(labelled)
    if previous is not None:
        alarms += change_alarms(entities_by_type(previous), counts)
    if previous_changed_share is not None and share is not None and share > previous_changed_share:
        if changed >= ENOUGH:
            alarms.append(
                f"{share:.2%} of the words changed their label, at the labelling before {previous_changed_share:.2%}"
            )
    rates = per_sentence(counts, len(labelled))
    return LabelHealth(
        per_sentence={label: _rounded(rate) for label, rate in rates.items()},
        against_source={
            label: _rounded(rate / source.per_sentence[label]) if source.per_sentence.get(label) else None
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
    """What `label_health` compares with."""
    return SourceEntities(per_sentence(entities_by_type(source), len(source)), frozenset(entity_forms(source)))


def entities_by_type(labelled: Dataset) -> dict[str, int]:
    """Entities of every type of the labels, types without any too."""
    found = Counter(span.label for spans in entity_spans(labelled) for span in spans)
    return {label: found[label] for label in entity_types(labelled.features["ner_tags"].feature.names)}


def per_sentence(counts: Mapping[str, int], sentences: int) -> dict[str, float]:
    """Entities a sentence, by type."""
    return {label: count / max(1, sentences) for label, count in counts.items()}


def words_changed(before: Dataset, after: Dataset) -> int:
    """The number of words with another tag. Raises DataError if these are not the same sentences."""
    if before["tokens"][:] != after["tokens"][:]:
        raise DataError("labels of other sentences.", fix="compare two labellings of the same sentences.")
    pairs = zip(before["ner_tags"], after["ner_tags"], strict=True)
    return sum(one != other for old, new in pairs for one, other in zip(old, new, strict=True))


def confidence_histogram(probabilities: Sequence[float]) -> list[int]:
    """How many of the probabilities are in [0, 0.1), [0.1, 0.2), ... [0.9, 1]."""
    counts = [0] * BINS
    for probability in probabilities:
        counts[min(BINS - 1, int(probability * BINS))] += 1
    return counts


def entity_forms(labelled: Dataset) -> set[str]:
    """The different texts of entities, words joined by blanks."""
    return {text for texts in entity_texts(labelled) for text in texts}


def unseen_share(forms: Collection[str], known: Collection[str]) -> float | None:
    """The share of forms that are not known; None without forms."""
    return sum(form not in known for form in forms) / len(forms) if forms else None


def agreement_share(entities: Sequence[Collection[Span]], answers: Sequence[Collection[Span]]) -> float | None:
    """Of the entities of all sentences the share that stands among the answers of its sentence; None without any."""
    found = [entity in said for spans, said in zip(entities, answers, strict=True) for entity in spans]
    return sum(found) / len(found) if found else None


def change_alarms(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """One line for every type that has at least doubled, or lost more than half, since the last labelling."""
    alarms = []
    for label, count in now.items():
        old = before.get(label, 0)
        if max(old, count) < ENOUGH:
            continue
        if count >= DOUBLED * old:
            alarms.append(f"{label} grew from {old:,} to {count:,} entities since the last labelling")
        elif DOUBLED * count < old:
            alarms.append(f"{label} fell from {old:,} to {count:,} entities since the last labelling")
    return alarms


def against_source_alarms(counts: Mapping[str, int], sentences: int, source: Mapping[str, float]) -> list[str]:
    """One line for every type with over four times the source's entities a sentence, or less than a quarter of them."""
    alarms = []
    for label, count in counts.items():
        expected = source.get(label, 0.0) * sentences
        if max(count, expected) < ENOUGH:
            continue
        if count > FAR_FROM_SOURCE * expected or FAR_FROM_SOURCE * count < expected:
            alarms.append(f"{label}: {count:,} entities, where the rate of the source would give {round(expected):,}")
    return alarms


def frequent_text_alarms(labelled: Dataset) -> list[str]:
    """One line for every text that is more than 5 % of all entities."""
    entities = sum(map(len, entity_spans(labelled)))
    return [
        f"{text!r} is {count:,} of {entities:,} entities ({count / entities:.0%}): if it is no name, "
        f"labelling.max_text_share: {FREQUENT} takes such labels away"
        for text, count in frequent_texts(labelled, FREQUENT).items()
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
