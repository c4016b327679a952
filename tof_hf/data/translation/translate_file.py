"""Translation of a file of rows, for the command `tof-hf translate`."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from datasets import Dataset

from tof_hf.data.readers.read import FileKind, read_mrc, read_ner, read_text
from tof_hf.data.translation.dictionary import BilingualDictionary
from tof_hf.data.translation.projection import project
from tof_hf.data.translation.record import Projection
from tof_hf.data.translation.words import Casing, translate_words
from tof_hf.data.writing import write_rows
from tof_hf.errors import DataError

TABLES = {".json", ".jsonl", ".parquet"}
READERS: dict[FileKind, Callable[[Path], Dataset]] = {"ner": read_ner, "mrc": read_mrc, "text": read_text}


def translate_file(
    source: Path,
    out: Path,
    dictionary: Path,
    *,
    task: FileKind | None = None,
    target_text: Path | None = None,
    most_frequent: bool = False,
    reverse: bool = False,
    casing: Casing = "source",
    copy_types: Sequence[str] = ("PER",),
    seed: int = 0,
) -> Projection:
    """The counts of the translation, after writing the rows of `source`, translated word by word, to `out`.

    `task`: what `source` holds; without it, MRC rows or labelled sentences, whichever can be read. `reverse` swaps
    the languages of the dictionary. `target_text` is for `most_frequent` and casing "target". See `translate_words`
    and `write_rows`. Raises DataError for bad input.
    """
    if target_text is None and (most_frequent or casing == "target"):
        raise DataError(
            "no target text, from which --most-frequent and --casing target count words.",
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
    translated = translate_words(rows, words, copy_types=copy_types, casing=casing, target_text=target, seed=seed)
    write_rows(translated, out)
    return project(rows, translated, words, copy_types=copy_types, seed=seed)


def check_output(out: Path, inputs: Sequence[Path]) -> None:
    """Raise DataError if `out` is one of the inputs, a folder, or a compressed file, which cannot be written."""
    if out.exists() and any(path.exists() and out.samefile(path) for path in inputs):
        raise DataError("the same file as input and output.", fix="name another file.", path=out)
    if out.is_dir() or out.suffix.lower() == ".gz":
        what = "a folder" if out.is_dir() else "the ending .gz"
        raise DataError(f"{what} for the output.", fix="name a file that is not compressed.", path=out)


def _read(source: Path) -> Dataset:
    """MRC rows if the file is a table or JSON that has them, else labelled sentences."""
    if Path(source.name.removesuffix(".gz")).suffix in TABLES:
        with suppress(DataError):
            return read_mrc(source)
    try:
        return read_ner(source)
    except DataError as error:
        fix = f"{error.fix.removesuffix('.')}; or say what it holds: --task ner, mrc or text."
        raise DataError(error.found, fix=fix, path=error.path or source, line=error.line) from error
