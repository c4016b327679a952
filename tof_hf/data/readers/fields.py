"""Which columns of a table (JSON, CSV, Parquet, the Hub) hold words, text, tags or spans."""

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tof_hf.data.features import PROBABILITIES
from tof_hf.data.readers.layout import TAG_NAMES
from tof_hf.data.words import UNICODE
from tof_hf.errors import DataError

Record: TypeAlias = Mapping[str, Any]
ErrorOf: TypeAlias = Callable[[str, str], DataError]  # of what was found and what to change

_WORDS = ("tokens", "words", "token", "word", "tokenized_text")
_TEXTS = ("text", "sentence", "content", "document", "tweet")
SPANS = ("entities", "spans", "label", "labels", "annotations", "ents", "ner")
_SCORES = (PROBABILITIES, "probabilities", "scores")
SCORE = ("score", "probability", "confidence")  # of a span
START = ("start", "start_offset", "start_char", "char_start", "begin")
END = ("end", "end_offset", "end_char", "char_end", "stop")
TYPE = ("label", "labels", "entity_group", "type", "entity", "tag", "entity_type", "class")
USUAL_NAMES = frozenset({"id", *_WORDS, *_TEXTS, *SPANS, *TAG_NAMES})


@dataclass(frozen=True, slots=True)
class Fields:
    """The columns of a table that are read: `tokens` or `text`, and `ner_tags` or `spans`.

    `names`: the meaning of tags that are numbers. `scores`: a score for each word. `word_rule` splits the text. `keep`:
    which of EXTRA_FEATURES rows have too.
    """

    tokens: str | None = None
    text: str | None = None
    ner_tags: str | None = None
    spans: str | None = None
    names: Sequence[str] | None = None
    id: str = "id"
    word_rule: str = UNICODE
    keep: Sequence[str] = ()
    scores: str | None = None

    def used(self) -> list[str]:
        """Their names."""
        scores = self.scores if PROBABILITIES in self.keep else None
        return [name for name in (self.tokens, self.text, self.ner_tags, self.spans, scores) if name is not None]

    def __str__(self) -> str:
        words = f"words in {self.tokens!r}" if self.tokens else f"text in {self.text!r}"
        labels = f", tags in {self.ner_tags!r}" if self.ner_tags else f", spans in {self.spans!r}" if self.spans else ""
        return words + labels


def choose_fields(
    sample: Sequence[Record],
    *,
    columns: Mapping[str, Any] | None,
    names: Sequence[str] | None = None,
    with_tags: bool = True,
    word_rule: str = UNICODE,
    existing: Sequence[str] | None = None,
    error: ErrorOf,
) -> Fields:
    """Return the columns to read, from the first rows; `columns` names them where they have other names.

    `existing` are all columns; by default those of the sample. Raises what `error` makes of what was found and what to
    change.
    """
    existing = list(existing or dict.fromkeys(name for record in sample for name in record))
    given = dict(columns or {})
    if not with_tags:
        given.pop("ner_tags", None)
        given.pop("spans", None)
    if "tokens" in given and "text" in given and not with_tags:
        raise error("columns for tokens and for text.", "name one of them.")
    for key, name in given.items():
        if key not in ("id", "tokens", "text", "ner_tags", "spans") or not isinstance(name, str):
            found = f"columns entry {key!r}: {name!r}."
            raise error(found, "map 'id', 'tokens', 'text', 'ner_tags' or 'spans' to column names of the table.")
        if name not in existing:
            raise _no_column(name, existing, error, key=key)
    forms = {name: form_of(name, sample) for name in existing}

    def one_of(key: str, usual: Sequence[str], *kinds: str) -> str | None:
        usual = [name for name in usual if name in existing and forms[name] in kinds]
        return given.get(key) or next(iter(usual), None)

    tokens = None if "text" in given else one_of("tokens", _WORDS, "words", "parts")
    text = None if "tokens" in given else one_of("text", _TEXTS, "text")
    if tokens is None and text is None:
        tokens = one_of("tokens", _WORDS, "text", "empty")
    if tokens is None and text is None:
        if wrong := [name for name in (*_WORDS, *_TEXTS) if name in existing]:
            raise _wrong_type(wrong[0], sample, error)
        raise _no_column("tokens", existing, error)
    if "tokens" in given and forms[given["tokens"]] not in ("words", "parts", "text", "empty"):
        raise _wrong_type(given["tokens"], sample, error)
    tags = spans = None
    if with_tags:
        others = [name for name in TAG_NAMES if name not in (tokens, text)]
        tags = None if "spans" in given else one_of("ner_tags", others, "words", "numbers", "text")
        if tags is None or (forms[tags] in ("spans", "empty") and "ner_tags" in given):
            usual = [tags] if tags else SPANS
            filled = [
                name
                for name in usual
                if forms.get(name) == "spans" and any(span_objects(record.get(name)) for record in sample)
            ]
            if len(filled) > 1 and "spans" not in given:
                found = f"spans in {' and in '.join(map(repr, filled))}."
                raise error(found, f"put all of them into one, or say which to read: columns: {{spans: {filled[0]}}}.")
            spans = one_of("spans", filled or usual, "spans", "empty")
            tags = None if spans else tags
        if tags is None and spans is None:
            raise _no_column("ner_tags", existing, error)
        if tags and forms[tags] == "numbers" and names is None:
            found = f"tags that are numbers without names in {tags!r}."
            raise error(
                found, "name them in the order of their numbers, as in labels: [O, B-PER, I-PER], or give ClassLabel."
            )
        if tags and tokens is None:
            tokens, text = text, None  # words with blanks between them
    if tokens and (with_tags or forms[tokens] == "words"):
        text = text if spans else None
    if not with_tags and tokens:
        text = text if forms[tokens] == "parts" else None
    if spans and tokens and text is None and _may_count_words(sample, tokens, spans):
        fix = "give the text of each row, or of each span, in 'text': offsets count in characters, end exclusive."
        raise error(f"offsets in {spans!r} that may count words: none is above the number of words.", fix)
    scores = next((name for name in _SCORES if name in existing), None)
    return Fields(tokens, text, tags, spans, names, given.get("id", "id"), word_rule, scores=scores)


