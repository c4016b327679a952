"""What comes from outside is bounded: a small file can stand for gigabytes, or for more nesting than Python follows.

Every bound can be set by an environment variable, which the error names.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tof_hf.errors import ConfigError, DataError, as_data_error


@dataclass(frozen=True)
class Bound:
    """The most of something that is read. `variable` is the environment variable that replaces the default."""

    variable: str
    default: int
    what: str

    @property
    def limit(self) -> int:
        """The bound. Raises ConfigError if the environment variable is not a whole number."""
        text = os.environ.get(self.variable, str(self.default))
        if not (text.isascii() and text.isdecimal() and len(text) < 20):
            raise ConfigError(f"{self.variable}={text!r}: the environment variable needs a whole number.")
        return int(text)

    def check(self, found: int, *, of: str = "", path: Path | None = None, line: int | None = None) -> None:
        """Raise DataError if there is more than the bound; `of` says of what in the file."""
        if found > (limit := self.limit):
            fix = f"correct the file; if it is right, set the environment variable {self.variable} to a larger number."
            raise DataError(f"more than {limit:,} {self.what}{of}.", fix=fix, path=path, line=line)


UNPACKED = Bound("TOF_MAX_UNPACKED", 512 * 2**20, "bytes in a compressed file")
TEXT = Bound("TOF_MAX_TEXT", 1_000_000, "characters in one line, sentence or field")
YAML_TEXT = Bound("TOF_MAX_YAML", 1_000_000, "characters of YAML")
YAML_VALUES = Bound("TOF_MAX_YAML_VALUES", 100_000, "values once its aliases (*name) are filled in")
DEPTH = Bound("TOF_MAX_DEPTH", 100, "levels of nesting")
MODEL_NUMBER = Bound("TOF_MAX_MODEL_NUMBER", 4_000_000, "as a size or as the number of a word piece")


def check_depth(value: Any, *, path: Path | None = None, line: int | None = None) -> None:
    """Raise DataError if lists and mappings are nested deeper than the bound."""
    level, depth = [value], 0
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        DEPTH.check(depth, path=path, line=line)
        parts = {id(part): part for item in level for part in (item.values() if isinstance(item, dict) else item)}
        level = list(parts.values())


def parse_json(
    text: str | bytes,
    *,
    path: Path | None = None,
    line: int | None = None,
    fix: str = "correct the file.",
    parse_int: Callable[[str], int] = int,
) -> Any:
    """The value of a JSON text. Raises DataError if it is none, is nested too deeply or holds half a character."""
    if not isinstance(text, str):
        with as_data_error("bytes that are not UTF-8", UnicodeError, fix=fix, path=path, line=line):
            text = text.decode("utf-8-sig")
    try:
        with as_data_error("text that is not JSON", fix=fix, path=path, line=line):
            value = json.loads(text, parse_int=parse_int)
            if "\\ud" in text or "\\uD" in text:  # half of a surrogate pair is no character
                json.dumps(value, ensure_ascii=False).encode()
    except DataError as error:
        if isinstance(error.__cause__, RecursionError):
            DEPTH.check(DEPTH.limit + 1, path=path, line=line)
        raise
    if text.count("[") + text.count("{") > DEPTH.limit:
        check_depth(value, path=path, line=line)
    return value


def json_values(text: str, *, path: Path, fix: str) -> Iterator[tuple[Any, int | None]]:
    """The value of a JSON text, or those of a text with one value a line, with the line. Raises DataError."""
    try:
        yield parse_json(text, path=path, fix=fix), None
        return
    except DataError as error:
        if not str(error.__cause__).startswith("Extra data"):
            raise
    end, number = -1, 0
    while end < len(text):  # one line after the other: all values at once take many times the memory of the text
        start, number = end + 1, number + 1
        end = text.find("\n", start) % (len(text) + 1)
        if line := text[start:end].strip():
            yield parse_json(line, path=path, line=number, fix=fix), number


def read_json_file(path: Path) -> Any:
    """The value in a JSON file. Raises DataError if it cannot be read or is not JSON."""
    with as_data_error("a file that cannot be read", OSError, fix="check the path.", path=path):
        data = path.read_bytes()
    return parse_json(data, path=path)
