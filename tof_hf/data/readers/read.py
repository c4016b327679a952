"""The public readers: files, folders, Hub ids and datasets -> rows in one form."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from typing import Any, Literal

from datasets import ClassLabel, Dataset, List, concatenate_datasets

from tof_hf.data.features import PROBABILITIES
from tof_hf.data.labels import LabelMap, entity_types, label_names
from tof_hf.data.mapping import cached_map
from tof_hf.data.readers.loading import Source, read_parts
from tof_hf.data.readers.mrc import MRC
from tof_hf.data.readers.ner import NER
from tof_hf.data.readers.text import TEXT
from tof_hf.data.type_names import hint
from tof_hf.data.words import UNICODE, check_rule
from tof_hf.errors import DataError

logger = logging.getLogger(__name__)

FileKind = Literal["ner", "text", "mrc"]  # what a data file holds
# SQuAD, XQuAD and MLQA share these ids between languages; other ids may be equal by accident.
_SHARED_ID = re.compile(r"[0-9a-f]{24,}")


def read_ner(
    path_or_dataset: Source,
    *,
    columns: Mapping[str, Any] | None = None,
    encoding: str | None = None,
    scheme: str | None = None,
    labels: Sequence[str] | None = None,
    label_map: LabelMap = None,
    word_rule: str = UNICODE,
    keep_text: bool = False,
    scores: bool = False,
    split: str | None = None,
) -> Dataset:
    """Return NER rows in strict IOB2 (paper 4.2).

    Args:
        path_or_dataset: A column file of any layout, JSON, JSON lines, CSV (all also as .gz), Parquet, a folder, a Hub
            id ("owner/name" or "owner/name:config"), a `Dataset`, or a list of those, which are concatenated over all
            their labels.
        columns: Where words and tags are: indices in column files, such as `{"tokens": 0, "ner_tags": -1}`, else the
            names of `tokens` or `text` and of `ner_tags` or `spans`. None finds them.
        encoding: Of text files; None detects UTF-8, Windows-1252 or Latin-1.
        scheme: IO, IOB1, IOB2 (BIO), IOE, BIOES (IOBES), BILOU or BMES; every tag is checked. None detects it.
        labels: The names of tags that are numbers, in the order of the numbers.
        label_map: `{"OTHER": "MISC"}` renames a type, `{"MISC": "O"}` drops one, `"span"` makes all of them ENT.
        word_rule: How a text with spans is split into words; as in `read_text`.
        keep_text: Also keep the text of each row that has one, in a column `text`.
        scores: Also return `ner_probabilities`, a number from 0 to 1 for each word: the `score` of its entity, or its
            own in a column `ner_probabilities`, `probabilities` or `scores`; 1 where there is none.
        split: The split of a source with several.

    Returns:
        Rows with `id`, `tokens` and `ner_tags` (ClassLabel: O, B-X, I-X, ... with the types sorted).

    Raises:
        DataError: The input cannot be used; the error names file, line and what to change.

    Example:
        >>> rows = read_ner("esp.train", label_map={"OTHER": "MISC"})
    """
    names = None if labels is None else list(labels)
    check_rule(word_rule)
    parts = read_parts(
        path_or_dataset,
        NER,
        split=split,
        encoding=encoding,
        columns=_checked_columns(columns),
        scheme=scheme,
        labels=names,
        label_map=_plain(label_map),
        word_rule=word_rule,
        keep=[name for name, kept in (("text", keep_text), (PROBABILITIES, scores)) if kept],
    )
    types = {kind for part in parts for kind in entity_types(_names(part))}
    if not types:
        logger.warning("no entity in %s", path_or_dataset)
    return _joined([align_labels(part, label_names(types)) for part in parts])


def read_text(
    path_or_dataset: Source,
    *,
    columns: Mapping[str, Any] | None = None,
    encoding: str | None = None,
    format: str | None = None,
    word_rule: str = UNICODE,
    split: str | None = None,
) -> Dataset:
    """Return unlabelled rows; tags are dropped while reading (D_t,no in the paper; 4.2).

    Args:
        path_or_dataset: What `read_ner` reads, text files with a sentence a line, and tables with `tokens` or `text`.
        columns: As in `read_ner`; `{"text": name}` names a column of sentences.
        encoding: As in `read_ner`.
        format: Of text files: "conll" (one word a line) or "lines" (one sentence a line); None detects it.
        word_rule: How sentences are split into words: "unicode", "whitespace", "characters" or "spacy:xx".
        split: The split of a source with several.

    Returns:
        Rows with `id` and `tokens`.

    Raises:
        DataError: The input cannot be used.

    Example:
        >>> sentences = read_text("tweets.txt", format="lines")
    """
    check_rule(word_rule)
    options = {"columns": _checked_columns(columns), "format": format, "word_rule": word_rule}
    return _joined(read_parts(path_or_dataset, TEXT, split=split, encoding=encoding, **options))


def read_mrc(
    path_or_dataset: Source,
    *,
    encoding: str | None = None,
    split: str | None = None,
    exclude_contexts_of: Source | None = None,
) -> Dataset:
    """Return MRC rows, all data sets in one form (paper 4.2).

    Several `answers` are annotations of one answer, and the most frequent is kept. An answer that is not at its offset
    is moved to its only occurrence in the context; without one it is dropped, and so is a question without answers
    left. The counts are logged.

    Args:
        path_or_dataset: SQuAD-format JSON (SQuAD v1 and v2, XQuAD, MLQA, SQuAD-es), TweetQA's JSON, rows in our form
            (JSON, JSON lines, Parquet, `Dataset`), the Hub's SQuAD form, or a list of those.
        encoding: As in `read_ner`.
        split: The split of a source with several.
        exclude_contexts_of: Other MRC data; its paragraphs are dropped (the same text, or a question with the same
            SQuAD id).

    Returns:
        Rows with `id`, `question`, `context`, `spans` (`start` and `end` in characters, end exclusive; empty means no
        answer) and `label` (entity type or None).

    Raises:
        DataError: The input cannot be used.

    Example:
        >>> questions = read_mrc("train-v1.1.json", exclude_contexts_of="xquad.es.json")
    """
    rows = _joined(read_parts(path_or_dataset, MRC, split=split, encoding=encoding))
    return rows if exclude_contexts_of is None else _without(rows, read_mrc(exclude_contexts_of, encoding=encoding))


def align_labels(dataset: Dataset, label_names: Sequence[str]) -> Dataset:
    """Return the NER rows with `ner_tags` numbered as in `label_names`, matched by name.

    Args:
        dataset: NER rows.
        label_names: All label names, such as `["O", "B-LOC", "I-LOC"]`; types that never occur may be missing.

    Returns:
        The same rows with the new numbers.

    Raises:
        DataError: A type that occurs is missing, or the rows have no labels.

    Example:
        >>> test = align_labels(test, train.features["ner_tags"].feature.names)
    """
    names = _names(dataset)
    wanted = list(label_names)
    if names == wanted:
        return dataset
    missing = {number for number, name in enumerate(names) if name not in wanted}
    if missing:
        used = {tag for tags in dataset["ner_tags"][:] for tag in tags}
        unknown = entity_types(names[number] for number in missing & used)
        if unknown:
            known = entity_types(wanted)
            raise DataError(
                f"entity types {', '.join(unknown)}, which are not among {', '.join(known)}.",
                fix=f"rename or drop them with label_map{hint(unknown, known)}, or name all types in labels.",
            )
    features = dataset.features.copy()
    features["ner_tags"] = List(ClassLabel(names=wanted))
    numbers = [wanted.index(name) if name in wanted else 0 for name in names]
    return cached_map(dataset, _renumbered, features=features, description="Aligning labels", numbers=numbers)


def unlabelled(dataset: Dataset) -> Dataset:
    """Return the rows with `id` and `tokens` only.

    Args:
        dataset: Rows of any kind with these two columns.

    Returns:
        The same sentences without labels.

    Example:
        >>> text = unlabelled(read_ner("train.txt"))
    """
    return dataset.select_columns(["id", "tokens"])


def _renumbered(batch: dict[str, list], indices: list[int], *, numbers: Sequence[int]) -> dict[str, list]:
    return {**batch, "ner_tags": [[numbers[tag] for tag in tags] for tags in batch["ner_tags"]]}


def _names(dataset: Dataset) -> list[str]:
    feature = dataset.features.get("ner_tags")
    if not isinstance(feature, List) or not isinstance(feature.feature, ClassLabel):
        raise DataError("rows without ner_tags of ClassLabel.", fix="read them with read_ner first.")
    return list(feature.feature.names)


def _plain(value: Any) -> Any:
    # As a dict, any mapping can be part of a cache key.
    return dict(value) if isinstance(value, Mapping) else value


def _checked_columns(columns: Any) -> dict[str, Any] | None:
    if columns is not None and not isinstance(columns, Mapping):
        raise DataError(f"columns={columns!r}.", fix="give a mapping, as in columns: {tokens: 0, ner_tags: -1}.")
    return _plain(columns)


def _joined(parts: Sequence[Dataset]) -> Dataset:
    """The parts one after the other; if two parts share an id, all ids get the part's number in front."""
    if len(parts) == 1:
        return parts[0]
    rows = concatenate_datasets(list(parts))
    ids = rows["id"][:]
    if len(set(ids)) == len(ids):
        return rows
    numbers = chain.from_iterable(repeat(number, len(part)) for number, part in enumerate(parts))
    numbered = [f"{number}:{row_id}" for number, row_id in zip(numbers, ids, strict=True)]
    return rows.remove_columns("id").add_column("id", numbered).select_columns(rows.column_names)


def _without(rows: Dataset, others: Dataset) -> Dataset:
    contexts = set(others["context"][:])
    shared = {row_id for row_id in others["id"][:] if _SHARED_ID.fullmatch(row_id)}
    here = rows["context"][:]
    contexts |= {context for context, row_id in zip(here, rows["id"][:], strict=True) if row_id in shared}
    rest = [number for number, context in enumerate(here) if context not in contexts]
    logger.info(
        "%d of %d questions dropped with the %d paragraphs that exclude_contexts_of names",
        len(rows) - len(rest),
        len(rows),
        len(contexts.intersection(here)),
    )
    if not rest:
        raise DataError("no question outside exclude_contexts_of.", fix="give other data, or exclude less.")
    return rows.select(rest)
