"""How the two kinds of files of the releases become rows."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from .declaration import RawFile, Task, entities

if TYPE_CHECKING:
    from datasets import Dataset


def read_tagged(path: Path, file: RawFile) -> tuple[Dataset, dict[str, int]]:
    """The NER rows of a column file, and its sentences, tokens and entities of every type."""
    from tof_hf.data import read_ner

    rows = read_ner(path, **file.options)
    names = rows.features["ner_tags"].feature.names
    tags = Counter(names[tag] for tags in rows["ner_tags"][:] for tag in tags)
    types = {name[2:]: tags[name] for name in names if name.startswith("B-") and tags[name]}
    return rows, entities(len(rows), tags.total(), types)


def read_questions(path: Path, file: RawFile) -> tuple[Dataset, dict[str, int]]:
    """The MRC rows of a JSON file, the questions in it, and how many of them were kept."""
    from tof_hf.data import read_mrc
    from tof_hf.data.readers.files import read_text_file

    rows = read_mrc(path, **file.options)
    content = json.loads(read_text_file(path))
    if isinstance(content, dict):
        content = [qa for article in content["data"] for part in article["paragraphs"] for qa in part["qas"]]
    return rows, {"questions": len(content), "kept": len(rows)}


NER = Task(
    "token-classification",
    read_tagged,
    "Words are as in the release. Tags of any scheme became strict IOB2 (`ner_tags`, ClassLabel, types sorted); "
    "lines that hold no word (`-DOCSTART-`, `IMGID:`) were dropped.",
)
MRC = Task(
    "question-answering",
    read_questions,
    "`spans` are character offsets into `context`, end exclusive. Of several annotations of one answer the most "
    "frequent was kept. A question was dropped if none of its answers is in the context. An empty list: no answer.",
)