def _no_column(name: str, existing: Sequence[str], error: ErrorOf, *, key: str | None = None) -> DataError:
    shown = ", ".join(existing)
    example = existing[0] if existing else "words"
    return error(
        f"no column {name!r} (columns: {shown}).",
        f"say which column it is, as in columns: {{{key or name}: {example}}}.",
    )


def _wrong_type(name: str, sample: Sequence[Record], error: Callable[[str, str], DataError]) -> DataError:
    kind = next((type(record[name]).__name__ for record in sample if record.get(name) is not None), "nothing")
    what = "words" if name in _WORDS else "text"
    return error(
        f"the column {name!r} of type {kind}, which holds no {what}.",
        "give lists of words in 'tokens', or sentences in 'text'.",
    )


def form_of(name: str, sample: Sequence[Record]) -> str:
    """What a column holds: text, words (lists of them), parts (of a text), numbers, spans, empty lists, or ""."""
    values = [listed(value) for record in sample if (value := record.get(name)) is not None]
    if not values or not any(values):
        return "empty" if values and all(isinstance(value, list | Mapping) for value in values) else ""
    if all(isinstance(value, str) for value in values):
        return "text"
    if all(isinstance(value, Mapping) for value in values):
        return "spans" if any(key in value for value in values for key in START) else ""
    items = [item for value in values if isinstance(value, list) for item in value]
    if len(values) != sum(isinstance(value, list) for value in values):
        return ""
    if all(isinstance(item, str | None) for item in items):
        return "words"
    if all(isinstance(item, int) and not isinstance(item, bool) for item in items):
        return "numbers"
    if name in _WORDS and all(isinstance(item, Mapping) for item in items):
        return "parts"
    return "spans" if all(isinstance(item, list | tuple | Mapping) for item in items) else ""


def _may_count_words(sample: Sequence[Record], tokens: str, spans: str) -> bool:
    """Whether no offset is above the number of words, and no span says its text, which would decide it."""
    ends = []
    for record in sample:
        words = listed(record.get(tokens)) or ()
        length = len(words.split() if isinstance(words, str) else words)
        for span in span_objects(record.get(spans)):
            if isinstance(span, Mapping) and any(key in span for key in START):
                end = next((span[key] for key in END if key in span), None)
                ends.append(isinstance(end, int) and end <= length and not isinstance(span.get("text"), str))
    return bool(ends) and all(ends)


def span_objects(value: Any) -> Any:
    """The spans of a row as a list, also if they are written as text, or as one list for each key."""
    value = listed(value)
    if isinstance(value, Mapping):
        return [dict(zip(value, values, strict=False)) for values in zip(*value.values(), strict=False)]
    return value if isinstance(value, list | tuple) else [value] if value else []


def listed(value: Any) -> Any:
    """A list that is written as text, in JSON or as Python or numpy show it; other values as they are."""
    if not isinstance(value, str) or not re.fullmatch(r"\s*\[.*\]\s*", value, re.DOTALL):
        return value
    value = value.strip()
    quoted = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
    if re.fullmatch(rf"\[(?:{quoted})(?:\s+(?:{quoted}))+\]", value):  # numpy: no commas
        return [ast.literal_eval(word) for word in re.findall(quoted, value)]
    for parse in (json.loads, ast.literal_eval):
        try:
            listed = parse(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return listed if isinstance(listed, list) else value
    return value
