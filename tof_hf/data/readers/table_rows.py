"""Rows that are tables already (Parquet, JSON lines, the Hub, a given `Dataset`) -> our rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import pyarrow.compute as pc
from datasets import ClassLabel, Dataset

from tof_hf.data.features import MRC_FEATURES, TEXT_FEATURES, ner_features
from tof_hf.data.labels import LabelMap, check_label_map, check_scheme, split_tag
from tof_hf.data.mapping import cached_map
from tof_hf.data.readers.answers import AnswerCounts, mrc_row, tweetqa_row
from tof_hf.data.readers.ner import encode_tags, mapped_label_names
from tof_hf.data.readers.tables import Table, TableOrigin, column_of, is_string, item_of
from tof_hf.data.words import split_words
from tof_hf.errors import DataError

logger = logging.getLogger(__name__)


def ner_rows(table: Table, *, columns: Mapping[str, str] | None, scheme: str | None, label_map: LabelMap) -> Dataset:
    """Return NER rows of a table with words and tags (text or ClassLabel). Raises `DataError`."""
    check_label_map(label_map)
    table = table.with_columns(columns, needed=("tokens", "ner_tags"))
    features = table.dataset.features
    table.need_words("tokens")
    tag = item_of(features["ner_tags"])
    if isinstance(tag, ClassLabel):
        found = tag.names
        names: Sequence[str] | None = tag.names
    elif is_string(tag):
        found = pc.unique(pc.list_flatten(column_of(table.dataset, "ner_tags"))).to_pylist()
        names = None
    else:
        raise table.error(
            f"the column 'ner_tags' of type {features['ner_tags']}.",
            "give lists of tags such as B-PER, or of ClassLabel numbers that know their names.",
        )
    try:
        found = [name for name in found if name is not None]
        if scheme is not None:
            check_scheme(found, scheme)
        label_names = mapped_label_names(found, label_map)
    except DataError as error:
        raise table.error(error.found, error.fix, _first_bad_row(table, scheme) if names is None else None) from error
    rows = cached_map(
        table.dataset,
        _ner_batch,
        features=ner_features(label_names),
        description="Reading tags",
        tag_names=names,
        label_names=label_names,
        label_map=label_map,
        table=TableOrigin.of(table),
        depends_on=(encode_tags, check_scheme),
    )
    return table.with_unique_ids(rows)


def _first_bad_row(table: Table, scheme: str | None) -> int | None:
    """The first row with a tag that is none, or that the scheme lacks."""
    for row, tags in enumerate(table.dataset["ner_tags"]):
        try:
            for tag in filter(None, tags or []):
                split_tag(tag)
            check_scheme([tag for tag in tags or [] if tag], scheme or "BIOES")
        except DataError:
            return row
    return None


def text_rows(table: Table, *, columns: Mapping[str, str] | None) -> Dataset:
    """Return unlabelled rows of a table with `tokens`, or with a `text` that is split in words."""
    columns = dict(columns or {})
    columns.pop("ner_tags", None)  # the options of a labelled file, read for its words alone
    if "tokens" in columns and "text" in columns:
        raise table.error("columns for tokens and for text.", "name one of them.")
    names = table.dataset.column_names
    key = "text" if "text" in columns or ("tokens" not in columns and "tokens" not in names) else "tokens"
    if key == "text" and "text" not in columns and "text" not in names:
        raise table.unknown_column("tokens")
    table = table.with_columns(columns, needed=(key,))
    if key == "tokens":
        table.need_words("tokens")
    elif not is_string(table.dataset.features["text"]):
        raise table.error("a column 'text' that holds no text.", "name the column with the sentences.")
    rows = cached_map(
        table.dataset,
        _text_batch,
        features=TEXT_FEATURES,
        description="Reading words",
        key=key,
        table=TableOrigin.of(table),
        depends_on=(split_words,),
    )
    return table.with_unique_ids(rows)


def mrc_rows(table: Table) -> Dataset:
    """Return MRC rows of a table in our form, in the Hub's SQuAD form, or with TweetQA's columns."""
    names = table.dataset.column_names
    tweets = "Tweet" in names
    needed = ("Question", "Tweet", "Answer") if tweets else ("question", "context")
    for name in needed:
        if name not in names:
            raise table.unknown_column(name, renaming=False)
    if not tweets and "spans" not in names and "answers" not in names:
        raise table.unknown_column("spans", renaming=False)
    rows = cached_map(
        table.dataset,
        _mrc_batch,
        features=MRC_FEATURES,
        description="Reading questions",
        tweets=tweets,
        table=TableOrigin.of(table),
        depends_on=(mrc_row,),
    )
    if not len(rows):
        raise table.error("no usable question.", "give rows whose answers stand in their contexts.")
    if dropped := len(table.dataset) - len(rows):
        logger.info("%s: %d of %d questions dropped for want of an answer", table.name, dropped, len(table.dataset))
    return table.with_unique_ids(rows)


def _ner_batch(
    batch: dict[str, list],
    indices: list[int],
    *,
    tag_names: Sequence[str] | None,
    label_names: Sequence[str],
    label_map: LabelMap,
    table: TableOrigin,
) -> dict[str, list]:
    index = {name: number for number, name in enumerate(label_names)}
    out: dict[str, list] = {"id": [], "tokens": [], "ner_tags": []}
    ids = table.ids(batch, indices)
    for row, row_id, words, given in zip(indices, ids, batch["tokens"], batch["ner_tags"], strict=True):
        try:
            tokens, tags = _aligned(words, given)
            if tag_names is not None:
                tags = _names_of(tags, tag_names)
            if tokens:
                numbers = encode_tags(tags, index, label_map)
        except DataError as error:
            raise table.error(error, row) from error
        if tokens:
            out["id"].append(row_id)
            out["tokens"].append(tokens)
            out["ner_tags"].append(numbers)
    return out


def _is_word(word: str | None) -> bool:
    # Some copies of CoNLL-2003 on the Hub keep -DOCSTART- as a sentence of one word.
    return word is not None and not (word.isspace() or word in ("", "-DOCSTART-"))


def _aligned(words: list[str] | None, tags: list | None) -> tuple[list[str], list]:
    """Words and tags, without words that are nothing but white space."""
    words, tags = words or [], tags or []
    if len(words) != len(tags):
        found = f"{len(words)} words and {len(tags)} tags."
        raise DataError(found, fix="give every word exactly one tag.")
    if any(tag is None for tag in tags):
        raise DataError("a word without a tag.", fix='give every word a tag, "O" outside entities.')
    kept = [(word, tag) for word, tag in zip(words, tags, strict=True) if _is_word(word)]
    return [word for word, _ in kept], [tag for _, tag in kept]


def _names_of(numbers: Sequence[int], names: Sequence[str]) -> list[str]:
    for number in numbers:
        if not 0 <= number < len(names):
            fix = f"give numbers from 0 to {len(names) - 1}; read_text takes rows without tags."
            raise DataError(f"the label number {number}.", fix=fix)
    return [names[number] for number in numbers]


def _text_batch(batch: dict[str, list], indices: list[int], *, key: str, table: TableOrigin) -> dict[str, list]:
    out: dict[str, list] = {"id": [], "tokens": []}
    for row_id, value in zip(table.ids(batch, indices), batch[key], strict=True):
        words = split_words(value or "") if key == "text" else list(filter(_is_word, value or []))
        if words:
            out["id"].append(row_id)
            out["tokens"].append(words)
    return out


def _mrc_batch(batch: dict[str, list], indices: list[int], *, tweets: bool, table: TableOrigin) -> dict[str, list]:
    out: dict[str, list] = {name: [] for name in MRC_FEATURES}
    to_row = tweetqa_row if tweets else mrc_row
    # TweetQA has some ids twice: the rows get new ones.
    ids = table.ids({} if tweets else batch, indices)
    for at, (row, row_id) in enumerate(zip(indices, ids, strict=True)):
        record = {name: values[at] for name, values in batch.items()}
        try:
            made = to_row(record, row_id=row_id, counts=AnswerCounts(), empty_is_no_answer=True)
        except DataError as error:
            raise table.error(error, row) from error
        if made is not None:
            for name, values in out.items():
                values.append(made[name])
    return out
