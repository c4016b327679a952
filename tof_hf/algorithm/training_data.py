"""The data of a run, its translation, and the rows of it that each stage trains and is selected on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset

from tof_hf.config import DistillationConfig, MlmConfig, MrcConfig, NerConfig, TranslationConfig
from tof_hf.config.row_kinds import RowKind
from tof_hf.data.label_joining import OtherLabels
from tof_hf.data.labels import UNTYPED
from tof_hf.data.mixing import cap, mix
from tof_hf.data.mrc_conversion import merge_types, ner_to_mrc
from tof_hf.data.translation.dictionary import BilingualDictionary
from tof_hf.data.translation.projection import project
from tof_hf.data.translation.words import translate_queries, translate_words
from tof_hf.errors import TargetLabelLeak
from tof_hf.storage.files import write_json, write_text
from tof_hf.utils.log import say

TRANSLATED = ("source", "validation", "source_qa")  # the data of a run that is translated


@dataclass(frozen=True)
class TranslatedData:
    """Translations of the source: NER rows to train and to validate on, questions, and the entity types' queries."""

    dictionary: BilingualDictionary
    source: Dataset
    validation: Dataset
    source_qa: Dataset | None
    queries: dict[str, str]


@dataclass(frozen=True)
class TofData:
    """The data that training may see; in the paper: source D_s,n, target text D_t,no, questions D_s,m and D_t,m.

    `queries` ask for the entities of source sentences, `target_queries` for those of the target and of translations.
    `other_labels`: machine-made labels of the target text, which are not the paper's.
    """

    label_names: list[str]
    queries: dict[str, str]
    target_queries: dict[str, str]
    source: Dataset
    validation: Dataset
    target: Dataset
    target_test: Dataset | None
    source_qa: Dataset | None
    validation_qa: Dataset | None
    target_qa: Dataset | None
    translated: TranslatedData | None = None
    other_labels: tuple[OtherLabels, ...] = ()

    def __post_init__(self) -> None:
        for name in ("target", "target_test"):
            rows = self.__dict__[name]
            labels = [] if rows is None else sorted(set(rows.column_names) - {"id", "tokens"})
            if labels:
                raise TargetLabelLeak(
                    f"{name} has the columns {', '.join(labels)}, but only the words of the target's text may reach "
                    "training. What to do: read it with read_text, which drops labels."
                )


def translate_source(data: TofData, file: str, config: TranslationConfig, *, seed: int) -> TranslatedData:
    """The source translated word by word with the dictionary in the file. Raises DataError if it cannot be used."""
    dictionary = BilingualDictionary.from_file(file)
    if config.reverse:
        dictionary = dictionary.reversed()
    if config.choice == "most_frequent":
        dictionary = dictionary.most_frequent_in(data.target)

    def translated(rows: Dataset) -> Dataset:
        return translate_words(
            rows,
            dictionary,
            copy_types=config.copy_types,
            casing=config.casing,
            target_text=data.target,
            translate_queries=config.translate_queries,
            seed=seed,
        )

    return TranslatedData(
        dictionary=dictionary,
        source=translated(data.source),
        validation=translated(data.validation),
        source_qa=None if data.source_qa is None else translated(data.source_qa),
        queries=translate_queries(data.queries, dictionary) if config.translate_queries else data.target_queries,
    )


def report_translation(data: TofData, translated: TranslatedData, config: TranslationConfig, folder: Path) -> None:
    """Write how the `source`, `validation` and `source_qa` rows were translated: a JSON file and a page for each."""
    for name in TRANSLATED:
        rows = getattr(data, name)
        if rows is None:
            continue
        projection = project(rows, getattr(translated, name), translated.dictionary, copy_types=config.copy_types)
        write_json(folder / f"{name}.json", projection.model_dump())
        write_text(folder / f"{name}.md", projection.to_markdown(f"Translation of {name}"))
        say(f"translated {name}: the dictionary knows {projection.coverage:.1%} of {projection.words:,} words")


def mlm_target(config: MlmConfig, data: TofData) -> Dataset:
    """The target sentences of MLM: D_t,no, and those of the test text if `include_target_test` asks for them."""
    test = data.target_test if config.include_target_test else None
    return data.target if test is None else mix([data.target, test], columns=["id", "tokens"])


