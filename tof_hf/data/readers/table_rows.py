"""Rows of tables (Parquet, JSON lines, the Hub, a given `Dataset`) -> our rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow.compute as pc
from datasets import ClassLabel, Dataset, Features

from tof_hf.data.features import MRC_FEATURES, TEXT_FEATURES, ner_features
from tof_hf.data.labels import LabelMap, check_label_map, check_scheme, split_tag
from tof_hf.data.mapping import Batch, cached_map
from tof_hf.data.readers.answers import AnswerCounts, mrc_row, tweetqa_row
from tof_hf.data.readers.ner import encode_tags, mapped_label_names
from tof_hf.data.readers.tables import Origin, Table, column_of, is_string, item_of
from tof_hf.data.words import split_words
from tof_hf.errors import DataError

logger = logging.getLogger(__name__)

Row = dict[str, Any]


def ner_rows(table: Table, *, columns: Mapping[str, str] | None, scheme: str | None, label_map: LabelMap) -> Dataset:
    """Return NER rows of a table with words and tags (text or ClassLabel). Raises `DataError`."""
    check_label_map(label_map)
    table = table.with_columns(columns, needed=("tokens", "ner_tags"))
    table.need_words("tokens")
    feature = table.dataset.features["ner_tags"]
    tag = item_of(feature)
    names: list[str] | None = None
    if isinstance(tag, ClassLabel):
        found = names = tag.names
    elif is_string(tag):
        found = pc.unique(pc.list_flatten(column_of(table.dataset, "ner_tags"))).to_pylist()
    else:
        raise table.origin.error(
            f"the column 'ner_tags' of type {feature}.",
            "give lists of tags such as B-PER, or of ClassLabel numbers that know their names.",
        )
    try:
        found = [name for name in found if name is not None]
        if scheme is not None:
            check_scheme(found, scheme)
        label_names = mapped_label_names(found, label_map)
    except DataError as error:
        row = _first_bad_row(table, scheme) if names is None else None
        raise table.origin.error(error.found, error.fix, row) from error
    index = {name: number for number, name in enumerate(label_names)}
    features, depends_on = ner_features(label_names), (encode_tags, check_scheme)
    rows = _rows(table, _ner_row, features, depends_on, tag_names=names, index=index, label_map=label_map)
    return table.with_unique_ids(rows)


def text_rows(table: Table, *, columns: Mapping[str, str] | None) -> Dataset:
    """Return unlabelled rows of a table with `tokens`, or with a `text` that is split into words."""
    columns = dict(columns or {})
    columns.pop("ner_tags", None)  # an option of labelled files, of which only the words are read here
    if "tokens" in columns and "text" in columns:
        raise table.origin.error("columns for tokens and for text.", "name one of them.")
    names = table.dataset.column_names
    key = "text" if "text" in columns or ("tokens" not in columns and "tokens" not in names) else "tokens"
    if key == "text" and "text" not in columns and "text" not in names:
        raise table.unknown_column("tokens")
    table = table.with_columns(columns, needed=(key,))
    if key == "tokens":
        table.need_words("tokens")
    elif not is_string(table.dataset.features["text"]):
        raise table.origin.error("a column 'text' that holds no text.", "name the column with the sentences.")
    return table.with_unique_ids(_rows(table, _text_row, TEXT_FEATURES, (split_words,)))


def mrc_rows(table: Table) -> Dataset:
    """Return MRC rows of a table in our form, in the Hub's SQuAD form, or with TweetQA's columns."""
    names = table.dataset.column_names
    tweets = "Tweet" in names
    needed = ["Question", "Tweet", "Answer"] if tweets else ["question", "context"]
    for name in needed:
        if name not in names:
            raise table.unknown_column(name, renaming=False)
    if not tweets and "spans" not in names and "answers" not in names:
        raise table.unknown_column("spans", renaming=False)
    if tweets:  # TweetQA has some ids twice: the rows get new ones
        table = replace(table, dataset=table.dataset.select_columns(needed))
    rows = _rows(table, _tweetqa_row if tweets else _mrc_row, MRC_FEATURES, (mrc_row,))
    if not len(rows):
        raise table.origin.error("no usable question.", "give rows whose answers occur in their contexts.")
    if dropped := len(table.dataset) - len(rows):
        logger.info("%s: %d of %d questions dropped without answer", table.origin.name, dropped, len(table.dataset))
    return table.with_unique_ids(rows)


def _rows(
    table: Table,
    convert: Callable[..., Row | None],
    features: Features,
    depends_on: tuple[Callable, ...],
    **arguments: Any,
) -> Dataset:
    """The rows that `convert(record, **arguments)` returns, with ids; None drops a row."""
    return cached_map(
        table.dataset,
        _convert_batch,
        features=features,
        description="Reading rows",
        depends_on=depends_on,
        convert=convert,
        arguments=arguments,
        names=list(features),
        origin=table.origin,
    )


def _convert_batch(
    batch: Batch,
    indices: list[int],
    *,
    convert: Callable[..., Row | None],
    arguments: dict[str, Any],
    names: list[str],
    origin: Origin,
) -> Batch:
    out: Batch = {name: [] for name in names}
    for at, (row, row_id) in enumerate(zip(indices, origin.ids(batch, indices), strict=True)):
        try:
            made = convert({name: values[at] for name, values in batch.items()}, **arguments)
        except DataError as error:
            raise origin.error(error.found, error.fix, row) from error
        if made is not None:
            for name, value in (made | {"id": row_id}).items():
                out[name].append(value)
    return out


def _ner_row(
    record: Row, *, tag_names: Sequence[str] | None, index: Mapping[str, int], label_map: LabelMap
) -> Row | None:
    words, tags = record["tokens"] or [], record["ner_tags"] or []
    if len(words) != len(tags):
        raise DataError(f"{len(words)} words and {len(tags)} tags.", fix="give every word exactly one tag.")
    if any(tag is None for tag in tags):
        raise DataError("a word without a tag.", fix='give every word a tag, "O" outside entities.')
    pairs = [(word, tag) for word, tag in zip(words, tags, strict=True) if _is_word(word)]
    tags = [tag for _, tag in pairs]
    if tag_names is not None:
        for number in tags:
            if not 0 <= number < len(tag_names):
                fix = f"give numbers from 0 to {len(tag_names) - 1}; read_text takes rows without tags."
                raise DataError(f"the label number {number}.", fix=fix)
        tags = [tag_names[number] for number in tags]
    return {"tokens": [word for word, _ in pairs], "ner_tags": encode_tags(tags, index, label_map)} if pairs else None


def _text_row(record: Row) -> Row | None:
    words = split_words(record["text"] or "") if "text" in record else list(filter(_is_word, record["tokens"] or []))
    return {"tokens": words} if words else None


def _mrc_row(record: Row) -> Row | None:
    return mrc_row(record, row_id="", counts=AnswerCounts(), empty_is_no_answer=True)


def _tweetqa_row(record: Row) -> Row | None:
    return tweetqa_row(record, row_id="", counts=AnswerCounts())


def _is_word(word: str | None) -> bool:
    # Some copies of CoNLL-2003 on the Hub keep -DOCSTART- as a sentence of one word.
    return word is not None and not (word.isspace() or word in ("", "-DOCSTART-"))


def _first_bad_row(table: Table, scheme: str | None) -> int | None:
    """The first row with an unknown tag, or with one that is not of the scheme."""
    for row, tags in enumerate(table.dataset["ner_tags"]):
        try:
            for tag in filter(None, tags or []):
                split_tag(tag)
            check_scheme([tag for tag in tags or [] if tag], scheme or "BIOES")
        except DataError:
            return row
    return None
