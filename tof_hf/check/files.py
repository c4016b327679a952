"""Every data file of a run read on its own, so that one that is wrong does not hide the next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.compute as pc
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

Kind = Literal["ner", "text", "mrc"]


@dataclass(frozen=True)
class ReadFile:
    """A file that was read: its rows, what they are, and for NER files the types before any label map."""

    option: str
    file: DataFile
    rows: Dataset
    facts: FileFacts
    raw_types: tuple[str, ...] = ()


def read_files(inputs: Inputs) -> tuple[list[ReadFile], list[tuple[str, TofError]]]:
    """The files that can be read, and the errors of the others by option."""
    read, errors = [], []
    for option, file, kind in named_files(inputs.config):
        try:
            read.append(_read(inputs, option, file, kind))
        except TofError as error:
            errors.append((option, error))
    return read, errors


def named_files(config: TofConfig) -> Iterator[tuple[str, DataFile, Kind]]:
    """Every data file that a run would read: its option, itself, and what it holds."""
    source, target = config.source, config.target
    labelled = {
        "source.train": source.train,
        "source.validation": source.validation,
        "source.test": source.test,
        "target.gold": target.gold,
    }
    for option, file in labelled.items():
        if file is not None:
            yield option, file, "ner"
    test_text = target.test_text if config.mlm.include_target_test else []
    for option, files in (("target.text", target.text), ("target.test_text", test_text)):
        for name, file in numbered(option, files):
            yield name, file, "text"
    questions = {
        "source.mrc": source.mrc,
        "source.mrc_validation": source.mrc_validation,
        "target.mrc": target.mrc,
    }
    for option, files in questions.items():
        for name, file in numbered(option, files):
            yield name, file, "mrc"


def _read(inputs: Inputs, option: str, file: DataFile, kind: Kind) -> ReadFile:
    rows = inputs.one(option, file, kind)
    raw_types: list[str] = []
    if kind == "ner":
        mapped = file.label_map is not None or inputs.config.label_map is not None
        raw = inputs.one(option, file, kind, mapped=False) if mapped else rows
        raw_types = [name for name, count in entities(raw).items() if count]
    given = inputs.datasets.get(file.path)
    facts = FileFacts(
        option=option,
        path=file.path,
        kind=kind,
        columns=tuple(given.column_names) if given is not None else columns_of(file, kind),
        rows=len(rows),
        words=None if kind == "mrc" else _lengths(rows, "tokens"),
        entities=entities(rows) if kind == "ner" else None,
        answers=_lengths(rows, "spans") if kind == "mrc" else None,
    )
    return ReadFile(option, file, rows, facts, tuple(raw_types))


def entities(rows: Dataset) -> dict[str, int]:
    """Entities of each type in NER rows, which are in IOB2."""
    names = rows.features["ner_tags"].feature.names
    tags = pc.list_flatten(rows.select_columns(["ner_tags"]).with_format("arrow")[:]["ner_tags"]).to_numpy()
    counts = np.bincount(tags, minlength=len(names))
    return {kind: int(counts[names.index(f"B-{kind}")]) for kind in entity_types(names)}


def _lengths(rows: Dataset, column: str) -> int:
    lengths = pc.list_value_length(rows.select_columns([column]).with_format("arrow")[:][column])
    return pc.sum(lengths).as_py() or 0


def columns_of(file: DataFile, kind: Kind) -> tuple[str, ...]:
    """Names of a table's columns, numbers of a column file's; empty where there is nothing like columns."""
    path = Path(file.path).expanduser()
    if kind == "mrc" or not path.is_file() or path.suffix == ".json":
        return ()
    if path.suffix == ".parquet":
        return tuple(pq.read_schema(path).names)
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8-sig") as lines:
            return tuple(json.loads(next(line for line in lines if line.strip())))
    text = read_text_file(path, file.encoding)
    if kind == "text" and (file.format or detect_format(text)) == "lines":
        return ()
    lines = (line for line in text.split("\n") if line.strip())
    first = next(line for line in lines if not is_markup(split_columns(line), line, inside=False))
    return tuple(str(number) for number in range(len(split_columns(first))))
