"""Writing rows to files that the readers can read."""

import json
from pathlib import Path
from typing import Any

from datasets import Dataset

from tof_hf.data.column_line import column_line
from tof_hf.data.translation.words import label_names_of
from tof_hf.errors import DataError, as_data_error
from tof_hf.storage.files import new_file, write_text


def write_rows(dataset: Dataset, path: Path) -> None:
    """Write NER, unlabelled or MRC rows in the format of the file's ending, all or nothing.

    `.parquet`; `.jsonl` and `.json` (a list), with tag names; any other ending means one word a line, with its tag if
    there are tags, and a blank line after each sentence (`read_text` needs format="conll" for a file with a single
    unlabelled sentence). Raises DataError for MRC rows with another ending, for words with white space in such a file,
    and for a path that cannot be written.
    """
    with as_data_error("a path that cannot be written", OSError, fix="name another.", path=path):
        if path.suffix == ".parquet":
            path.parent.mkdir(parents=True, exist_ok=True)
            with new_file(path) as part:
                dataset.to_parquet(str(part))
        else:
            write_text(path, _text(dataset, path))


def _text(dataset: Dataset, path: Path) -> str:
    names = label_names_of(dataset)
    rows: list[dict[str, Any]] = [
        row | {"ner_tags": [names[tag] for tag in row["ner_tags"]]} if names else row for row in dataset
    ]
    if path.suffix == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if path.suffix == ".json":
        return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
    if "tokens" not in dataset.column_names:
        fix = "name it *.jsonl, *.json or *.parquet."
        raise DataError(f"the ending {path.suffix!r} for questions.", fix=fix, path=path)
    return "".join(map(_column_text, rows))


def _column_text(row: dict[str, Any]) -> str:
    """One sentence, a word a line."""
    tags = row.get("ner_tags") or [""] * len(row["tokens"])
    return "".join(column_line(token, tag) for token, tag in zip(row["tokens"], tags, strict=True)) + "\n"
