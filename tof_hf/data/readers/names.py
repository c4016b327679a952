"""Lists of names with their entity types, for a gazetteer."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tof_hf.data.readers.files import is_packed, read_text_file, stem
from tof_hf.errors import DataError, as_data_error
from tof_hf.utils.outside import json_values

_NAMES = ("name", "pattern", "text", "entity", "title")  # `pattern` and `label`: spaCy's entity ruler
_TYPES = ("type", "label", "entity_type", "tag", "class")
_MOST_TYPES = 200
_TYPE = re.compile(r"(?!README|LICEN[CS]E|CHANGELOG|NOTICE)[^.~#]+", re.IGNORECASE)
_FIX = "give name and type in each line (a tab, a comma in *.csv, or JSON lines), or say what they are: --type LOC."


def read_names(path: Path, kind: str | None = None, *, encoding: str | None = None) -> list[tuple[str, str]]:
    """Return the names in a file, with their types.

    Args:
        path: TSV, CSV, JSON or JSON lines with a name and its type; with `kind`, also a name in each line. Or a folder
            of files with a name in each line that are named after their type, such as `LOC.txt`. All also as .gz.
        kind: The type of all names in the file.
        encoding: As in `read_ner`.

    Returns:
        Pairs of a name and its type, in the order of the file.

    Raises:
        DataError: A line has no name or no type, or the file cannot be read.

    Example:
        >>> Gazetteer(read_names(Path("places.txt"), "LOC"))
    """
    if path.is_dir():
        files = sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
        if not files:
            raise DataError("an empty folder.", fix="give files with names, such as LOC.txt.", path=path)
        if odd := [one for one in files if kind is None and not _TYPE.fullmatch(stem(one))]:
            fix = "leave only lists there, each named after its type, such as LOC.txt; or name the type: --type LOC."
            raise DataError("a file whose name is no type.", fix=fix, path=odd[0])
        return [pair for file in files for pair in read_names(file, kind or stem(file), encoding=encoding)]
    found = []
    for line, cells in _rows(read_text_file(path, encoding), path):
        own = cells[1] if len(cells) > 1 else ""
        if not cells[0] or not (kind or own):
            what = "a line without a name" if not cells[0] else f"the name {cells[0][:60]!r} without a type"
            raise DataError(f"{what}.", fix=_FIX, path=path, line=line)
        found.append((cells[0], kind or own))
    if not found:
        raise DataError("no name.", fix=_FIX, path=path)
    types = Counter(own for _, own in found)
    if len(types) > _MOST_TYPES:
        example = next(iter(types))
        fix = "name the columns in a first line, such as `name<tab>type`; without one, the second column is the type."
        raise DataError(f"{len(types):,} different entity types, such as {example!r}.", fix=fix, path=path)
    return found


def _rows(text: str, path: Path) -> Iterator[tuple[int | None, list[str]]]:
    """The name and, if there is one, the type of each row, with its line."""
    ending = Path(path.stem if is_packed(path) else path.name).suffix.lower()
    if ending in (".json", ".jsonl"):
        for value, line in json_values(text, path=path, fix="give an object with name and type in each line."):
            for row in value if isinstance(value, list) else [value]:
                yield line, _of_object(row, path, line)
        return
    lines = text.lstrip("\ufeff").split("\n")
    if ending == ".csv":
        first = next(filter(str.strip, lines))
        reader = csv.reader(lines, delimiter=max(",;\t", key=first.count))
        with as_data_error("a table that cannot be read", csv.Error, fix="check its quotes.", path=path):
            rows = [(reader.line_num, row) for row in reader]
    else:
        rows = [(number, line.split("\t")) for number, line in enumerate(lines, start=1)]
    filled = [(line, [cell.strip() for cell in row]) for line, row in rows if any(map(str.strip, row))]
    titles = [cell.casefold() for cell in filled[0][1]]
    name, kind = (next((titles.index(one) for one in usual if one in titles), None) for usual in (_NAMES, _TYPES))
    if name is None or (kind is None and len(titles) > 1):
        if wide := next((line for line, row in filled if any(row[2:])), None):
            fix = "name the columns in a first line, such as `id<tab>name<tab>type`, or leave only name and type."
            raise DataError("more than two columns, without their names.", fix=fix, path=path, line=wide)
        yield from filled
        return
    for line, row in filled[1:]:
        yield line, [row[place] if place < len(row) else "" for place in (name, kind) if place is not None]


def _of_object(row: Any, path: Path, line: int | None) -> list[str]:
    values: Sequence[Any] = [row]
    if isinstance(row, Mapping):
        values = [next((row[key] for key in usual if row.get(key)), "") for usual in (_NAMES, _TYPES)]
    if not all(isinstance(value, str) for value in values):
        fix = 'give {"name": "Rio", "type": "LOC"}, both as text.'
        raise DataError(f"the row {row!r:.60}.", fix=fix, path=path, line=line)
    return [value.strip() for value in values]
