"""The case of a translated word (the rule of UniTrans, Wu et al. 2020, after Xie et al. 2018)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping

from datasets import Dataset

CaseCounts = Mapping[str, tuple[int, int, int]]


def like_source(source: str, translation: str) -> str:
    """`translation` in the case of the source word: all capitals, a first capital, or lower case.

    Here a single capital letter ("A", "I") asks for a first capital only; the published rule makes "UN" of "A".
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
