"""NER rows: of tagged column files (CoNLL-2002/2003, WNUT, Twitter), and of tables with words and tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pyarrow.compute as pc
from datasets import ClassLabel, Dataset

from tof_hf.data.features import ner_features
from tof_hf.data.labels import (
    LabelMap,
    check_label_map,
    detect_scheme,
    entity_types,
    label_names,
    map_types,
    scheme_name,
    spans_from_tags,
)
from tof_hf.data.readers.columns import check_tag, parse_conll
from tof_hf.data.readers.files import Parsed, RowReader
from tof_hf.data.readers.tables import Row, Table, is_string, is_word, item_of
from tof_hf.errors import DataError


def parse_ner(
    text: str,
    path: Path,
    *,
    columns: Mapping[str, int] | None = None,
    scheme: str | None = None,
    label_map: LabelMap = None,
) -> Parsed:
    """Return the rows of a column file."""
    check_label_map(label_map)
    sentences = parse_conll(text, path=path, columns=columns, scheme=scheme)
    written_in = detect_scheme(sentence.tags for sentence in sentences) if scheme is None else scheme_name(scheme)
    index = _label_index({tag for sentence in sentences for tag in sentence.tags}, label_map)
    # Numbers and not names: ClassLabel would look up every tag again.
    rows = [{"tokens": one.tokens, "ner_tags": _encode(one.tags, index, label_map)} for one in sentences]
    entities = sum(len(spans_from_tags(sentence.tags)) for sentence in sentences)
    words = sum(len(sentence.tokens) for sentence in sentences)
    counts = f"{len(rows)} sentences, {words} words, {entities} entities in {written_in}, before label_map"
    return ner_features(list(index)), rows, counts


def ner_rows(table: Table, *, columns: Mapping[str, str] | None, scheme: str | None, label_map: LabelMap) -> Dataset:
    """Return the rows of a table with words and tags (text or ClassLabel). Raises `DataError`."""
    check_label_map(label_map)
    table = table.with_columns(columns, needed=("tokens", "ner_tags"))
    table.need_words("tokens")
    feature = table.dataset.features["ner_tags"]
    tag_feature = item_of(feature)
    numbered: list[str] | None = None
    if isinstance(tag_feature, ClassLabel):
        found = numbered = tag_feature.names
    elif is_string(tag_feature):
        lists = table.dataset.with_format("arrow")["ner_tags"][:]
        found = pc.unique(pc.list_flatten(lists)).drop_null().to_pylist()
    else:
        raise table.origin.error(
            f"the column 'ner_tags' of type {feature}.",
            "give lists of tags such as B-PER, or of ClassLabel numbers that know their names.",
        )
    for tag in found:
        try:
            check_tag(tag, scheme)
        except DataError as error:
            row = next((row for row, tags in enumerate(table.dataset["ner_tags"]) if tag in (tags or ())), None)
            raise table.origin.error(error.found, error.fix, row) from error
    index = _label_index(found, label_map)
    make = partial(_ner_row, numbered=numbered, index=index, label_map=label_map)
    return table.rows(make, ner_features(list(index)), depends_on=(_ner_row, map_types))


def _ner_row(
    record: Row, *, numbered: Sequence[str] | None, index: Mapping[str, int], label_map: LabelMap
) -> Row | None:
    words, tags = record["tokens"] or [], record["ner_tags"] or []
    if len(words) != len(tags):
        raise DataError(f"{len(words)} words and {len(tags)} tags.", fix="give every word exactly one tag.")
    if any(tag is None for tag in tags):
        raise DataError("a word without a tag.", fix='give every word a tag, "O" outside entities.')
    pairs = [(word, tag) for word, tag in zip(words, tags, strict=True) if is_word(word)]
    tags = [tag for _, tag in pairs]
    if numbered is not None:
        for number in tags:
            if not 0 <= number < len(numbered):
                fix = f"give numbers from 0 to {len(numbered) - 1}; read_text takes rows without tags."
                raise DataError(f"the label number {number}.", fix=fix)
        tags = [numbered[number] for number in tags]
    return {"tokens": [word for word, _ in pairs], "ner_tags": _encode(tags, index, label_map)} if pairs else None


def _label_index(tags: Iterable[str], label_map: LabelMap) -> dict[str, int]:
    """The number of every label name of these tags after `label_map`."""
    types = entity_types(tags)
    names = label_names(entity_types(tag for kind in types for tag in map_types([f"B-{kind}"], label_map)))
    return {name: number for number, name in enumerate(names)}


def _encode(tags: Sequence[str], index: Mapping[str, int], label_map: LabelMap) -> list[int]:
    """The numbers of the tags, which are in any scheme, as strict IOB2 after `label_map`."""
    return [index[tag] for tag in map_types(tags, label_map)] if any(tag != "O" for tag in tags) else [0] * len(tags)


NER = RowReader("ner", parse_ner, ner_rows, depends_on=(parse_conll, map_types))
