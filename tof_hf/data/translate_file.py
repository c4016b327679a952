"""The command `tof-hf translate`: a file in, the same rows in the target language out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tof_hf.data.dictionary import BilingualDictionary
from tof_hf.data.projection import Projection, project
from tof_hf.data.sources import read_mrc, read_ner, read_text
from tof_hf.data.translation import Casing, translate_words
from tof_hf.data.writing import write_rows
from tof_hf.errors import DataError

Task = Literal["ner", "mrc", "text"]
READERS = {"ner": read_ner, "mrc": read_mrc, "text": read_text}


def translate_file(
    source: Path,
    out: Path,
    dictionary: Path,
    *,
    task: Task | None = None,
    target_text: Path | None = None,
    most_frequent: bool = False,
    casing: Casing = "source",
    copy_types: Sequence[str] = ("PER",),
    seed: int = 0,
) -> Projection:
    """Translate a file of NER, MRC or unlabelled rows word by word; see `translate_words` and `write_rows`.

    `task`: what the file holds, by default questions if it is named *.json and labelled sentences otherwise.
    `target_text` serves `most_frequent` and casing "target". Raises DataError for input that cannot be used.
    """
    if target_text is None and (most_frequent or casing == "target"):
        raise DataError(
            "no target text, which the choice by frequency and the casing of the target count words in.",
            fix="name a file with raw target text: --target-text FILE.",
        )
    if out.exists() and out.samefile(source):
        raise DataError("the input's own name for the output.", fix="name another file.", path=out)
    rows = READERS[task or ("mrc" if source.name.removesuffix(".gz").endswith(".json") else "ner")](source)
    words = BilingualDictionary.from_file(dictionary)
    target = None if target_text is None else read_text(target_text)
    if most_frequent and target is not None:
        words = words.most_frequent_in(target)
    options = {"copy_types": copy_types, "seed": seed}
    translated = translate_words(rows, words, casing=casing, target_text=target, **options)
    write_rows(translated, out)
    return project(rows, translated, words, **options)
