"""Word vectors in the text format of fastText and word2vec."""

from __future__ import annotations

import codecs
import gzip
import logging
import re
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from tof_hf.errors import ConfigError, DataError

logger = logging.getLogger("tof_hf")


@dataclass(frozen=True)
class SkippedLines:
    """How many lines of a vector file were not used, by reason.

    broken_lines: no word, another number of numbers than the rest, or something that is no number.
    repeated_words: the lower-cased word stands in an earlier line.
    zero_vectors, nonfinite_vectors: no direction, because the length is 0 (or rounds to it), infinite or NaN.
    """

    broken_lines: int = 0
    repeated_words: int = 0
    zero_vectors: int = 0
    nonfinite_vectors: int = 0


@dataclass(frozen=True)
class WordVectors:
    """Distinct lower-cased words in file order, most frequent first, and float32 `vectors` (words, width)."""

    path: Path
    words: list[str] = field(repr=False)
    vectors: Tensor = field(repr=False)
    skipped: SkippedLines = SkippedLines()

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        return self.vectors.shape[1]


def read_vectors(path: str | PathLike[str], *, max_words: int = 100_000) -> WordVectors:
    """Return the first `max_words` distinct lower-cased words of a UTF-8 file and their vectors, as they stand there.

    A line is a word, a space and the numbers; a first line "words width" is optional; the name of a packed file ends
    in .gz. A word may hold any character but the ASCII space and the line feed. Of the lines whose words differ in
    case only the first usable one counts. Unusable lines are skipped and counted.

    Raises `DataError` if the file cannot be read, if it holds no vector, or if more than half of the
    lines are broken; `ConfigError` if `max_words` is not positive.
    """
    if max_words < 1:
        raise ConfigError(f"max_words={max_words}: use 1 or more.")
    path = Path(path)
    rows: dict[str, None] = {}
    numbers = bytearray()
    announced, width = 0, None
    broken: list[tuple[int, str]] = []
    repeated = zero = nonfinite = 0
    with (
        tqdm(total=max_words, desc=path.name, unit=" words", disable=None) as progress,
        np.errstate(over="ignore"),
        warnings.catch_warnings(),
    ):
        # Up to version 2.3 numpy warns about text that is no number, later it raises ValueError.
        warnings.simplefilter("error", DeprecationWarning)
        for line, content in _lines(path):
            if line == 1 and (header := _header(content)):
                announced, width = header
                progress.total = min(announced, max_words)
                continue
            start, _, rest = content.partition(b" ")
            try:
                word = start.decode().lower()
            except UnicodeDecodeError:
                broken.append((line, "bytes that are not UTF-8"))
                continue
            if word in rows:
                repeated += 1
                continue
            try:
                vector = np.fromstring(rest, dtype=np.float32, sep=" ")
            except (ValueError, DeprecationWarning):
                broken.append((line, "something that is no number after the first space"))
                continue
            width = width or vector.size
            if not word or not vector.size or vector.size != width:
                found = f"{vector.size} numbers where {width} are expected" if word else "a space before the word"
                broken.append((line, found))
                continue
            length = vector @ vector
            if not np.isfinite(length):
                nonfinite += 1
            elif length == 0:
                zero += 1
            else:
                rows[word] = None
                numbers.extend(vector.data)
                progress.update()
                if len(rows) == max_words:
                    break
    seen = len(rows) + len(broken) + repeated + zero + nonfinite
    if len(broken) > seen / 2:
        line, found = broken[0]
        fix = "give a text file with a word, a space and the same number of numbers in every line"
        raise DataError(f"{found} ({len(broken)} such lines, more than half)", fix=fix, path=path, line=line)
    if not rows:
        found = f"no usable vector ({zero} zero, {nonfinite} not finite)" if zero or nonfinite else "no vectors"
        raise DataError(found, fix="check the path, or download the file again", path=path)
    if len(rows) < max_words and seen < announced:
        logger.warning("%s: has %d of the %d vectors its header announces; is it complete?", path, seen, announced)
    vectors = torch.frombuffer(numbers, dtype=torch.float32).view(len(rows), width)
    return WordVectors(path, list(rows), vectors, SkippedLines(len(broken), repeated, zero, nonfinite))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    # Bytes, because text would end its lines at characters that are words here, such as a next-line mark (U+0085).
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                content = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                if content := content.rstrip(b" \r\n"):
                    yield number, content
    except (OSError, EOFError, zlib.error) as error:
        fix = "check the path, or download the file again"
        raise DataError(f"a file that cannot be read ({error})", fix=fix, path=path, line=number or None) from error


def _header(content: bytes) -> tuple[int, int] | None:
    match = re.fullmatch(rb"([1-9]\d{0,9}) ([1-9]\d{0,9})", content)
    return (int(match[1]), int(match[2])) if match else None
