"""NER -> MRC (paper 4.2, after Li et al. 2020): one question per entity type over every sentence."""

from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path

from datasets import Dataset

from tof_hf.config.yaml import packaged_yaml, read_yaml
from tof_hf.data.features import MRC_FEATURES
from tof_hf.data.labels import entity_types, spans_from_tags, split_tag
from tof_hf.data.mapping import Batch, cached_map
from tof_hf.data.pseudo_labels import UNSURE
from tof_hf.data.type_names import hint
from tof_hf.errors import ConfigError, DataError, as_data_error


def load_queries(queries: str | Path | Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the question for every entity type.

    Args:
        queries: A YAML file or a mapping from entity type to question; these override the package's English questions.

    Returns:
        Questions by entity type.

    Raises:
        DataError: The file is missing or unreadable, or a value is not a question.

    Example:
        >>> load_queries({"LOC": "Welche Orte werden genannt?"})["LOC"]
        "Welche Orte werden genannt?"
    """
    path = None if queries is None or isinstance(queries, Mapping) else Path(queries)
    if path is not None and not path.is_file():
        raise DataError("no such file", fix="name a YAML file with lines like `LOC: question`", path=path)
    package = packaged_yaml("tof_hf.data", "queries/en.yaml")
    with as_data_error("no YAML in UTF-8", ConfigError, fix="correct the file.", path=path):
        own = (queries or {}) if path is None else read_yaml(path)
    if not isinstance(own, Mapping) or not all(isinstance(v, str) and v.strip() for v in own.values()):
        raise DataError(
            "queries that are not a mapping from entity type to a question",
            fix="write one line per type, e.g. `LOC: Which places are named?`",
            path=path,
        )
    return package | {str(label): question for label, question in own.items()}


def ner_to_mrc(dataset: Dataset, queries: str | Path | Mapping[str, str] | None = None) -> Dataset:
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
    for label in types:
        if label not in queries:
            raise DataError(
                f"no query for the entity type {label!r} (there are: {', '.join(queries)})",
                fix=f"add a line `{label}: <what an annotator should look for>` to your queries, or rename types with "
                f"label_map{hint(types, queries)}",
            )
    return cached_map(
        dataset,
        _mrc_rows,
        features=MRC_FEATURES,
        description="NER to MRC",
        names=names,
        queries={label: query for label, query in queries.items() if label in types},
    )


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
