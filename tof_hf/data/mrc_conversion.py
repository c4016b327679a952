"""NER -> MRC (paper 4.2, after Li et al. 2020): one question per entity type over every sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from datasets import Dataset

from tof_hf.config.yaml import parse_yaml, read_yaml
from tof_hf.data.label_selection import UNSURE
from tof_hf.data.labels import Span, entity_types, spans_from_tags
from tof_hf.data.mapping import cached_map
from tof_hf.data.readers.answers import MRC_FEATURES
from tof_hf.errors import ConfigError, DataError


def load_queries(queries: str | Path | Mapping[str, str] | None = None) -> dict[str, str]:
    """The question asked for every entity type, from a YAML file or a mapping laid over the package's English ones."""
    package = parse_yaml((files("tof_hf.data") / "queries" / "en.yaml").read_text(encoding="utf-8"), name="en.yaml")
    if queries is None:
        return package
    given = queries
    if not isinstance(queries, Mapping):
        path = Path(queries)
        if not path.is_file():
            raise DataError("no such file", fix="name a YAML file with lines like `LOC: question`", path=path)
        try:
            given = read_yaml(path)
        except ConfigError as problem:
            raise DataError(f"no YAML in UTF-8 ({problem}).", fix="correct the file.", path=path) from problem
    if not isinstance(given, Mapping) or not all(isinstance(v, str) and v.strip() for v in given.values()):
        raise DataError(
            "queries that are not a mapping from entity type to a question",
            fix="write one line per type, e.g. `LOC: Which places are named?`",
            path=None if isinstance(queries, Mapping) else Path(queries),
        )
    return {**package, **{str(key): value for key, value in given.items()}}


def ner_to_mrc(dataset: Dataset, queries: str | Path | Mapping[str, str] | None = None) -> Dataset:
    """MRC rows, one for each sentence and entity type, negatives kept, all entities of the type as its spans.

    The context is the sentence's words joined by single spaces; spans are exact character offsets into it, end
    exclusive. Tags are repaired to IOB2 first. The order of the types is that of the queries. Where words are true in a
    column `ner_unsure`, the questions for the types of their entities are left out, and all of the sentence if such a
    word is in none: it could be the answer to any. Raises DataError if a type of the dataset's labels has no query.
    """
    queries = load_queries(queries)
    if "ner_tags" not in dataset.column_names:
        raise DataError("rows without ner_tags.", fix="give labelled rows, as read_ner returns them.")
    names = dataset.features["ner_tags"].feature.names
    types = entity_types(names)
    for label in types:
        if label not in queries:
            raise DataError(
                f"no query for the entity type {label!r} (there are: {', '.join(queries)})",
                fix=f"add a line `{label}: <what an annotator should look for>` to your queries",
            )
    return cached_map(
        dataset,
        _mrc_rows,
        features=MRC_FEATURES,
        description="NER to MRC",
        names=names,
        queries={label: query for label, query in queries.items() if label in types},
    )


def _mrc_rows(
    batch: dict[str, list], indices: list[int], *, names: list[str], queries: dict[str, str], code: str
) -> dict[str, list]:
    out: dict[str, list] = {name: [] for name in MRC_FEATURES}
    unsure = batch.get(UNSURE) or [[]] * len(batch["id"])
    for sentence, tokens, tags, doubts in zip(batch["id"], batch["tokens"], batch["ner_tags"], unsure, strict=True):
        starts, position = [], 0
        for token in tokens:
            starts.append(position)
            position += len(token) + 1
        entities = spans_from_tags([names[tag] for tag in tags])
        doubtful = _doubtful_types(entities, doubts)
        for k, (label, question) in enumerate(queries.items(), start=1):
            if label in doubtful or None in doubtful:
                continue
            out["id"].append(f"{sentence}.{k}")
            out["question"].append(question)
            out["context"].append(" ".join(tokens))
            out["spans"].append(
                [
                    {"start": starts[e.start], "end": starts[e.end - 1] + len(tokens[e.end - 1])}
                    for e in entities
                    if e.label == label
                ]
            )
            out["label"].append(label)
    return out


def _doubtful_types(entities: Sequence[Span], doubts: Sequence[bool]) -> set[str | None]:
    """The types of entities with an unsure word, and None if such a word is in no entity."""
    if not any(doubts):
        return set()
    kinds: list[str | None] = [None] * len(doubts)
    for entity in entities:
        kinds[entity.start : entity.end] = [entity.label] * (entity.end - entity.start)
    return {kind for kind, doubt in zip(kinds, doubts, strict=True) if doubt}
