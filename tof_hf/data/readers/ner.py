"""NER rows: of files in any form, and of tables with words and tags or spans."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from datasets import Dataset, Features

from tof_hf.data.features import EXTRA_FEATURES, PROBABILITIES, ner_features
from tof_hf.data.labels import LabelMap, check_label_map, entity_types, label_names, map_types, spans_from_tags
from tof_hf.data.mapping import Batch, cached_map
from tof_hf.data.readers.columns import TaggedSentence
from tof_hf.data.readers.fields import choose_fields
from tof_hf.data.readers.files import Parsed, RowReader
from tof_hf.data.readers.forms import Reading, read_content
from tof_hf.data.readers.layout import find_layout
from tof_hf.data.readers.records import sentence_of
from tof_hf.data.readers.tables import Table
from tof_hf.data.readers.tagged_text import columns_in_lines
from tof_hf.data.schemes import WrittenTags, detect_scheme, read_tags
from tof_hf.data.words import UNICODE
from tof_hf.errors import DataError

_IO = "IO tags cannot tell apart neighbouring entities of one type: they were read as one"


def parse_ner(
    text: str,
    path: Path,
    *,
    columns: Mapping[str, Any] | None = None,
    scheme: str | None = None,
    labels: Sequence[str] | None = None,
    label_map: LabelMap = None,
    word_rule: str = UNICODE,
    keep: Sequence[str] = (),
) -> Parsed:
    """Return the rows of a file."""
    check_label_map(label_map)
    reading = Reading(path, columns, scheme=scheme, names=labels, word_rule=word_rule, keep=keep)
    read = read_content(text, reading)
    if read is None:
        raise DataError("no tags.", fix="give a file with tags.", path=path)
    sentences = list(read.sentences)
    written_in = read.scheme or detect_scheme(sentence.tags for sentence in sentences)
    index = _label_index({tag for sentence in sentences for tag in sentence.tags}, label_map)
    # Numbers and not names: ClassLabel would look up every tag again.
    rows = [_kept(one, keep) | {"ner_tags": _encode(one.tags, index, label_map)} for one in sentences]
    entities = sum(len(spans_from_tags(sentence.tags)) for sentence in sentences)
    words = sum(len(sentence.tokens) for sentence in sentences)
    counts = f"{read.how}; {len(rows)} sentences, {words} words, {entities} entities in {written_in}, before label_map"
    return _features(index, keep), rows, [counts, *read.warnings, *([_IO] if written_in == "IO" else [])]


def ner_rows(
    table: Table,
    *,
    columns: Mapping[str, Any] | None,
    scheme: str | None,
    labels: Sequence[str] | None,
    label_map: LabelMap,
    word_rule: str,
    keep: Sequence[str],
) -> Dataset:
    """Return the rows of a table with words and tags (text, numbers or ClassLabel) or spans. Raises `DataError`."""
    check_label_map(label_map)
    existing, error_of = table.dataset.column_names, table.origin.error
    fields = choose_fields(
        table.sample((columns or {}).values()),
        columns=columns,
        names=labels,
        word_rule=word_rule,
        existing=existing,
        error=error_of,
    )
    classes = table.class_names(fields.ner_tags)
    fields = replace(fields, names=labels or classes, keep=keep)
    rows = table.sentences(fields)
    lists = rows.with_format("arrow")["ner_tags"][:]
    found = {one["values"]: one["counts"] for one in pc.value_counts(pc.list_flatten(lists)).to_pylist()}
    if fields.ner_tags is None:
        written = WrittenTags({tag: tag for tag in found})
    else:
        counts = dict.fromkeys(classes or (), 0) | found

        def error(tag: str, found: str, fix: str) -> DataError:
            records = enumerate(table.dataset)
            row = next((row for row, one in records if (read := sentence_of(one, fields)) and tag in read.tags), None)
            return error_of(found, fix, row)

        written = read_tags(counts, scheme, error=error)
    if written.scheme == "IO":
        table.origin.note("tags of the scheme IO", [_IO])
    index = _label_index(written.meaning.values(), label_map)
    return cached_map(
        rows,
        _numbered,
        features=_features(index, keep),
        description="Reading tags",
        depends_on=(_encode, map_types),
        meaning=dict(written.meaning),
        index=index,
        label_map=label_map,
    )


def _numbered(
    batch: Batch,
    indices: list[int],
    *,
    meaning: Mapping[str, str],
    index: Mapping[str, int],
    label_map: LabelMap,
) -> Batch:
    tags = [_encode([meaning[tag] for tag in tags], index, label_map) for tags in batch["ner_tags"]]
    return {**batch, "ner_tags": tags}


def _kept(sentence: TaggedSentence, keep: Sequence[str]) -> dict[str, Any]:
    """The row without tags; a column file has no text, and is sure of all words."""
    default = {"text": None, PROBABILITIES: [1.0] * len(sentence.tokens)}
    return sentence.row | {name: sentence.extra.get(name, default[name]) for name in keep}


def _features(index: Mapping[str, int], keep: Sequence[str]) -> Features:
    return Features(ner_features(list(index)) | {name: EXTRA_FEATURES[name] for name in keep})


def _label_index(tags: Iterable[str], label_map: LabelMap) -> dict[str, int]:
    """The number of every label name of these tags after `label_map`."""
    types = entity_types(tags)
    names = label_names(entity_types(tag for kind in types for tag in map_types([f"B-{kind}"], label_map)))
    return {name: number for number, name in enumerate(names)}


def _encode(tags: Sequence[str], index: Mapping[str, int], label_map: LabelMap) -> list[int]:
    """The numbers of the tags, which are in any scheme, as strict IOB2 after `label_map`."""
    return [index[tag] for tag in map_types(tags, label_map)] if any(tag != "O" for tag in tags) else [0] * len(tags)


NER = RowReader(
    "ner",
    parse_ner,
    ner_rows,
    depends_on=(read_content, find_layout, sentence_of, choose_fields, columns_in_lines, read_tags, map_types),
)
