"""Word-by-word translation of labelled and unlabelled rows (Guideline II; the paper's "translation", after UniTrans).

Word order stays the same, so labels and answers move with their words.
"""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

from datasets import ClassLabel, Dataset

from tof_hf.data.mapping import Batch, cached_map
from tof_hf.data.translation.dictionary import BilingualDictionary, fold
from tof_hf.data.translation.running_text import Translated, TranslateWord, find_words, translate_text
from tof_hf.errors import DataError

DIRECTION_ROWS = 1000  # the first rows, on which the direction of a dictionary is checked
FEWEST_WORDS = 200  # with fewer words the direction is not checked
WORD_CODE = (fold, translate_text)  # functions whose modules decide how a word is translated

Casing = Literal["source", "target"]
CaseCounts = Mapping[str, tuple[int, int, int]]
logger = logging.getLogger(__name__)
_parsed = lru_cache(maxsize=4)(json.loads)


@dataclass(frozen=True)
class WordTranslator:
    """The translations of words, as part of the cache key.

    `tables`: case-folded word -> translation, and the `case_counts` of translations, which may be empty. They are a
    JSON text, because the hash of a text does not depend on how Python stores it.
    """

    tables: str
    seed: int

    @classmethod
    def of(cls, dictionary: BilingualDictionary, counts: CaseCounts, seed: int) -> WordTranslator:
        """The translator that chooses the first translations of the dictionary."""
        return cls(json.dumps([dictionary.chosen(), counts], ensure_ascii=False), seed)

    def for_text(self, words: Sequence[str]) -> TranslateWord:
        """A function from a word of the text to its translation in the right case, None for words that stay."""
        translations, counts = _parsed(self.tables)
        rng = random.Random(f"{self.seed} {' '.join(words)}")  # the same text is always written in the same way
        return lambda word: (found := translations.get(fold(word))) and as_in_target(word, found, counts, rng)


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
    """The rows with every word replaced by its translation (paper, Guideline II). Their ids and number stay.

    In NER rows a translation of several words continues the entity: "Greenhouse/B-LOC" may become
    "Casa/B-LOC Verde/I-LOC". In MRC rows the question and the context are translated, and the spans follow their
    words. The result is cached.

    Args:
        dataset: NER rows, unlabelled rows or MRC rows, as `read_ner`, `read_text` and `read_mrc` return them.
        dictionary: the translations; words that it lacks stay as they are.
        copy_types: entity types whose words (for MRC rows: answers) are not translated.
        casing: "source" gives a translation the case of the source word; "target" draws the case with the
            frequencies that it has in `target_text`, for languages such as German.
        target_text: unlabelled rows of the target language; only for `casing="target"`.
        translate_queries: also translate the questions of MRC rows that ask for an entity type (NER as MRC).
        seed: of the draws of `casing="target"`.

    Returns:
        Rows with the same columns. Give one of the two sets other ids before mixing them, if ids must be unique.

    Raises:
        DataError: rows of another form, `casing="target"` without `target_text`, or a dictionary whose other
            direction fits the rows better.

    Example:
        >>> spanish = translate_words(english, BilingualDictionary({"house": "casa", "the": "la"}))
    """
    columns = set(dataset.column_names)
    is_mrc = {"question", "context", "spans"} <= columns
    if not is_mrc and "tokens" not in columns:
        raise DataError(
            f"rows with the columns {', '.join(sorted(columns))}.",
            fix="give rows as read_ner, read_text or read_mrc return them.",
        )
    check_direction(dataset, dictionary)
    counts: CaseCounts = {}
    if casing == "target":
        if target_text is None:
            raise DataError("casing='target' without target_text.", fix="give unlabelled rows of the target language.")
        needed = {translation.lower() for translation in dictionary.chosen().values()}
        counts = {word: forms for word, forms in case_counts(target_text).items() if word in needed}
    translator = WordTranslator.of(dictionary, counts, seed)
    translated = partial(cached_map, dataset, features=dataset.features, depends_on=WORD_CODE, translator=translator)
    if is_mrc:
        return translated(
            function=_mrc_rows,
            description="Translating questions",
            copy_types=sorted(copy_types),
            translate_queries=translate_queries,
        )
    names = label_names_of(dataset)
    unknown = set(copy_types) - {name[2:] for name in names}
    if names and unknown:
        logger.warning("no entity type %s to copy among %s", ", ".join(sorted(unknown)), ", ".join(names))
    return translated(
        function=_word_rows,
        description="Translating sentences",
        copied=[name[2:] in copy_types for name in names] or [False],
        continuations=[names.index(f"I-{name[2:]}") if name[:2] == "B-" else i for i, name in enumerate(names)] or [0],
    )


