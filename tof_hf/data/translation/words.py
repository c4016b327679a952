"""Word-by-word translation of labelled and unlabelled rows (Guideline II; the paper's "translation", after UniTrans).

Word order stays as it was, so labels and answers travel with their words.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from datasets import ClassLabel, Dataset

from tof_hf.data.mapping import cached_map
from tof_hf.data.translation.casing import as_in_target, case_counts, like_source
from tof_hf.data.translation.dictionary import BilingualDictionary, fold
from tof_hf.data.translation.running_text import Translate, Translated, find_words, translate_text
from tof_hf.errors import DataError

LOOKED_AT = 1000  # rows that tell whether a dictionary is the wrong way round
FEWEST_WORDS = 200  # so few words tell nothing

Casing = Literal["source", "target"]
logger = logging.getLogger(__name__)


def translate_words(
    dataset: Dataset,
    dictionary: BilingualDictionary,
    *,
    copy_types: Sequence[str] = ("PER",),
    casing: Casing = "source",
    target_text: Dataset | None = None,
    translate_queries: bool = False,
    seed: int = 0,
) -> Dataset:
    """The rows with every word replaced by its translation; words the dictionary lacks stay as they are.

    NER rows keep their labels (a translation of several words continues the entity), and words inside entities of
    `copy_types` stay; unlabelled rows have only their words translated. In MRC rows question and context are
    translated and the spans follow their words, also into a translation of another length; the questions of rows with
    an entity type (NER as MRC) stay in the source language unless `translate_queries`, answers of `copy_types` stay.

    `casing`: "source" gives a translation the case of its word; "target" draws it as `target_text` writes it, with
    `seed` (for German). Ids stay; give one of the two sets other ids before mixing them if they must be unique. The
    result is cached. Raises DataError for rows of another form, for "target" without `target_text`, and for a
    dictionary whose other direction fits the rows better.
    """
    if casing == "target" and target_text is None:
        raise DataError("casing='target' without target_text.", fix="give unlabelled rows of the target language.")
    columns = set(dataset.column_names)
    questions = {"question", "context", "spans"} <= columns
    if not questions and "tokens" not in columns:
        raise DataError(
            f"rows with the columns {', '.join(sorted(columns))}.",
            fix="give rows as read_ner, read_text or read_mrc return them.",
        )
    check_direction(dataset, dictionary)
    words = dictionary.chosen()
    counts: dict[str, tuple[int, int, int]] = {}
    if casing == "target" and target_text is not None:
        needed = {translation.lower() for translation in words.values()}
        counts = {word: forms for word, forms in case_counts(target_text).items() if word in needed}
    options: dict[str, Any] = {
        # As texts, because their hash, part of the cache key, never depends on how Python keeps them.
        "dictionary": json.dumps(words, ensure_ascii=False),
        "counts": json.dumps(counts, ensure_ascii=False),
        "copy_types": sorted(copy_types),
        "seed": seed,
        "depends_on": (like_source, fold, translate_text),
    }
    if questions:
        return cached_map(
            dataset,
            _mrc_rows,
            features=dataset.features,
            description="Translating questions",
            translate_queries=translate_queries,
            **options,
        )
    options["names"] = names = label_names_of(dataset)
    if unknown := set(copy_types) - {name[2:] for name in names if name != "O"}:
        if names:
            logger.warning("no entity type %s to copy among %s", ", ".join(sorted(unknown)), ", ".join(names))
    return cached_map(dataset, _word_rows, features=dataset.features, description="Translating sentences", **options)


def translate_queries(queries: Mapping[str, str], dictionary: BilingualDictionary) -> dict[str, str]:
    """The questions about entity types, translated word by word."""
    words = json.dumps(dictionary.chosen(), ensure_ascii=False)
    return {label: translate_text(query, _translator(words, "{}", 0, [query])).text for label, query in queries.items()}


def label_names_of(dataset: Dataset) -> list[str]:
    """The names of the rows' `ner_tags`; none for unlabelled rows. Raises DataError for tags of another form."""
    if "ner_tags" not in dataset.column_names:
        return []
    feature = dataset.features["ner_tags"]
    names = list(feature.feature.names) if isinstance(getattr(feature, "feature", None), ClassLabel) else []
    if not names or {f"I-{name[2:]}" for name in names if name.startswith("B-")} - set(names):
        raise DataError("ner_tags that are no ClassLabel with B- and I- names.", fix="read them with read_ner first.")
    return names


