"""Every data file of a run read on its own, so that one that is wrong does not hide the next."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
from datasets import Dataset

from tof_hf.check.report import FileFacts
from tof_hf.config import DataFile, TofConfig
from tof_hf.data.labels import entity_types
from tof_hf.data.readers.columns import is_markup, split_columns
from tof_hf.data.readers.files import read_text_file
from tof_hf.data.readers.text import detect_format
from tof_hf.errors import TofError
from tof_hf.run.inputs import Inputs, numbered

FileKind = Literal["ner", "text", "mrc"]


@dataclass(frozen=True)
class ReadFile:
    """A file that was read: its rows, facts about them, and for NER files the types before any label map."""

    file: DataFile
    rows: Dataset
    facts: FileFacts
    raw_types: tuple[str, ...] = ()

    @property
    def types(self) -> list[str]:
        """The entity types that occur in it."""
        return [kind for kind, count in (self.facts.entities or {}).items() if count]


def read_files(inputs: Inputs) -> tuple[list[ReadFile], list[tuple[str, TofError]]]:
    """The files that can be read, and the errors of the others by option."""
    read, errors = [], []
    for option, file, kind in named_files(inputs.config):
        try:
            read.append(_read(inputs, option, file, kind))
        except TofError as error:
            errors.append((option, error))
    return read, errors


def named_files(config: TofConfig) -> Iterator[tuple[str, DataFile, FileKind]]:
    """Every data file that a run would read: its option, itself, and what it holds."""
    source, target = config.source, config.target
    named: list[tuple[str, DataFile | Sequence[DataFile] | None, FileKind]] = [
        ("source.train", source.train, "ner"),
        ("source.validation", source.validation, "ner"),
        ("source.test", source.test, "ner"),
        ("target.gold", target.gold, "ner"),
        ("target.text", target.text, "text"),
        ("target.test_text", target.test_text if config.mlm.include_target_test else None, "text"),
        ("source.mrc", source.mrc, "mrc"),
        ("source.mrc_validation", source.mrc_validation, "mrc"),
        ("target.mrc", target.mrc, "mrc"),
    ]
    for option, files, kind in named:
        for name, file in numbered(option, [files] if isinstance(files, DataFile) else files or []):
            yield name, file, kind


def _read(inputs: Inputs, option: str, file: DataFile, kind: FileKind) -> ReadFile:
    rows = inputs.one(option, file, kind)
    raw_types: tuple[str, ...] = ()
    if kind == "ner":
        mapped = file.label_map is not None or inputs.config.label_map is not None
        raw = inputs.one(option, file, kind, mapped=False) if mapped else rows
        raw_types = tuple(name for name, count in entities(raw).items() if count)
    dataset = inputs.datasets.get(file.path)
    facts = FileFacts(
        option=option,
        path=file.path,
        kind=kind,
        columns=columns_of(file, kind) if dataset is None else tuple(dataset.column_names),
        rows=len(rows),
        words=None if kind == "mrc" else sum(map(len, rows["tokens"][:])),
        entities=entities(rows) if kind == "ner" else None,
        answers=sum(map(len, rows["spans"][:])) if kind == "mrc" else None,
    )
    return ReadFile(file, rows, facts, raw_types)


def entities(rows: Dataset) -> dict[str, int]:
    """Entities of each type in NER rows, which are in IOB2."""
    names = rows.features["ner_tags"].feature.names
    counts = Counter(chain.from_iterable(rows["ner_tags"][:]))
    return {kind: counts[names.index(f"B-{kind}")] for kind in entity_types(names)}


def columns_of(file: DataFile, kind: FileKind) -> tuple[str, ...]:
    """The names of a table's columns, or the numbers of a column file's; empty for other files."""
    path = Path(file.path).expanduser()
    if kind == "mrc" or not path.is_file() or path.suffix == ".json":
        return ()
    if path.suffix == ".parquet":
        return tuple(pq.read_schema(path).names)
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8-sig") as rows:
            return tuple(json.loads(next(row for row in rows if row.strip())))
    text = read_text_file(path, file.encoding)
    if kind == "text" and (file.format or detect_format(text)) == "lines":
        return ()
    lines = (line for line in text.split("\n") if line.strip())
    first = next(line for line in lines if not is_markup(split_columns(line), line, inside=False))
    return tuple(str(number) for number in range(len(split_columns(first))))
