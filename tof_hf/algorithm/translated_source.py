"""The source data translated word by word for a run, and the report of what that did to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset

from tof_hf.config import TranslationConfig
from tof_hf.data.translation.dictionary import BilingualDictionary
from tof_hf.data.translation.projection import project
from tof_hf.data.translation.words import translate_queries, translate_words
from tof_hf.storage.files import write_json, write_text
from tof_hf.utils.log import say


@dataclass(frozen=True)
class TranslatedData:
    """Translations of the source: NER rows to train and to validate on, questions, and the entity types' queries."""

    dictionary: BilingualDictionary
    source: Dataset
    validation: Dataset
    source_qa: Dataset | None
    queries: dict[str, str]


def translate_source(
    config: TranslationConfig,
    *,
    source: Dataset,
    validation: Dataset,
    source_qa: Dataset | None,
    queries: Mapping[str, str],
    target: Dataset,
    seed: int,
) -> TranslatedData | None:
    """The translated source data; None without a dictionary. Raises DataError for a dictionary that cannot be used."""
    if config.dictionary is None:
        return None
    dictionary = BilingualDictionary.from_file(config.dictionary)
    if config.reverse:
        dictionary = dictionary.reversed()
    if config.choice == "most_frequent":
        dictionary = dictionary.most_frequent_in(target)

    def translated(rows: Dataset) -> Dataset:
        return translate_words(
            rows,
            dictionary,
            copy_types=config.copy_types,
            casing=config.casing,
            target_text=target,
            translate_queries=config.translate_queries,
            seed=seed,
        )

    return TranslatedData(
        dictionary=dictionary,
        source=translated(source),
        validation=translated(validation),
        source_qa=None if source_qa is None else translated(source_qa),
        queries=translate_queries(queries, dictionary) if config.translate_queries else dict(queries),
    )


def report_translation(
    before: Mapping[str, Dataset | None], data: TranslatedData, config: TranslationConfig, folder: Path
) -> None:
    """Write how the `source`, `validation` and `source_qa` rows were translated: a JSON file and a page for each."""
    for name, rows in before.items():
        if rows is None:
            continue
        projection = project(rows, getattr(data, name), data.dictionary, copy_types=config.copy_types)
        write_json(folder / f"{name}.json", projection.as_dict())
        write_text(folder / f"{name}.md", projection.to_markdown(f"Translation of {name}"))
        say(f"translated {name}: the dictionary knows {projection.coverage:.1%} of {projection.words:,} words")