def translate_queries(queries: Mapping[str, str], dictionary: BilingualDictionary) -> dict[str, str]:
    """The questions about entity types, translated word by word."""
    translator = WordTranslator.of(dictionary, {}, seed=0)
    return {label: translate_text(query, translator.for_text([query])).text for label, query in queries.items()}


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
    """Raise DataError if the dictionary's target side has clearly more of the rows' words than its source side."""
    targets = {fold(target) for several in dictionary.entries.values() for target in several}
    rows = dataset.select(range(min(DIRECTION_ROWS, len(dataset))))
    words = [fold(word) for row in rows for word in (row["tokens"] if "tokens" in row else find_words(row["context"]))]
    words = [word for word in words if word.isalpha()]
    in_source, in_target = (sum(word in side for word in words) for side in (dictionary.entries, targets))
    if len(words) >= FEWEST_WORDS and in_target > 1.2 * in_source:
        raise DataError(
            f"a dictionary whose source side has {in_source} of the first {len(words)} words, its target side "
            f"{in_target}.",
            fix="it looks reversed: give the other direction, or reverse it (translation.reverse: true in a run file, "
            "--reverse on the command line, dictionary.reversed() in Python).",
            path=dictionary.path,
        )


def like_source(source: str, translation: str) -> str:
    """`translation` in the case of the source word: all capitals, a first capital, or lower case.

    The rule of UniTrans (Wu et al. 2020, after Xie et al. 2018), except for one point: here a single capital letter
    ("A", "I") asks for a first capital only; the published rule makes "UN" of "A".
    """
    if len(source) > 1 and source.isupper():
        return translation.upper()
    return capital(translation) if source[:1].isupper() else translation.lower()


def capital(text: str) -> str:
    """`text` with a capital first letter and the rest in lower case."""
    return text[:1].upper() + text[1:].lower()


def case_counts(text: Dataset) -> dict[str, tuple[int, int, int]]:
    """How often each word of the rows' tokens is in lower case, has a first capital, or another form."""
    counts: dict[str, list[int]] = {}
    for token, count in Counter(token for tokens in text["tokens"] for token in tokens).items():
        lower = token.lower()
        form = 0 if token == lower else 1 if token == capital(lower) else 2
        counts.setdefault(lower, [0, 0, 0])[form] += count
    return {word: (forms[0], forms[1], forms[2]) for word, forms in counts.items()}


def as_in_target(source: str, translation: str, counts: CaseCounts, rng: random.Random) -> str:
    """`translation` in a case drawn with the frequencies of the target text; words that it lacks use `like_source`.

    For German, whose nouns have capitals that no English word asks for.
    """
    lower = translation.lower()
    if lower not in counts:
        return like_source(source, translation)
    return rng.choices((lower, capital(lower), lower.upper()), weights=counts[lower])[0]


def _word_rows(
    batch: Batch,
    indices: list[int],
    *,
    translator: WordTranslator,
    copied: list[bool],
    continuations: list[int],
) -> Batch:
    """NER or unlabelled rows; `copied` and `continuations` (B-X -> I-X) have an item for every label number."""
    out = {name: list(values) for name, values in batch.items()}
    unlabelled = [[0] * len(tokens) for tokens in batch["tokens"]]
    for row, (tokens, tags) in enumerate(zip(batch["tokens"], batch.get("ner_tags", unlabelled), strict=True)):
        translate = translator.for_text(tokens)
        words: list[str] = []
        labels: list[int] = []
        for token, tag in zip(tokens, tags, strict=True):
            found = None if copied[tag] else translate(token)
            parts = [token] if found is None else found.split(" ")
            words += parts
            labels += [tag] + [continuations[tag]] * (len(parts) - 1)
        out["tokens"][row] = words
        if "ner_tags" in out:
            out["ner_tags"][row] = labels
    return out


def _mrc_rows(
    batch: Batch,
    indices: list[int],
    *,
    translator: WordTranslator,
    copy_types: list[str],
    translate_queries: bool,
) -> Batch:
    out = {name: list(values) for name, values in batch.items()}
    done: dict[tuple[str, ...], Translated] = {}

    def translated(text: str, copied: Sequence[Mapping[str, int]] = ()) -> Translated:
        # Many neighbouring questions share a context.
        key = (text, *(f"{span['start']} {span['end']}" for span in copied))
        if key not in done:
            done[key] = translate_text(text, translator.for_text([text]), copied=copied)
        return done[key]

    for row, label in enumerate(batch.get("label", [None] * len(indices))):
        spans = batch["spans"][row]
        context = translated(batch["context"][row], spans if label in copy_types else ())
        out["context"][row] = context.text
        out["spans"][row] = [context.moved(span) for span in spans]
        if label is None or translate_queries:
            out["question"][row] = translated(batch["question"][row]).text
    return out
