"""Counts and samples of what a translation changed in the rows and their entities, to look at before training."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from datasets import Dataset

from tof_hf.data.labels import spans_from_tags
from tof_hf.data.mixing import cap
from tof_hf.data.translation.dictionary import BilingualDictionary, fold
from tof_hf.data.translation.record import EntityChanges, Projection
from tof_hf.data.translation.running_text import find_words
from tof_hf.data.translation.words import label_names_of
from tof_hf.errors import DataError

MOST_FREQUENT = 20


def project(
    before: Dataset,
    after: Dataset,
    dictionary: BilingualDictionary,
    *,
    copy_types: Sequence[str] = ("PER",),
    samples: int = 20,
    seed: int = 0,
) -> Projection:
    """Counts of what `translate_words` changed.

    Args:
        before: the rows that `translate_words` was called with.
        after: the rows that it returned.
        dictionary: the dictionary of that call.
        copy_types: the entity types that were copied.
        samples: how many random rows to show.
        seed: of the choice of samples.

    Returns:
        The counts; `to_markdown()` makes a page of them.

    Raises:
        DataError: the two have different rows or columns.

    Example:
        >>> print(project(rows, translate_words(rows, dictionary), dictionary).to_markdown())
    """
    if len(before) != len(after) or before.column_names != after.column_names:
        raise DataError(
            f"{len(before)} rows before and {len(after)} after the translation, or other columns.",
            fix="give the rows before translate_words and those that it returned.",
        )
    words: Counter[str] = Counter()
    copied = 0
    for word, is_copied in _words(before, after, copy_types):
        if any(map(str.isalpha, word)):
            words[fold(word)] += 1
            copied += is_copied
    known = Counter({word: count for word, count in words.items() if word in dictionary})
    entities: dict[str, EntityChanges] = {}
    for (label, old), (_, new) in zip(_entities(before), _entities(after), strict=True):
        changes = entities.setdefault(label, EntityChanges())
        changes.total += 1
        changes.changed += old != new
        changes.survived += old == new
        changes.grew += len(new.split()) > len(old.split())
    return Projection(
        rows=len(before),
        words=words.total(),
        distinct_words=len(words),
        coverage=known.total() / max(1, words.total()),
        distinct_coverage=len(known) / max(1, len(words)),
        copied=copied,
        recased=_recased(before, after, dictionary, copy_types) if "tokens" in before.column_names else None,
        unknown=dict((words - known).most_common(MOST_FREQUENT)),
        entities=entities,
        samples=[
            (_as_text(old), _as_text(new))
            for old, new in zip(cap(before, samples, seed=seed), cap(after, samples, seed=seed), strict=True)
        ],
    )


def _sentences(dataset: Dataset) -> Iterator[tuple[list[str], list[str]]]:
    names = label_names_of(dataset)
    for row in dataset:
        yield row["tokens"], [names[tag] for tag in row["ner_tags"]] if names else ["O"] * len(row["tokens"])


def _words(before: Dataset, after: Dataset, copy_types: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Every word, and whether it is copied with its entity.

    A context counts once; questions that were left as they are, about entity types, do not count.
    """
    if "tokens" in before.column_names:
        for tokens, tags in _sentences(before):
            yield from ((token, tag[2:] in copy_types) for token, tag in zip(tokens, tags, strict=True))
        return
    counted: set[str] = set()
    for row, new in zip(before, after, strict=True):
        copied = row["spans"] if row.get("label") in copy_types else []
        texts = [(row["context"][span["start"] : span["end"]], True) for span in copied]
        if row["context"] not in counted:
            texts.append((row["context"], False))
        if row.get("label") is None or row["question"] != new["question"]:
            texts.append((row["question"], False))
        counted.add(row["context"])
        yield from ((word, copied) for text, copied in texts for word in find_words(text))


def _entities(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Every entity's type and words; for MRC rows the answers."""
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
        rest = iter(new_tokens)
        for token, tag in zip(tokens, tags, strict=True):
            found = None if tag[2:] in copy_types else dictionary.lookup(token)
            words = [token] if found is None else found.split(" ")
            count += list(islice(rest, len(words))) != words
    return count


def _as_text(row: dict[str, Any]) -> str:
    text = " ".join(row["tokens"]) if "tokens" in row else f"{row['question']} / {row['context']}"
    return " ".join(text.split())
