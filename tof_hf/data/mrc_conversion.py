"""NER -> MRC (paper 4.2, after Li et al. 2020): one question per entity type over every sentence."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import accumulate
from pathlib import Path

from datasets import Dataset

from tof_hf.config.yaml import packaged_yaml, read_yaml
from tof_hf.data.features import MRC_FEATURES, ner_features
from tof_hf.data.labels import UNTYPED, entity_types, label_names, spans_from_tags, split_tag
from tof_hf.data.mapping import Batch, cached_map
from tof_hf.data.pseudo_labels import UNSURE
from tof_hf.data.type_names import hint
from tof_hf.errors import ConfigError, DataError, as_data_error

Queries = str | Path | Mapping[str, str] | None


def packaged_names() -> list[str]:
    """The names of the queries that come with the package: languages (`es`) and sets of types (`ontonotes`)."""
    return sorted(file.name.removesuffix(".yaml") for file in (files("tof_hf.data") / "queries").iterdir())


def packaged_queries(name: str) -> dict[str, str]:
    """The queries of this name that come with the package."""
    return packaged_yaml("tof_hf.data", f"queries/{name}.yaml")


def load_queries(queries: Queries = None, *, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the question for every entity type.

    Args:
        queries: A YAML file, a mapping from entity type to question, or the name of queries of the package: a language
            such as `es`, or a set of types such as `ontonotes`.
        base: The questions that these override; None takes the English ones of the package.

    Returns:
        Questions by entity type.

    Raises:
        DataError: The file is missing or unreadable, or a value is not a question.

    Example:
        >>> load_queries("de")["PER"]
        "Personen sind Namen von Personen oder Familien."
    """
    path = None if queries is None or isinstance(queries, Mapping) else Path(queries)
    if path is None:
        own = queries or {}
    elif path.is_file():
        with as_data_error("no YAML in UTF-8", ConfigError, fix="correct the file.", path=path):
            own = read_yaml(path)
    elif str(path) in packaged_names():
        own = packaged_queries(str(path))
    else:
        names = ", ".join(packaged_names())
        fix = f"name a YAML file with lines like `LOC: question`, or queries of the package: {names}"
        raise DataError("no such file", fix=fix, path=path)
    if not isinstance(own, Mapping) or not all(isinstance(v, str) and v.strip() for v in own.values()):
        raise DataError(
            "queries that are not a mapping from entity type to a question",
            fix="write one line per type, e.g. `LOC: Which places are named?`",
            path=path,
        )
    return dict(packaged_queries("en") if base is None else base) | {
        str(label): question for label, question in own.items()
    }


def without_query(types: Sequence[str], queries: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The types without a query, and the queries of the package (`ontonotes`) that have one for each of them."""
    missing = [label for label in types if label not in queries]
    names = packaged_names() if missing else []
    return missing, [name for name in names if packaged_queries(name).keys() >= set(missing)]


def ner_to_mrc(dataset: Dataset, queries: Queries = None) -> Dataset:
    """Return MRC rows, one for each sentence and entity type (paper 4.2, Guideline III; Algorithm 1, line 11).

    All entities of the type are the row's spans; sentences without one are kept as negatives. Tags are repaired to
    IOB2 first. Where a column `ner_unsure` is true for words of an entity, the questions for its type are left out;
    if such a word is outside all entities, so are all questions of the sentence, as it could answer any of them.

    Args:
        dataset: NER rows.
        queries: See `load_queries`; the order of the questions is the order of the types.

    Returns:
        Rows with `id`, `question`, `context` (the words joined by single spaces), `spans` (`start` and `end` in
        characters, end exclusive) and `label`.

    Raises:
        DataError: The rows have no labels, or a type has no question.

    Example:
        >>> questions = ner_to_mrc(read_ner("train.txt"))
    """
    queries = load_queries(queries)
    if "ner_tags" not in dataset.column_names:
        raise DataError("rows without ner_tags.", fix="give labelled rows, as read_ner returns them.")
    names = dataset.features["ner_tags"].feature.names
    types = entity_types(names)
    missing, sets = without_query(types, queries)
    if missing:
        ready = f"take those of the package (queries: {' or '.join(sets)}), " if sets else ""
        raise DataError(
            f"no query for the entity type {missing[0]!r} (there are: {', '.join(queries)})",
            fix=f"{ready}add a line `{missing[0]}: <what an annotator should look for>` to your queries, "
            f"or rename types with label_map{hint(types, queries)}",
        )
    return cached_map(
        dataset,
        _mrc_rows,
        features=MRC_FEATURES,
        description="NER to MRC",
        names=names,
        queries={label: query for label, query in queries.items() if label in types},
    )


def merge_types(dataset: Dataset) -> Dataset:
    """NER rows, which are in IOB2, with one type for all entities, ENT; neighbours stay apart."""
    names = dataset.features["ner_tags"].feature.names
    return cached_map(
        dataset.select_columns(["id", "tokens", "ner_tags"]),
        _merged,
        features=ner_features(label_names([UNTYPED])),
        description="Merging types",
        numbers=["OBI".index(split_tag(name)[0]) for name in names],
    )


def _merged(batch: Batch, indices: list[int], *, numbers: list[int]) -> Batch:
    return {**batch, "ner_tags": [[numbers[tag] for tag in tags] for tags in batch["ner_tags"]]}


def _mrc_rows(batch: Batch, indices: list[int], *, names: list[str], queries: dict[str, str]) -> Batch:
    out: Batch = {name: [] for name in MRC_FEATURES}
    unsure = batch.get(UNSURE) or [[]] * len(batch["id"])
    for sentence, tokens, tags, doubts in zip(batch["id"], batch["tokens"], batch["ner_tags"], unsure, strict=True):
        starts = list(accumulate((len(token) + 1 for token in tokens), initial=0))
        entities = spans_from_tags([names[tag] for tag in tags])
        doubtful = {split_tag(names[tag])[1] for tag, doubt in zip(tags, doubts, strict=False) if doubt}
        for k, (label, question) in enumerate(queries.items(), start=1):
            if label in doubtful or "" in doubtful:  # a word outside all entities could answer any question
                continue
            out["id"].append(f"{sentence}.{k}")
            out["question"].append(question)
            out["context"].append(" ".join(tokens))
            out["spans"].append(
                [{"start": starts[e.start], "end": starts[e.end] - 1} for e in entities if e.label == label]
            )
            out["label"].append(label)
    return out
