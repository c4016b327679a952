"""MRC rows: of question-answering files (SQuAD v1 and v2, XQuAD, MLQA, TweetQA, MRC rows), and of tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datasets import Dataset

from tof_hf.data.features import MRC_FEATURES
from tof_hf.data.readers.answers import AnswerCounts, mrc_row
from tof_hf.data.readers.files import Parsed, RowReader, stem
from tof_hf.data.readers.tables import Row, Table
from tof_hf.errors import DataError
from tof_hf.utils.outside import json_values

_FORMATS_FIX = (
    'give SQuAD-format JSON ({"data": [{"paragraphs": [{"context", "qas"}]}]}, or flat), TweetQA\'s list, '
    "or rows with id, question, context and spans."
)


@dataclass(frozen=True, slots=True)
class _Record:
    fields: Mapping[str, Any]
    place: str
    line: int | None = None


def parse_mrc(text: str, path: Path) -> Parsed:
    """Return the rows of a JSON or JSON-lines file, and what happened to the answers."""
    records, counts = _records(text, path), AnswerCounts()
    rows = list(_rows(records, path, counts))
    unanswerable = sum(not row["spans"] for row in rows)
    dropped = len(records) - len(rows)
    summary = (
        f"{len(rows)} questions ({unanswerable} without an answer), {dropped} dropped because "
        f"no answer occurs in the context, {counts.repaired} answers moved to where they occur, "
        f"{counts.lost} answers that occur nowhere"
    )
    if not rows:
        fix = "give a file whose answers occur in their contexts; test files lack answers."
        raise DataError(f"no usable question ({summary}).", fix=fix, path=path)
    return MRC_FEATURES, rows, [summary, *_many_dropped(dropped, len(records))]


def mrc_rows(table: Table) -> Dataset:
    """Return MRC rows of a table in our form, in the Hub's SQuAD form, or with TweetQA's columns."""
    names = table.dataset.column_names
    tweets = "Tweet" in names
    needed = ["Question", "Tweet", "Answer"] if tweets else ["question", "context"]
    if not tweets and "answers" not in names:
        needed.append("spans")
    for name in needed:
        if name not in names:
            raise table.unknown_column(name)
    if tweets:  # TweetQA has some ids twice: the rows get new ones
        table = replace(table, dataset=table.dataset.select_columns(needed))
    nothing = ("no usable question.", "give rows whose answers occur in their contexts.")
    rows = table.rows(_table_row, MRC_FEATURES, depends_on=(_table_row, mrc_row), if_empty=nothing)
    dropped = len(table.dataset) - len(rows)
    summary = f"{len(rows)} questions, {dropped} dropped without answer"
    table.origin.note(summary, _many_dropped(dropped, len(table.dataset)))
    return rows


def _many_dropped(dropped: int, questions: int) -> list[str]:
    """A warning if so many questions are lost that something must be wrong with the file."""
    if 10 * dropped <= questions:
        return []
    return [f"{dropped} of {questions} questions were dropped because no answer of theirs occurs in the context"]


def _table_row(record: Row) -> Row | None:
    return mrc_row(record, counts=AnswerCounts(), empty_is_no_answer=True)


def _rows(records: list[_Record], path: Path, counts: AnswerCounts) -> Iterator[Row]:
    # Only files that mark unanswerable questions (SQuAD v2), and the Hub's form, may leave answers empty on purpose.
    marked = any("is_impossible" in one.fields or isinstance(one.fields.get("answers"), Mapping) for one in records)
    places: dict[str, str] = {}
    for number, record in enumerate(records):
        tweetqa = "Tweet" in record.fields
        own_id = record.fields.get("qid" if tweetqa else "id")
        row_id = f"{stem(path)}-{number}" if own_id is None else str(own_id)
        if row_id in places and tweetqa:
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
            row = mrc_row(record.fields, counts=counts, empty_is_no_answer=marked)
        except DataError as error:
            found = f"in {record.place}: {error.found}"
            raise DataError(found, fix=error.fix, path=path, line=record.line) from error
        if row is not None:
            yield {"id": row_id, **row}


def _records(text: str, path: Path) -> list[_Record]:
    """The records of a file: one JSON document, or one object a line; articles with paragraphs or single questions."""
    values = list(json_values(text, path=path, fix=_FORMATS_FIX))
    content, line = values[0]
    name = "line"
    if line is None:
        whole = isinstance(content, Mapping) and "data" in content
        name, items = ("data", content["data"]) if whole else ("entry", content)
        if whole and not isinstance(items, list):
            raise DataError("JSON that is not in SQuAD format: data is no list.", fix=_FORMATS_FIX, path=path)
        values = [(item, None) for item in items] if isinstance(items, list) else values
    records: list[_Record] = []
    for number, (item, line) in enumerate(values):
        if not isinstance(item, Mapping):
            raise DataError(f"JSON of type {type(item).__name__}.", fix=_FORMATS_FIX, path=path, line=line)
        place = f"line {line}" if line else f"data[{number}]" if name == "data" else f"entry {number}"
        flat = "paragraphs" not in item and (name != "data" or "context" in item)
        records += [_Record(item, place, line)] if flat else _questions_of(item, place, path, line)
    return records


def _questions_of(article: Mapping[str, Any], place: str, path: Path, line: int | None) -> Iterator[_Record]:
    try:
        for p, paragraph in enumerate(article["paragraphs"]):
            for q, question in enumerate(paragraph["qas"]):
                record = {**question, "context": paragraph["context"]}
                yield _Record(record, f"{place}.paragraphs[{p}].qas[{q}]", line)
    except (KeyError, TypeError) as error:
        found = f"JSON that is not in SQuAD format near {place} ({type(error).__name__}: {error})."
        raise DataError(found, fix=_FORMATS_FIX, path=path, line=line) from error


MRC = RowReader("mrc", parse_mrc, mrc_rows, depends_on=(mrc_row,))
