"""Question-answering files (SQuAD v1 and v2, XQuAD, MLQA, TweetQA, MRC rows) as a `datasets` builder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Features

from tof_hf.data.features import MRC_FEATURES
from tof_hf.data.readers.answers import AnswerCounts, mrc_row, tweetqa_row
from tof_hf.data.readers.files import FileBuilder, stem
from tof_hf.errors import DataError

_FORMATS_FIX = (
    'give SQuAD-format JSON ({"data": [{"paragraphs": [{"context", "qas"}]}]}), TweetQA\'s list, '
    "or rows with id, question, context and spans."
)


@dataclass(frozen=True, slots=True)
class _Record:
    fields: Mapping[str, Any]
    place: str
    line: int | None = None


class MrcFileBuilder(FileBuilder):
    """MRC rows (id, question, context, spans, label) of one JSON or JSON-lines file."""

    CACHE_NAME = "tof_mrc"
    CODE = (mrc_row,)

    def parse(self, text: str) -> tuple[Features, list[dict[str, Any]], str]:
        """Return features, rows, and what happened to the answers."""
        path = Path(self.config.path)
        counts = AnswerCounts()
        rows = [row for row in _rows(text, path, counts) if row is not None]
        if not rows:
            raise DataError(
                f"no usable question ({counts}).",
                fix="give a file whose answers occur in their contexts; test files lack answers.",
                path=path,
            )
        return MRC_FEATURES, rows, str(counts)


def _rows(text: str, path: Path, counts: AnswerCounts) -> Iterator[dict[str, Any] | None]:
    to_row: Callable[..., dict[str, Any] | None]
    to_row, id_field, records = _records(text, path)
    # Only files that mark unanswerable questions (SQuAD v2) may leave answers empty on purpose.
    marked = any("is_impossible" in record.fields for record in records)
    places: dict[str, str] = {}
    prefix = stem(path)
    for number, record in enumerate(records):
        own_id = record.fields.get(id_field)
        row_id = f"{prefix}-{number}" if own_id is None else str(own_id)
        if row_id in places and to_row is tweetqa_row:
            # TweetQA as released has some ids twice, under different questions.
            row_id = f"{row_id}-{number}"
        if row_id in places:
            raise DataError(
                f"the id {row_id!r} twice ({places[row_id]} and {record.place}).",
                fix="give every question an id of its own.",
                path=path,
                line=record.line,
            )
        places[row_id] = record.place
        try:
            yield to_row(record.fields, row_id=row_id, counts=counts, empty_is_no_answer=marked)
        except DataError as error:
            found = f"in {record.place}: {error.found}"
            raise DataError(found, fix=error.fix, path=path, line=record.line) from error


def _records(text: str, path: Path) -> tuple[Callable[..., dict[str, Any] | None], str, list[_Record]]:
    """The function that converts a record, the field with the id, and the records of the file."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if len(lines) < 2 or not _is_object(lines[0][1]):
            raise DataError(
                f"text that is not JSON ({error.msg}).", fix=_FORMATS_FIX, path=path, line=error.lineno
            ) from error
        return mrc_row, "id", [_json_line(line, number, path) for number, line in lines]
    if isinstance(content, Mapping) and "data" in content:
        return mrc_row, "id", list(_squad_questions(content, path))
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list) or not all(isinstance(item, Mapping) for item in content):
        raise DataError(f"JSON of type {type(content).__name__}.", fix=_FORMATS_FIX, path=path)
    records = [_Record(item, f"entry {number}") for number, item in enumerate(content)]
    if any("Tweet" in item for item in content):
        return tweetqa_row, "qid", records
    return mrc_row, "id", records


def _squad_questions(content: Mapping[str, Any], path: Path) -> Iterator[_Record]:
    place = "data"
    try:
        for a, article in enumerate(content["data"]):
            for p, paragraph in enumerate(article["paragraphs"]):
                for q, question in enumerate(paragraph["qas"]):
                    place = f"data[{a}].paragraphs[{p}].qas[{q}]"
                    yield _Record({**question, "context": paragraph["context"]}, place)
    except (KeyError, TypeError) as error:
        found = f"JSON that is not in SQuAD format near {place} ({type(error).__name__}: {error})."
        raise DataError(found, fix=_FORMATS_FIX, path=path) from error


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except json.JSONDecodeError:
        return False


def _json_line(line: str, number: int, path: Path) -> _Record:
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        found = f"a line that is not JSON ({error.msg})."
        raise DataError(found, fix="give one JSON object a line.", path=path, line=number) from error
    if not isinstance(fields, Mapping):
        raise DataError("a line that is no object.", fix=_FORMATS_FIX, path=path, line=number)
    return _Record(fields, f"line {number}", number)