def mrc_questions(config: MrcConfig, data: TofData, pseudo: Dataset | None, *, seed: int) -> dict[RowKind, Dataset]:
    """The questions of an MRC stage by kind: {D_t,m, D_s,m, D_s,nm} and their translations, or pseudo-MRC."""
    translated = data.translated
    answered = {
        RowKind.TARGET_QA: data.target_qa,
        RowKind.SOURCE_QA: data.source_qa,
        RowKind.NER_MRC: data.source,
        RowKind.PSEUDO_MRC: pseudo,
        RowKind.TRANSLATED_QA: translated and translated.source_qa,
        RowKind.TRANSLATED_NER_MRC: translated and translated.source,
    }
    questions = _sampled(config, answered, seed=seed)
    for kind in questions.keys() & {RowKind.NER_MRC, RowKind.PSEUDO_MRC, RowKind.TRANSLATED_NER_MRC}:
        questions[kind] = ner_to_mrc(questions[kind], _queries(data, kind))
    return questions


def _queries(data: TofData, kind: RowKind) -> dict[str, str]:
    """What asks for the entities of rows of this kind."""
    if kind is RowKind.NER_MRC:
        return data.queries
    return data.translated.queries if data.translated and kind.is_translated else data.target_queries


def mrc_validation(config: MrcConfig, data: TofData, *, seed: int) -> dict[str, Dataset]:
    """Source questions: those made of source validation sentences, and question-answering data if there is some."""
    sentences = cap(data.validation, config.max_validation, seed=seed)
    held_out = {"ner_mrc": ner_to_mrc(sentences, data.queries)}
    return held_out if data.validation_qa is None else held_out | {"qa": data.validation_qa}


def distant_questions(
    config: MrcConfig, data: TofData, *, typed: bool, seed: int, validation_seed: int
) -> tuple[dict[RowKind, Dataset], dict[str, Dataset]]:
    """Questions about labels from elsewhere, and source ones to select on: for each type, or one for any entity.

    The labels say nothing about types that they do not have, so those are not asked for.
    """
    questions = []
    for labels in data.other_labels:
        rows = cap(labels.rows, config.max_pseudo_mrc, seed=seed)
        asked = ner_to_mrc(rows if typed else merge_types(rows), data.target_queries)
        types = labels.types if typed else {UNTYPED}
        questions.append(asked.select([row for row, label in enumerate(asked["label"]) if label in types]))
    sentences = cap(data.validation, config.max_validation, seed=validation_seed)
    held_out = ner_to_mrc(sentences if typed else merge_types(sentences), data.queries)
    return {RowKind.DISTANT_MRC: mix(questions)}, {"ner_mrc": held_out}


def ner_sentences(config: NerConfig, data: TofData, pseudo: Dataset | None, *, seed: int) -> dict[RowKind, Dataset]:
    """The sentences of a NER stage by kind: D_s,n and its translation, pseudo-labelled D_t,no."""
    translated = data.translated and data.translated.source
    labelled = {RowKind.SOURCE: data.source, RowKind.TRANSLATED: translated, RowKind.PSEUDO: pseudo}
    sentences = _sampled(config, labelled, seed=seed)
    if not config.equal_sizes:
        return sentences
    least = min(map(len, sentences.values()))
    return {
        kind: rows if kind is RowKind.SOURCE else cap(rows, least, seed=_seed_for(kind, seed))
        for kind, rows in sentences.items()
    }


def ner_validation(config: NerConfig | DistillationConfig, data: TofData, *, seed: int) -> dict[str, Dataset]:
    """Source validation sentences, and their translations where `validate_translated` is on."""
    held_out = {"source": data.validation}
    if data.translated is not None and config.validate_translated:
        held_out["translated"] = data.translated.validation
    return {name: cap(rows, config.max_validation, seed=seed) for name, rows in held_out.items()}


def _sampled(
    config: MrcConfig | NerConfig, data: Mapping[RowKind, Dataset | None], *, seed: int
) -> dict[RowKind, Dataset]:
    """The rows of each kind that the stage uses and that there are, as many as it takes of them."""
    return {
        kind: cap(rows, config.most(kind), seed=_seed_for(kind, seed))
        for kind, rows in data.items()
        if rows is not None and config.uses(kind)
    }


def _seed_for(kind: RowKind, seed: int) -> int:
    """The seed for a sample of these rows; translations get another, so that they are of other sentences."""
    return seed + 1 if kind.is_translated else seed
