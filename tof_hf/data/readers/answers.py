"""Answers of question-answering data -> character spans in the context."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tof_hf.errors import DataError


@dataclass
class AnswerCounts:
    """Answers that were moved to where they occur in the context (`repaired`), and that occur nowhere (`lost`)."""

    repaired: int = 0
    lost: int = 0


def mrc_row(record: Mapping[str, Any], *, counts: AnswerCounts, empty_is_no_answer: bool) -> dict[str, Any] | None:
    """Return an MRC row, without id, of a record with `question`, `context` and `spans` or `answers`; None = dropped.

    `answers` are a list of {"text", "answer_start"} or the Hub's {"text": [...], "answer_start": [...]}. With
    `empty_is_no_answer` a question without answers gets spans [] (SQuAD v2), else it is dropped. TweetQA's records
    have `Question`, `Tweet` and `Answer`, free text without offsets. Raises `DataError` for missing or wrong fields and
    for spans outside the context.
    """
    tweetqa = "Tweet" in record
    question = _text(record, "Question" if tweetqa else "question")
    context = _text(record, "Tweet" if tweetqa else "context")
    label = record.get("label")
    if record.get("spans") is not None:
        spans = _checked_spans(record, context)
    elif record.get("is_impossible"):
        spans = []
    else:
        if tweetqa:
            placed = [find_verbatim(answer, context) for answer in _tweetqa_answers(record)]
        else:
            placed = [_place(text, start, context, counts) for text, start in _answers(record)]
        counts.lost += placed.count(None)
        # What most annotators chose, the first on a tie: Counter keeps the order, and most_common is stable.
        chosen = Counter(span for span in placed if span is not None).most_common(1)
        spans = [{"start": start, "end": end} for (start, end), _ in chosen]
        if not spans and (tweetqa or placed or not empty_is_no_answer):
            return None
    if label is not None and not isinstance(label, str):
        raise DataError(f"the label {label!r}.", fix="give an entity type as text, or null.")
    return {"question": question.strip(), "context": context, "spans": spans, "label": label}


def find_verbatim(answer: str, context: str) -> tuple[int, int] | None:
    """Return (start, end) of the first occurrence of `answer` in any case, whole words preferred."""
    answer = answer.strip()
    if not answer:
        return None
    pattern = re.escape(answer)
    anywhere = re.search(pattern, context, re.IGNORECASE)
    if anywhere is None:
        return None
    return (re.search(rf"(?<!\w){pattern}(?!\w)", context, re.IGNORECASE) or anywhere).span()


def _text(record: Mapping[str, Any], field: str) -> str:
    value = record.get(field)
    if not isinstance(value, str) or not value.strip():
        fields = ", ".join(sorted(map(str, record)))
        raise DataError(f"no text in {field!r} (fields: {fields}).", fix=f"give every question a {field!r}.")
    return value


def _tweetqa_answers(record: Mapping[str, Any]) -> list[str]:
    answers = record.get("Answer") or []
    if not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        raise DataError(f"Answer={answers!r}.", fix="give a list of texts.")
    return answers


def _answers(record: Mapping[str, Any]) -> list[tuple[str, int]]:
    pairs = _pairs(record, "answers", "text", "answer_start")
    for text, start in pairs:
        if not isinstance(text, str) or isinstance(start, bool) or not isinstance(start, int):
            raise DataError(f"the answer {text!r} at {start!r}.", fix="give a text and a character offset.")
    return pairs


def _checked_spans(record: Mapping[str, Any], context: str) -> list[dict[str, int]]:
    pairs = _pairs(record, "spans", "start", "end")
    whole = all(isinstance(place, int) for pair in pairs for place in pair)
    if not whole or not all(0 <= start < end <= len(context) for start, end in pairs):
        raise DataError(
            f"spans {pairs} in a context of {len(context)} characters.",
            fix="give character offsets into the context, end exclusive and not empty.",
        )
    return [{"start": start, "end": end} for start, end in pairs]


def _pairs(record: Mapping[str, Any], field: str, first: str, second: str) -> list[tuple[Any, Any]]:
    """The pairs of a list of {first, second}, where the second may be missing, or of {first: [...], second: [...]}."""
    values = record.get(field)
    try:
        if isinstance(values, Mapping):
            return list(zip(values[first], values[second], strict=True))
        return [] if values is None else [(value[first], value.get(second, -1)) for value in values]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fix = f'give a list of {{"{first}": ..., "{second}": ...}}.'
        raise DataError(f"{field}={str(values)[:80]!r}.", fix=fix) from error


def _place(text: str, start: int, context: str, counts: AnswerCounts) -> tuple[int, int] | None:
    """(start, end) of an answer without the blanks around it; if it is not at its offset, of the nearest occurrence."""
    stripped = text.strip()
    if not stripped:
        return None
    if start >= 0 and context.startswith(text, start):
        start += len(text) - len(text.lstrip())
        return start, start + len(stripped)
    found = find_answer(stripped, start, context)
    counts.repaired += found is not None
    return found


def find_answer(answer: str, start: int, context: str) -> tuple[int, int] | None:
    """(start, end) of the occurrence of a text that is nearest to `start`; without a place (-1) of the only one.

    Letters are compared after Unicode normalization, and all blanks are alike.
    """
    text, places = _folded(context)
    wanted = _folded(answer)[0].strip()
    found = [match.start() for match in re.finditer(f"(?={re.escape(wanted)})", text)] if wanted else []
    ends = {first: first + len(wanted) for first in found}
    spans = [(places[first], places[end - 1] + 1) for first, end in ends.items() if not _inside(text, first, end)]
    if not spans or (start < 0 and len(spans) > 1):
        return None
    return min(spans, key=lambda span: abs(span[0] - start))


def _folded(text: str) -> tuple[str, list[int]]:
    """Letters and marks apart (NFD), one blank for several; and where each of them is in the text."""
    folded: list[tuple[str, int]] = []
    for place, character in enumerate(text):
        for part in " " if character.isspace() else unicodedata.normalize("NFD", character):
            if part == " " and folded and folded[-1][0] == " ":
                continue
            at, kind = len(folded), unicodedata.combining(part)
            while kind and at and unicodedata.combining(folded[at - 1][0]) > kind:
                at -= 1  # marks have one order
            folded.insert(at, (part, place))
    return "".join(part for part, _ in folded), [place for _, place in folded]


def _inside(text: str, start: int, end: int) -> bool:
    """Whether these are not whole letters of a folded text."""
    return unicodedata.combining(text[start]) > 0 or (end < len(text) and unicodedata.combining(text[end]) > 0)
