"""The rules that split running text into words; a run has one, and its tagger keeps it in config.json."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import regex

from tof_hf.errors import DataError, TofError, reason_of
from tof_hf.utils.extras import require

UNICODE, LEGACY, SPACY = "unicode", "legacy", "spacy:"
CONFIG_KEY = "tof_hf"  # in a tagger's config.json: {"word_rule": ..., "word_pattern": ..., "decoding": ...}
DECODING = "decoding"
MARKS = r"\p{M}\u200d\U0001f3fb-\U0001f3ff"  # of letters, and the modifiers of emoji

_LETTER = r"\p{WB=ALetter}\p{WB=Hebrew_Letter}\p{WB=Numeric}\p{WB=ExtendNumLet}\p{No}"
_PART = rf"[{_LETTER}](?:\p{{WB=Format}}*[{_LETTER}\p{{WB=Extend}}\p{{WB=ZWJ}}])*"
_INNER = (
    r"(?:['’‘·‧״&\-‐‑]"
    r"|\.(?<!\p{Ll}\.(?=\p{Lu}))"  # but "end.Next" has no blank between two sentences
    r"|(?<=\p{Nd})[,:](?=\p{Nd})"
    r'|(?<=\p{Hebrew})"(?=\p{Hebrew}))'
)
_CHARACTER = r"(?![\s\p{Cc}\p{DI}])\X"  # what is seen as one character; nothing that starts with an invisible one
_UNICODE = (
    r"(?:https?://|www\.)[!-~]*[A-Za-z0-9/]"
    r"|[A-Za-z0-9._+\-]{1,64}@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+"
    rf"|(?:\p{{L}}{{1,2}}\.){{2,}}+(?![{_LETTER}])"  # "U.S." with its last dot
    rf"|[@#]?{_PART}(?:{_INNER}\p{{WB=Format}}*{_PART})*"
    rf"|\.{{2,}}|-{{2,}}|{_CHARACTER}"
)
_RUN = rf"[\p{{L}}\p{{N}}_{MARKS}]+"
PATTERNS = {
    UNICODE: _UNICODE,
    "whitespace": r"(?![\s\p{Cc}\p{DI}])[^\s\x1c-\x1f]+",
    "characters": _CHARACTER,
    LEGACY: rf"{_RUN}(?:['’\-]{_RUN})*|\S[{MARKS}]*",
}
"""A regular expression of the library `regex` for every rule but those of spaCy."""


def split_words(text: str, rule: str = UNICODE) -> list[str]:
    """Return the words of a text by a rule. Raises `DataError` for an unknown one."""
    return [text[start:end] for start, end in find_word_spans(text, rule)]


def find_word_spans(text: str, rule: str = UNICODE) -> list[tuple[int, int]]:
    """Return the characters [start, end) of the words of `split_words`."""
    if rule.startswith(SPACY):
        return [(token.idx, token.idx + len(token)) for token in _spacy(rule)(text) if not token.is_space]
    return [match.span() for match in _pattern(rule).finditer(text)]


def describe_rule(rule: str) -> dict[str, str]:
    """Return what a tagger's config.json has under `tof_hf`: the rule, and the pattern for users of transformers."""
    return {"word_rule": rule} | ({"word_pattern": PATTERNS[rule]} if rule in PATTERNS else {})


def stored_rule(config: Any) -> str | None:
    """Return the rule in a tagger's configuration; None for one of an earlier release or another library."""
    return stored(config, "word_rule")


def stored(config: Any, name: str) -> str | None:
    """Return the text that a tagger's configuration has under `tof_hf` and this name."""
    values = getattr(config, CONFIG_KEY, None)
    value = values.get(name) if isinstance(values, Mapping) else None
    return value if isinstance(value, str) else None


def store_decoding(config: Any, decoding: str | None) -> None:
    """Note in a tagger's configuration how its tags are chosen; it says nothing if each word has its most probable."""
    known = getattr(config, CONFIG_KEY, None) or {}
    values = {name: value for name, value in known.items() if name != DECODING}
    if decoding == "viterbi":
        values[DECODING] = decoding
    if values != known:
        setattr(config, CONFIG_KEY, values)


def check_rule(rule: str) -> None:
    """Raise `DataError` for an unknown rule, and `TofError` if spaCy or its language is missing."""
    find_word_spans("", rule)


@cache
def _pattern(rule: str) -> regex.Pattern[str]:
    if rule not in PATTERNS:
        fix = "use unicode, whitespace, characters, or spacy:xx with a language of spaCy."
        raise DataError(f"the word rule {rule!r}.", fix=fix)
    return regex.compile(PATTERNS[rule])


@cache
def _spacy(rule: str) -> Any:
    require("spacy", "spacy")
    import spacy

    try:
        return spacy.blank(rule.removeprefix(SPACY)).tokenizer
    except Exception as problem:  # of the language or of a package that it needs
        raise TofError(f"The word rule {rule!r}: spaCy has no such tokenizer here. {reason_of(problem)}") from problem