def check_direction(dataset: Dataset, dictionary: BilingualDictionary) -> None:
    """Raise DataError if the target side of the dictionary knows clearly more of the rows' words than its source side.

    The first rows are looked at; words that both sides know tell nothing.
    """
    targets = {fold(target) for several in dictionary.entries.values() for target in several}
    ahead = backwards = words = 0
    for row in dataset.select(range(min(LOOKED_AT, len(dataset)))):
        for word in row["tokens"] if "tokens" in row else find_words(row["context"]):
            folded = fold(word)
            if not folded.isalpha():
                continue
            words += 1
            ahead += folded in dictionary.entries
            backwards += folded in targets
    if words >= FEWEST_WORDS and backwards > 1.2 * ahead:
        raise DataError(
            f"a dictionary whose source side knows {ahead} of the first {words} words, its target side {backwards}.",
            fix="it looks the wrong way round: give the other direction, or turn it round (translation.reverse: true "
            "in a run file, --reverse on the command line, dictionary.reversed() in Python).",
            path=dictionary.path,
        )


def _word_rows(
    batch: dict[str, list],
    indices: list[int],
    *,
    dictionary: str,
    counts: str,
    copy_types: list[str],
    names: list[str],
    seed: int,
) -> dict[str, list]:
    copied = [name[2:] in copy_types for name in names]
    inside = _continuations(names)
    new_tokens, new_tags = [], []
    for tokens, tags in zip(batch["tokens"], _tags(batch), strict=True):
        translate = _translator(dictionary, counts, seed, tokens)
        row_tokens: list[str] = []
        row_tags: list[int] = []
        for token, tag in zip(tokens, tags, strict=True):
            found = None if copied and copied[tag] else translate(token)
            parts = [token] if found is None else found.split(" ")
            row_tokens += parts
            row_tags += [tag] + [inside[tag] if inside else tag] * (len(parts) - 1)
        new_tokens.append(row_tokens)
        new_tags.append(row_tags)
    rows = {**batch, "tokens": new_tokens}
    return rows | {"ner_tags": new_tags} if "ner_tags" in batch else rows


def _tags(batch: dict[str, list]) -> list[list[int]]:
    return batch["ner_tags"] if "ner_tags" in batch else [[0] * len(tokens) for tokens in batch["tokens"]]


def _continuations(names: list[str]) -> list[int]:
    """For each label number that of the words that follow inside the same entity: B-X -> I-X."""
    return [names.index("I-" + name[2:]) if name.startswith("B-") else place for place, name in enumerate(names)]


def _mrc_rows(
    batch: dict[str, list],
    indices: list[int],
    *,
    dictionary: str,
    counts: str,
    copy_types: list[str],
    translate_queries: bool,
    seed: int,
) -> dict[str, list]:
    out = {name: list(values) for name, values in batch.items()}
    labels = batch.get("label", [None] * len(indices))
    done: dict[tuple[str, ...], Translated] = {}

    def translated(text: str, kept: Sequence[Mapping[str, int]] = ()) -> Translated:
        # Many questions share a context, and are neighbours.
        key = (text, *(f"{span['start']} {span['end']}" for span in kept))
        if key not in done:
            done[key] = translate_text(text, _translator(dictionary, counts, seed, [text]), kept=kept)
        return done[key]

    for row, label in enumerate(labels):
        spans = batch["spans"][row]
        context = translated(batch["context"][row], spans if label in copy_types else ())
        out["context"][row] = context.text
        out["spans"][row] = [context.moved(span) for span in spans]
        if label is None or translate_queries:
            out["question"][row] = translated(batch["question"][row]).text
    return out


@lru_cache(maxsize=4)
def _parsed(text: str) -> dict[str, Any]:
    return json.loads(text)


def _translator(dictionary: str, counts: str, seed: int, text: Sequence[str]) -> Translate:
    """A function from a word of `text` to its translation in the right case, None for words that stay."""
    words, forms = _parsed(dictionary), _parsed(counts)
    if not forms:
        return lambda word: (found := words.get(fold(word))) and like_source(word, found)
    rng = random.Random(f"{seed} {' '.join(text)}")  # the same text is always written in the same way
    return lambda word: (found := words.get(fold(word))) and as_in_target(word, found, forms, rng)
