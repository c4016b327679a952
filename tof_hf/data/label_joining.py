"""Labels from elsewhere join pseudo-labels: labels of one sentence by several labellers become one.

A labeller has a say about the entity types that it gives anywhere: a list of places says nothing about persons. One
that is not complete says where entities are, and not where none are.
"""

import functools
import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from datasets import Dataset, Features, List, Value, concatenate_datasets

from tof_hf.data.columns import ROWS, flat_batches, in_memory
from tof_hf.data.features import PROBABILITIES
from tof_hf.data.fingerprint import content_hash
from tof_hf.data.labels import Span, entity_types, spans_from_tags, tags_from_spans
from tof_hf.data.lists import list_column
from tof_hf.data.pseudo_labels import entity_spans

Rule = Literal["vote", "union", "intersection", "prefer"]


@dataclass(frozen=True)
class OtherLabels:
    """Machine-made labels of target sentences, which no tagger of the run gave.

    Attributes:
        name: Who gave them.
        rows: NER rows, of any sentences, with `ner_probabilities` if the labeller says how sure it is (0..1).
        weight: How much they count; the tagger of the run has 1.
        complete: Whether the sentences have all of their entities; not so if a list of names gave them.
    """

    name: str
    rows: Dataset
    weight: float = 1.0
    complete: bool = True

    @functools.cached_property
    def types(self) -> frozenset[str]:
        """The entity types that they have."""
        return frozenset(span.label for spans in entity_spans(self.rows) for span in spans)

    @functools.cached_property
    def key(self) -> str:
        """What they are and how they count, for the names of files."""
        return f"{content_hash(self.rows)} {self.weight} {self.complete}"

    def find(self, keys: np.ndarray) -> np.ndarray:
        """The number of the first row with each of these `sentence_keys`, -1 where there is none."""
        known, first = self._keys
        places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        return np.where(known[places] == keys, first[places], -1)

    @functools.cached_property
    def _keys(self) -> tuple[np.ndarray, np.ndarray]:
        return np.unique(sentence_keys(self.rows), return_index=True)


@dataclass(frozen=True)
class Opinion:
    """What one labeller says about a sentence: a score in 0..1 for each word, and the types that it has a say about."""

    spans: Sequence[Span]
    scores: Sequence[float]
    weight: float
    types: frozenset[str]

    @functools.cached_property
    def found(self) -> dict[Span, float]:
        """The strength of each of its entities."""
        return {span: self.strength(span) for span in self.spans}

    def strength(self, span: Span) -> float:
        """How much it insists on its labels of these words: its weight, times their mean score."""
        return self.weight * sum(self.scores[span.start : span.end]) / (span.end - span.start)

    def denies(self, entity: Span) -> bool:
        """Whether it has a say about an entity and did not find it, or has another one in its place."""
        return entity not in self.found and (entity.label in self.types or _crosses(entity, self.spans))


def sentence_keys(rows: Dataset) -> np.ndarray:
    """A number for each sentence, the same for the same words in either normal form of Unicode."""
    parts = [b""]
    for batch in rows.select_columns("tokens").iter(batch_size=ROWS):
        for words in batch["tokens"]:
            text = unicodedata.normalize("NFC", "\n".join(words)).encode(errors="surrogatepass")
            parts.append(hashlib.blake2b(text, digest_size=8).digest())
    return np.frombuffer(b"".join(parts), "<u8")


def with_probabilities(rows: Dataset) -> Dataset:
    """NER rows with the column `ner_probabilities`; where it is missing, all are 1."""
    if PROBABILITIES in rows.column_names:
        return rows
    bounds = np.cumsum([0, *(length for bounds, _ in flat_batches(rows, "tokens") for length in np.diff(bounds))])
    features = Features({PROBABILITIES: List(Value("float32"))})
    sure = in_memory({PROBABILITIES: list_column(bounds, np.ones(bounds[-1], dtype=np.float32))}, features)
    return concatenate_datasets([rows, sure], axis=1)


