"""Rows of JSON, CSV, Parquet and the Hub -> sentences: words with tags, or a text with spans of characters."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tof_hf.data.features import PROBABILITIES
from tof_hf.data.labels import UNTYPED, Span, tags_from_spans
from tof_hf.data.readers.answers import find_answer
from tof_hf.data.readers.fields import (
    END,
    SCORE,
    SPANS,
    START,
    TYPE,
    ErrorOf,
    Fields,
    Record,
    form_of,
    listed,
    span_objects,
)
from tof_hf.data.schemes import named
from tof_hf.data.tagged import of_words
from tof_hf.data.words import find_word_spans
from tof_hf.errors import DataError, as_data_error

NOTES = {
    "cut": "{} spans cut words and were widened to them, such as {}",
    "crossing": "{} spans cross a longer one, which no tags can say, and were left out, such as {}",
    "types": "{} spans have the words of another of another type and were left out (the first is kept), such as {}",
    "labels": "{} spans have several types, of which the first was taken, such as {}",
    "unread": "{} rows have spans in another column, which were not read, such as in {}",
    "outside": "{} spans have the type O, which no entity has, and were left out, such as {}",
    "annotations": "{} further annotations of a text were not read, only its first, such as of {}",
    "moved": "{} spans were moved to the nearest place of their text, such as {}",
    "blank": "{} spans hold no word and were left out, such as {}",
    "empty": "{} rows without words were left out, such as {}",
    "rejected": "{} rows were left out because their answer is not 'accept', such as {}",
}
FURTHER = "further annotations"  # of a Label Studio task: their number


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of a row, its tags as written, what happened to its spans (kinds of `NOTES` with examples).

    `extra`: the values of those columns that are kept.
    """

    tokens: list[str]
    tags: list[str]
    notes: list[tuple[str, str]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


def sentence_of(record: Record, fields: Fields) -> Sentence | None:
    """Return the words and tags of a row; None if it has no word. Raises `DataError` for a bad row."""
    if record.get("answer") in ("reject", "ignore"):  # Prodigy
        return Sentence([], [], [("rejected", repr(record.get("text", ""))[:60])])
    words, places, text = _words(record, fields)
    notes = [("annotations", repr(text)[:60])] * record.get(FURTHER, 0)
    scored = PROBABILITIES in fields.keep
    scores = _scores(record, fields, len(words)) if scored else [1.0] * len(words)
    if fields.ner_tags:
        tags = _tags(record.get(fields.ner_tags), fields)
        if len(words) != len(tags):
            raise DataError(f"{len(words)} words and {len(tags)} tags.", fix="give every word exactly one tag.")
    elif fields.spans:
        if record.get(fields.spans) is None:
            notes += [("unread", repr(name)) for name in SPANS if form_of(name, [record]) == "spans"]
        of_words = fields.text is None
        given = list(_spans(listed(record.get(fields.spans)), text, notes, of_words=of_words, scored=scored))
        found = list(_in_words(given, places, text, notes))
        tags = tags_from_spans([span for span, _ in found], len(words))
        for span, score in found:
            scores[span.start : span.end] = [score] * (span.end - span.start)
    else:
        tags = ["O"] * len(words)
    kept = [number for number, word in enumerate(words) if word.strip() and word != "-DOCSTART-"]
    if not kept and not notes:
        return None
    own = text if fields.text and record.get(fields.text) == text else None
    extra = {"text": own, PROBABILITIES: [scores[number] for number in kept]}
    return Sentence(
        [words[number] for number in kept],
        [tags[number] for number in kept],
        notes,
        {name: extra[name] for name in fields.keep},
    )


def _scores(record: Record, fields: Fields, length: int) -> list[float]:
    """A score for each word, 1 if the row has none."""
    scores = listed(record.get(fields.scores)) if fields.scores else None
    if not isinstance(scores, list):
        return [1.0] * length
    if len(scores) != length:
        raise DataError(f"{length} words and {len(scores)} scores.", fix="give every word exactly one score.")
    return [_score(score) for score in scores]


def _score(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise DataError(f"the score {value!r:.60}.", fix="give scores from 0 to 1.")
    return float(value)


def _words(record: Record, fields: Fields) -> tuple[list[str], list[tuple[int, int]], str]:
    """The words, the characters of each, and the text that these are of."""
    text = record.get(fields.text) if fields.text else None
    if text is not None and not isinstance(text, str):
        raise DataError(f"{text!r:.60} in {fields.text!r}.", fix="give every row a text.")
    parts = listed(record.get(fields.tokens)) if fields.tokens else None
    if parts is None:
        places = find_word_spans(text or "", fields.word_rule)
        return [(text or "")[start:end] for start, end in places], places, text or ""
    if isinstance(parts, str):
        parts = parts.split()
    if isinstance(parts, list) and text is not None and all(isinstance(part, Mapping) for part in parts):
        places = [_ends(part, text) for part in parts]
        return [text[start:end] for start, end in places], places, text
    if isinstance(parts, list) and all(isinstance(part, Mapping) for part in parts):
        parts = [part.get("text") for part in parts]
    if not isinstance(parts, list) or not all(isinstance(part, str | None) for part in parts):
        raise DataError(f"{parts!r:.60} in {fields.tokens!r}.", fix="give every row a list of words.")
    words = [part or "" for part in parts]
    spans = span_objects(record.get(fields.spans)) if fields.spans else []
    named_ = [one for one in spans if isinstance(one, Mapping) and isinstance(one.get("text"), str)]
    # Offsets count in the text or in its words joined by blanks, by the texts of the entities.
    of_text = text is not None and all(
        text[one.get("start", 0) : one.get("end", 0)] == one["text"] for one in named_ if "start" in one
    )
    found = of_words(words, text if of_text else None)
    if text is not None and of_text and found.text != text and len(named_) < len(spans):
        missing = next((word for word in words if word not in text), words[0])
        fix = f"correct {fields.tokens!r}, or leave it out: the text is split into words then."
        raise DataError(f"words that are not one after the other in the text, such as {missing!r:.60}.", fix=fix)
    return words, found.spans, found.text


def _tags(value: Any, fields: Fields) -> list[str]:
    tags = [] if value is None else listed(value)
    if isinstance(tags, str):
        tags = re.split(r"[\s,]+", tags.strip()) if tags.strip() else []
    if not isinstance(tags, list) or any(tag is None for tag in tags):
        raise DataError("a word without a tag.", fix='give every word a tag, "O" outside entities.')
    if fields.names is not None and all(str(tag).lstrip("-").isdecimal() for tag in tags):
        return named(tags, fields.names)
    if not all(isinstance(tag, str) for tag in tags):
        raise DataError(f"the tags {tags!r:.60}.", fix="give all tags as text, or all as numbers.")
    return tags


def _ends(span: Record, text: str) -> tuple[int, int]:
    start, end = (next((span[key] for key in keys if key in span), None) for keys in (START, END))
    if type(start) is type(end) is int and 0 <= start <= end <= len(text):
        return start, end
    found = f"the span {start!r} to {end!r} in {len(text)} characters."
    raise DataError(found, fix="give offsets in characters, end exclusive.")


def _spans(
    value: Any, text: str, notes: list[tuple[str, str]], *, of_words: bool, scored: bool
) -> Iterator[tuple[int, int, str, float]]:
    """Start, end, type and score of each span, of every usual form; without `scored` all scores are 1."""
    for span in span_objects(value):
        if isinstance(span, Mapping):
            span = {**span, **(span["value"] if isinstance(span.get("value"), Mapping) else {})}
            if not any(key in span for key in START):
                continue  # a relation, or a choice for the whole text
            label = next((span[key] for key in TYPE if span.get(key)), UNTYPED)
            if isinstance(label, list) and label:
                notes += [("labels", repr(label)[:60])] * (len(label) > 1)
                label = label[0]
        elif isinstance(span, list | tuple) and len(span) >= 3 and not of_words:
            label, span = span[2], {"start": span[0], "end": span[1]}
        else:
            fix = 'give {"start", "end", "label"} with offsets in characters; for others, give the text too.'
            raise DataError(f"the span {span!r:.60}.", fix=fix)
        if not isinstance(label, str) or not label.strip():
            raise DataError(f"the entity type {label!r:.60}.", fix="give a text.")
        said = span.get("text")
        start, end = _ends(_in_characters(span, text, said), text)
        there = text[start:end].strip()
        shifted = isinstance(said, str) and len(said) == end - start and said.strip() != there
        if isinstance(said, str) and said.strip() and (shifted or (said.strip() not in there and there not in said)):
            # A span that was made longer or shorter by hand keeps its place; others were counted in other units.
            if (place := find_answer(said, start, text)) is None:
                raise DataError(f"{there!r} where a span says {said!r:.60}.", fix="correct its offsets.")
            notes.append(("moved", repr(said)))
            start, end = place
        if label.strip() == "O":
            notes.append(("outside", repr(text[start:end])))
            continue
        score = next((span[key] for key in SCORE if span.get(key) is not None), 1.0) if scored else 1.0
        yield start, end, label.strip(), _score(score)


def _in_characters(span: Record, text: str, said: Any) -> Record:
    """The span with its offsets in characters, if they count in UTF-16, as JavaScript does: emojis are two there."""
    keys = [next((key for key in keys if key in span), "") for keys in (START, END)]
    ends = [span.get(key) for key in keys]
    start, end = (one if type(one) is int and one >= 0 else None for one in ends)
    if not isinstance(said, str) or not said.strip() or text.isascii() or start is None or end is None:
        return span
    units = text.encode("utf-16-le", "surrogatepass")
    before, there = (
        units[2 * low : 2 * high].decode("utf-16-le", "replace") for low, high in ((0, start), (start, end))
    )
    if text[start:end] == said or there != said:
        return span
    return {**span, keys[0]: len(before), keys[1]: len(before) + len(said)}


def _in_words(
    spans: Sequence[tuple[int, int, str, float]],
    places: Sequence[tuple[int, int]],
    text: str,
    notes: list[tuple[str, str]],
) -> Iterator[tuple[Span, float]]:
    """The words of spans of characters, in full, with the scores; of crossing spans the longest, then the first."""
    taken: dict[int, Span] = {}
    for start, end, label, score in sorted(dict.fromkeys(spans), key=lambda span: (span[0] - span[1], span[0])):
        within = [number for number, place in enumerate(places) if place[0] < end and place[1] > start]
        if not within:
            notes.append(("blank", repr(text[start:end])))
            continue
        span = Span(within[0], within[-1] + 1, label)
        if crossed := [taken[number] for number in within if number in taken]:
            same = (crossed[0].start, crossed[0].end) == (span.start, span.end)
            notes += [("types" if same else "crossing", repr(text[start:end]))] * (crossed[0] != span)
            continue
        first, last = places[within[0]][0], places[within[-1]][1]
        if first < start or end < last:
            notes.append(("cut", f"{text[start:end]!r} in {text[first:last]!r}"))
        taken |= dict.fromkeys(within, span)
        yield span, score


def told(notes: Sequence[tuple[str, str]]) -> list[str]:
    """One line for each kind of note, with its count and first example."""
    lines = []
    for kind, line in NOTES.items():
        if examples := [example for one, example in notes if one == kind]:
            lines.append(line.format(len(examples), examples[0]))
    return lines


def records_of(value: Any, error: ErrorOf) -> Iterator[Record]:
    """The rows of a JSON document: an object, or a list of them that may be in an object."""
    if isinstance(value, Mapping):
        lists = [rows for key, rows in value.items() if key in ("data", "annotations", "examples", "rows")]
        single = "text" in value or isinstance(value.get("data"), Mapping)
        value = next((rows for rows in lists if isinstance(rows, list) and not single), [value])
    for row in value if isinstance(value, list) else [value]:
        if isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], Mapping):
            row = {"text": row[0], **row[1]}  # spaCy
        if not isinstance(row, Mapping):
            raise error(f"a row that is no object ({row!r:.60}).", "give one JSON object for each row.")
        yield _of_label_studio(row) if isinstance(row.get("data"), Mapping) else row


def _of_label_studio(row: Record) -> Record:
    done = [one for one in row.get("annotations") or row.get("completions") or [] if isinstance(one, Mapping)]
    first, *further = [one for one in done if not one.get("was_cancelled")] or [{}]
    left = {FURTHER: len(further)} if further else {}
    with as_data_error("a task that is not as Label Studio exports it", fix="export it as JSON again."):
        return {"id": row.get("id"), **row["data"], "entities": list(first.get("result") or []), **left}
