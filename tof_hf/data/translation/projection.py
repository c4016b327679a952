"""What a translation did to the rows and their entities, counted and shown, so that nobody trains on it unseen."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset

from tof_hf.data.labels import spans_from_tags
from tof_hf.data.translation.dictionary import BilingualDictionary, fold
from tof_hf.data.translation.running_text import find_words
from tof_hf.data.translation.words import label_names_of
from tof_hf.errors import DataError

MOST_FREQUENT = 20


@dataclass
class EntityChanges:
    """Entities (or answers) of one type: in all, written otherwise now, as before, and now of more words."""

    total: int = 0
    changed: int = 0
    survived: int = 0
    grew: int = 0


@dataclass(frozen=True)
class Projection:
    """Counts of a translation. Words are those with a letter; shares are of `words` and of `distinct_words`.

    `copied` words stand in entities of the copied types, `recased` ones are written otherwise than in the dictionary
    (None for questions and contexts), `unknown` are the most frequent words without a translation.
    """

    rows: int
    words: int
    distinct_words: int
    coverage: float
    distinct_coverage: float
    copied: int
    recased: int | None
    unknown: dict[str, int]
    entities: dict[str, EntityChanges] = field(default_factory=dict)
    samples: list[tuple[str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The counts as JSON knows them."""
        return dataclasses.asdict(self)

    def to_markdown(self, title: str = "Translation") -> str:
        """The counts, the entities and the samples as a page."""
        lines = [f"# {title}", "", "| | |", "| --- | ---: |", f"| rows | {self.rows:,} |"]
        lines += [f"| words | {self.words:,} |", f"| of them in the dictionary | {self.coverage:.1%} |"]
        lines += [f"| distinct words | {self.distinct_words:,} |"]
        lines += [f"| of them in the dictionary | {self.distinct_coverage:.1%} |"]
        lines += [f"| words copied with their entity | {self.copied:,} |"]
        if self.recased is not None:
            lines += [f"| translations written in another case than in the dictionary | {self.recased:,} |"]
        if self.entities:
            lines += ["", "| entities | total | changed | survived | grew |", "| --- | ---: | ---: | ---: | ---: |"]
            for label, e in sorted(self.entities.items()):
                lines.append(f"| {label} | {e.total:,} | {e.changed:,} | {e.survived:,} | {e.grew:,} |")
        unknown = ", ".join(f"{word} ({count:,})" for word, count in self.unknown.items())
        lines += ["", f"Most frequent words without a translation: {unknown or 'none'}.", ""]
        for before, after in self.samples:
            lines += [f"- {before}", f"  {after}"]
        return "\n".join(lines) + "\n"


def project(
    before: Dataset,
    after: Dataset,
    dictionary: BilingualDictionary,
    *,
    copy_types: Sequence[str] = ("PER",),
    samples: int = 20,
    seed: int = 0,
) -> Projection:
    """What `translate_words` made of `before`, given the same dictionary and copied types.

    Raises DataError if the two have not the same rows.
    """
    if len(before) != len(after) or before.column_names != after.column_names:
        raise DataError(
            f"{len(before)} rows before and {len(after)} after the translation, or other columns.",
            fix="give the rows that translate_words got and those that it returned.",
        )
    words: Counter[str] = Counter()
    copied = 0
    for word, stays in _words(before, after, copy_types):
        words[fold(word)] += 1
        copied += stays
    known = {word for word in words if word in dictionary}
    entities: dict[str, EntityChanges] = {}
    for (label, old), (_, new) in zip(_entities(before), _entities(after), strict=True):
        changes = entities.setdefault(label, EntityChanges())
        changes.total += 1
        changes.changed += old != new
        changes.survived += old == new
        changes.grew += len(new.split()) > len(old.split())
    total = max(1, words.total())
    chosen = sorted(random.Random(seed).sample(range(len(before)), min(samples, len(before))))
    unknown = Counter({word: count for word, count in words.items() if word not in known})
    return Projection(
        rows=len(before),
        words=words.total(),
        distinct_words=len(words),
        coverage=sum(words[word] for word in known) / total,
        distinct_coverage=len(known) / max(1, len(words)),
        copied=copied,
        recased=_recased(before, after, dictionary, copy_types) if "tokens" in before.column_names else None,
        unknown=dict(unknown.most_common(MOST_FREQUENT)),
        entities=entities,
        samples=[(_shown(before[row]), _shown(after[row])) for row in chosen],
    )


def _sentences(dataset: Dataset) -> Iterator[tuple[list[str], list[str]]]:
    names = label_names_of(dataset)
    for row in dataset:
        yield row["tokens"], [names[tag] for tag in row["ner_tags"]] if names else ["O"] * len(row["tokens"])


def _words(before: Dataset, after: Dataset, copy_types: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Every word with a letter, and whether it stays because of its entity.

    Of questions those that were left as they are, about entity types, do not count; a context counts once.
    """
    if "tokens" in before.column_names:
        for tokens, tags in _sentences(before):
            yield from ((t, tag[2:] in copy_types) for t, tag in zip(tokens, tags, strict=True) if _has_letter(t))
        return
    seen: set[str] = set()
    for row, new in zip(before, after, strict=True):
        kept = row["spans"] if row.get("label") in copy_types else []
        yield from ((word, True) for span in kept for word in _letters(row["context"][span["start"] : span["end"]]))
        texts = [row["context"]] if row["context"] not in seen else []
        if row.get("label") is None or row["question"] != new["question"]:
            texts.append(row["question"])
        seen.add(row["context"])
        yield from ((word, False) for text in texts for word in _letters(text))


def _entities(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Every entity's type and words; for questions the answers."""
    if "tokens" in dataset.column_names:
        for tokens, tags in _sentences(dataset):
            yield from ((span.label, " ".join(tokens[span.start : span.end])) for span in spans_from_tags(tags))
    else:
        for row in dataset:
            for span in row["spans"]:
                yield row.get("label") or "answer", row["context"][span["start"] : span["end"]]


def _recased(before: Dataset, after: Dataset, dictionary: BilingualDictionary, copy_types: Sequence[str]) -> int:
    count = 0
    for (tokens, tags), (new_tokens, _) in zip(_sentences(before), _sentences(after), strict=True):
        place = 0
        for token, tag in zip(tokens, tags, strict=True):
            found = None if tag[2:] in copy_types else dictionary.lookup(token)
            length = 1 if found is None else len(found.split(" "))
            count += found is not None and " ".join(new_tokens[place : place + length]) != found
            place += length
    return count


def _shown(row: dict[str, Any]) -> str:
    text = " ".join(row["tokens"]) if "tokens" in row else f"{row['question']} / {row['context']}"
    return " ".join(text.split())


def _letters(text: str) -> list[str]:
    return [word for word in find_words(text) if _has_letter(word)]


def _has_letter(word: str) -> bool:
    return any(map(str.isalpha, word))
