"""The command `tof-hf translate`: a file in, the same rows in the target language out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from datasets import Dataset

from tof_hf.data.readers.read import read_mrc, read_ner, read_text
from tof_hf.data.translation.dictionary import BilingualDictionary
from tof_hf.data.translation.projection import Projection, project
from tof_hf.data.translation.words import Casing, translate_words
from tof_hf.data.writing import write_rows
from tof_hf.errors import DataError

Task = Literal["ner", "mrc", "text"]
TABLES = {".json", ".jsonl", ".parquet"}
READERS = {"ner": read_ner, "mrc": read_mrc, "text": read_text}


def translate_file(
    source: Path,
    out: Path,
    dictionary: Path,
    *,
    task: Task | None = None,
    target_text: Path | None = None,
    most_frequent: bool = False,
    reverse: bool = False,
    casing: Casing = "source",
    copy_types: Sequence[str] = ("PER",),
    seed: int = 0,
) -> Projection:
    """Translate a file of NER, MRC or unlabelled rows word by word; see `translate_words` and `write_rows`.

    `task`: what the file holds, by default questions or labelled sentences, whatever can be read. `reverse` turns the
    dictionary round. `target_text` serves `most_frequent` and casing "target". Raises DataError for bad input.
    """
    if target_text is None and (most_frequent or casing == "target"):
        raise DataError(
            "no target text, which the choice by frequency and the casing of the target count words in.",
            fix="name a file with raw target text: --target-text FILE.",
        )
    check_output(out, [source, dictionary, *([target_text] if target_text else [])])
    rows = READERS[task](source) if task else _read(source)
    words = BilingualDictionary.from_file(dictionary)
    if reverse:
        words = words.reversed()
    target = None if target_text is None else read_text(target_text)
    if most_frequent and target is not None:
        words = words.most_frequent_in(target)
    options = {"copy_types": copy_types, "seed": seed}
    translated = translate_words(rows, words, casing=casing, target_text=target, **options)
    write_rows(translated, out)
    return project(rows, translated, words, **options)


def check_output(out: Path, inputs: Sequence[Path]) -> None:
    """Raise DataError if `out` is one of the inputs, a folder, or a packed file, which nobody here writes."""
    if out.exists() and any(path.exists() and out.samefile(path) for path in inputs):
        raise DataError("an input's own name for the output.", fix="name another file.", path=out)
    if out.is_dir() or out.suffix == ".gz":
        what = "a folder" if out.is_dir() else "the ending .gz"
        raise DataError(f"{what} for the output.", fix="name a file that is not packed.", path=out)


def _read(source: Path) -> Dataset:
    """Labelled sentences, or questions where the file is a table or JSON that holds them."""
    if Path(source.name.removesuffix(".gz")).suffix in TABLES:
        with suppress(DataError):
            return read_mrc(source)
    try:
        return read_ner(source)
    except DataError as error:
        fix = f"{error.fix.removesuffix('.')}; or say what it holds: --task ner, mrc or text."
        raise DataError(error.found, fix=fix, path=error.path or source, line=error.line) from error
