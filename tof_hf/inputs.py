"""All data of a run, read and checked before any training; the target's gold labels stay apart from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from datasets import Dataset

from tof_hf.config import DataFile, TofConfig
from tof_hf.data.conversion import load_queries
from tof_hf.data.labels import entity_types, label_names
from tof_hf.data.mixing import cap, mix
from tof_hf.data.sources import align_labels, read_mrc, read_ner, read_text


@dataclass(frozen=True)
class TofData:
    """What training may see. In the paper's words: source D_s,n, target text D_t,no, questions D_s,m and D_t,m."""

    label_names: list[str]
    queries: dict[str, str]
    source: Dataset
    validation: Dataset
    target: Dataset
    target_test: Dataset | None
    source_qa: Dataset | None
    validation_qa: Dataset | None
    target_qa: Dataset | None


def read_data(config: TofConfig) -> TofData:
    """Everything that training needs; the target's labels, if its file has any, are dropped at once."""
    source = _ner(config.source.train, config)
    names = label_names(config.labels or entity_types(source.features["ner_tags"].feature.names))
    return TofData(
        label_names=names,
        queries=load_queries(config.queries),
        source=align_labels(source, names),
        validation=align_labels(_ner(config.source.validation, config), names),
        target=_together(config.target.text, config, read_text, ("columns", "encoding", "format", "split")),
        target_test=_together(config.target.test_text, config, read_text, ("columns", "encoding", "format", "split")),
        source_qa=_questions(config.source.mrc, config),
        validation_qa=_questions(config.source.mrc_validation, config),
        target_qa=_questions(config.target.mrc, config),
    )


def read_gold(config: TofConfig, names: Sequence[str]) -> dict[str, Dataset]:
    """The labelled data that only the scorer sees, by split: `target` if gold is named, `source_test` likewise."""
    files = {"target": config.target.gold, "source_test": config.source.test}
    return {split: align_labels(_ner(file, config), names) for split, file in files.items() if file is not None}


def _ner(file: DataFile, config: TofConfig) -> Dataset:
    dataset = read_ner(
        file.path,
        columns=file.columns,
        encoding=file.encoding,
        scheme=file.scheme,
        label_map=_both_maps(file.label_map, config.label_map),
        split=file.split,
    )
    return cap(dataset, file.limit, seed=config.seed)


def _both_maps(first: str | dict[str, str] | None, then: str | dict[str, str] | None) -> str | dict[str, str] | None:
    """A file's own renaming followed by that of the whole run."""
    if "span" in (first, then):
        return "span"
    first, then = first or {}, then or {}
    return {**then, **{old: then.get(new, new) for old, new in first.items()}} or None


def _questions(files: Sequence[DataFile], config: TofConfig) -> Dataset | None:
    return _together(files, config, read_mrc, ("encoding", "split", "exclude_contexts_of"))


def _together(files: Sequence[DataFile], config: TofConfig, read, options: Sequence[str]) -> Dataset | None:
    """All files with one reader, each capped at its limit."""
    parts = []
    for file in files:
        given = {name: value for name, value in vars(file).items() if name in options}
        parts.append(cap(read(file.path, **given), file.limit, seed=config.seed))
    return mix(parts) if parts else None

