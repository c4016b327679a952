"""The data of a run, and the rows of it that each stage trains and is selected on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from datasets import Dataset

from tof_hf.algorithm.translated_source import TranslatedData
from tof_hf.config import DistillationConfig, MrcConfig, NerConfig
from tof_hf.data.mixing import cap
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.errors import TargetLabelLeak


@dataclass(frozen=True)
class TofData:
    """The data that training may see; in the paper: source D_s,n, target text D_t,no, questions D_s,m and D_t,m."""

    label_names: list[str]
    queries: dict[str, str]
    source: Dataset
    validation: Dataset
    target: Dataset
    target_test: Dataset | None
    source_qa: Dataset | None
    validation_qa: Dataset | None
    target_qa: Dataset | None
    translated: TranslatedData | None

    def __post_init__(self) -> None:
        for name in ("target", "target_test"):
            rows = self.__dict__[name]
            labels = [] if rows is None else sorted(set(rows.column_names) - {"id", "tokens"})
            if labels:
                raise TargetLabelLeak(
                    f"{name} has the columns {', '.join(labels)}, but only the words of the target's text may reach "
                    "training. What to do: read it with read_text, which drops labels."
                )


def mrc_questions(config: MrcConfig, data: TofData, pseudo: Dataset | None, *, seed: int) -> dict[str, Dataset]:
    """The questions of an MRC stage by kind: {D_t,m, D_s,m, D_s,nm} and their translations, or pseudo-MRC."""
    to_mrc = functools.partial(ner_to_mrc, queries=data.queries)
    kinds: dict[str, tuple[bool, int | None, Dataset | None, Callable[[Dataset], Dataset]]] = {
        "target_qa": (config.use_target_qa, config.max_target_qa, data.target_qa, _same),
        "source_qa": (config.use_source_qa, config.max_source_qa, data.source_qa, _same),
        "ner_mrc": (config.use_ner_mrc, config.max_ner_mrc, data.source, to_mrc),
        "pseudo_mrc": (config.use_pseudo_mrc, config.max_pseudo_mrc, pseudo, to_mrc),
    }
    if data.translated is not None:
        asked = functools.partial(ner_to_mrc, queries=data.translated.queries)
        qa, rows = data.translated.source_qa, data.translated.source
        kinds["translated_qa"] = (config.use_translated_qa, config.max_translated_qa, qa, _same)
        kinds["translated_ner_mrc"] = (config.use_translated_ner_mrc, config.max_translated_ner_mrc, rows, asked)
    return {
        name: convert(cap(rows, limit, seed=_seed_for(name, seed)))
        for name, (wanted, limit, rows, convert) in kinds.items()
        if wanted and rows is not None
    }


def mrc_validation(config: MrcConfig, data: TofData, *, seed: int) -> dict[str, Dataset]:
    """Source questions: those made of source validation sentences, and question-answering data if there is some."""
    sentences = cap(data.validation, config.max_validation, seed=seed)
    held_out = {"ner_mrc": ner_to_mrc(sentences, data.queries)}
    return held_out if data.validation_qa is None else held_out | {"qa": data.validation_qa}


def ner_sentences(config: NerConfig, data: TofData, pseudo: Dataset | None, *, seed: int) -> dict[str, Dataset]:
    """The sentences of a NER stage by kind: D_s,n and its translation, pseudo-labelled D_t,no."""
    kinds = {
        "source": (config.use_source, config.max_source, data.source),
        "translated": (config.use_translated, config.max_translated, data.translated and data.translated.source),
        "pseudo": (config.use_pseudo, config.max_pseudo, pseudo),
    }
    sentences = {
        name: cap(rows, limit, seed=_seed_for(name, seed))
        for name, (wanted, limit, rows) in kinds.items()
        if wanted and rows is not None
    }
    if not config.equal_sizes:
        return sentences
    least = min(map(len, sentences.values()))
    return {
        name: rows if name == "source" else cap(rows, least, seed=_seed_for(name, seed))
        for name, rows in sentences.items()
    }


def ner_validation(config: NerConfig | DistillationConfig, data: TofData, *, seed: int) -> dict[str, Dataset]:
    """Source validation sentences, and their translations where `validate_translated` is on."""
    held_out = {"source": data.validation}
    if data.translated is not None and config.validate_translated:
        held_out["translated"] = data.translated.validation
    return {name: cap(rows, config.max_validation, seed=seed) for name, rows in held_out.items()}


def _seed_for(name: str, seed: int) -> int:
    """The seed for a sample of these rows; translations get another, so that they are of other sentences."""
    return seed + 1 if name.startswith("translated") else seed


def _same(dataset: Dataset) -> Dataset:
    return dataset