def join_labels(labelled: Dataset, others: Sequence[OtherLabels], rule: Rule = "vote") -> Dataset:
    """Return pseudo-labelled rows in which labels from elsewhere count too, wherever they have the same sentence.

    Args:
        labelled: Rows of `pseudo_label`.
        others: Labels from elsewhere, with the same label names.
        rule: How they are combined, as `joined` explains.

    Returns:
        The same sentences. The probability of a word's tag is that share of all weights that gave it, times scores; for
        `prefer` it is the score of the labeller that decides.

    Example:
        >>> rows = join_labels(labelled, [OtherLabels("llm", read_ner("llm.jsonl"), weight=2.0)], "vote")
    """
    names = labelled.features["ner_tags"].feature.names
    everything = frozenset(entity_types(names))
    keys = sentence_keys(labelled)
    found = [_by_row(other, other.find(keys)) for other in others]
    tags, scores = [], []
    for row, *given in zip(labelled, *found, strict=True):
        opinions = [opinion for opinion in given if opinion is not None and len(opinion.scores) == len(row["tokens"])]
        if opinions:
            own = spans_from_tags([names[tag] for tag in row["ner_tags"]])
            opinions.append(Opinion(own, row[PROBABILITIES], 1.0, everything))
            spans = joined(opinions, rule)
            row_tags = tags_from_spans(spans, len(row["tokens"]))
            tags.append([names.index(tag) for tag in row_tags])
            scores.append(_probabilities(opinions, spans, row_tags, rule))
        else:
            tags.append(row["ner_tags"])
            scores.append(row[PROBABILITIES])
    columns = {"id": labelled["id"][:], "tokens": labelled["tokens"][:], "ner_tags": tags, PROBABILITIES: scores}
    return Dataset.from_dict(columns, features=labelled.features)


def joined(opinions: Sequence[Opinion], rule: Rule) -> list[Span]:
    """The entities of a sentence that several labellers labelled, in order.

    - `vote`: those whose finders insist more, in weight times score, than the labellers that deny them;
    - `intersection`: those that no labeller denies;
    - `union`: all;
    - `prefer`: for each type those of the labeller with the highest weight that has a say about it (the first of equal
      ones), and those of heavier ones.

    Of entities that share a word, the one whose finders insist most stays (then the longest), with `prefer` that of the
    heavier labeller.
    """
    support: dict[Span, float] = {}
    for opinion in opinions:
        for span, weight in opinion.found.items():
            support[span] = support.get(span, 0.0) + weight
    chosen: list[Span] = []
    if rule == "prefer":
        order = sorted(opinions, key=lambda opinion: -opinion.weight)
        for number, opinion in enumerate(order):
            decided = frozenset().union(*(heavier.types for heavier in order[:number]))
            chosen += [span for span in opinion.spans if span.label not in decided and not _crosses(span, chosen)]
        return sorted(chosen, key=lambda span: span.start)
    for span in sorted(support, key=lambda one: (-support[one], one.start - one.end, one.start, one.label)):
        denied = [] if rule == "union" else [one.strength(span) for one in opinions if one.denies(span)]
        counts = support[span] > sum(denied) if rule == "vote" else not denied
        if counts and not _crosses(span, chosen):
            chosen.append(span)
    return sorted(chosen, key=lambda span: span.start)


def _probabilities(opinions: Sequence[Opinion], spans: Sequence[Span], tags: Sequence[str], rule: Rule) -> list[float]:
    """The probability of each word's tag."""
    kinds = [""] * len(tags)
    for span in spans:
        kinds[span.start : span.end] = [span.label] * (span.end - span.start)
    given = [(opinion, tags_from_spans(opinion.spans, len(tags))) for opinion in opinions]
    found = []
    for place, (tag, kind) in enumerate(zip(tags, kinds, strict=True)):
        agree = [opinion for opinion, own in given if own[place] == tag and (kind or opinion.types)]
        if rule == "prefer" and agree:
            found.append(max(agree, key=lambda opinion: opinion.weight).scores[place])
            continue
        having_a_say = [
            opinion for opinion, own in given if (kind in opinion.types if kind else opinion.types) or own[place] != "O"
        ]
        total = sum(opinion.weight for opinion in having_a_say)
        found.append(sum(opinion.weight * opinion.scores[place] for opinion in agree) / total)
    return found


def _by_row(other: OtherLabels, numbers: np.ndarray) -> Iterator[Opinion | None]:
    """What the labeller says about each sentence, from the numbers of its rows; None for -1."""
    rows = iter(with_probabilities(other.rows).select(numbers[numbers >= 0]))
    names = other.rows.features["ner_tags"].feature.names
    for number in numbers:
        if number < 0:
            yield None
            continue
        row = next(rows)
        spans = spans_from_tags([names[tag] for tag in row["ner_tags"]])
        yield Opinion(spans, row[PROBABILITIES], other.weight, other.types if other.complete else frozenset())


def _crosses(span: Span, others: Sequence[Span]) -> bool:
    return any(_cross(span, other) for other in others)


def _cross(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
