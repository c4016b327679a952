"""Word vectors in the text format of fastText and word2vec."""

import codecs
import gzip
import logging
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from itertools import islice
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from tof_hf.errors import ConfigError, DataError
from tof_hf.utils.outside import TEXT

logger = logging.getLogger("tof_hf")
_LINES_FOR_A_WORD = 10  # a file with fewer usable lines is not read to its end
_HEADER = re.compile(rb"([1-9]\d{0,9}) ([1-9]\d{0,9})")


@dataclass(frozen=True)
class SkippedLines:
    """How many lines of a vector file were not used, by reason.

    Attributes:
        broken_lines: no word, fewer or more numbers than the other lines, or something that is no number.
        repeated_words: the lower-cased word is in an earlier line.
        zero_vectors: the length is 0, or rounds to 0.
        nonfinite_vectors: the length is infinite or NaN.
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
    """The first `max_words` distinct lower-cased words of a UTF-8 file and their vectors, not normalised.

    A line is a word, a space and the numbers; a first line "words width" is optional. A word may have any character
    except the ASCII space and the line feed. Of lines whose words differ only in case, the first usable one counts.

    Args:
        path: a file in the text format of fastText, or the same compressed as .gz.
        max_words: the most words to read.

    Returns:
        The words in file order, and how many lines were skipped and why.

    Raises:
        DataError: the file cannot be read, has no vector, or more than half of its lines are broken.
        ConfigError: `max_words` is not positive.
    """
    if max_words < 1:
        raise ConfigError(f"max_words={max_words}: use 1 or more.")
    path = Path(path)
    rows: dict[str, None] = {}
    numbers = bytearray()
    announced = width = 0
    skipped: Counter[str] = Counter()
    first_broken: tuple[int, str] | None = None
    with (
        tqdm(total=max_words, desc=path.name, unit=" words", disable=None) as progress,
        np.errstate(over="ignore"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error", DeprecationWarning)  # see _parsed
        for line, content in islice(_lines(path), _LINES_FOR_A_WORD * max_words):
            if not content:
                continue
            if line == 1 and (header := _HEADER.fullmatch(content)):
                announced, width = map(int, header.groups())
                progress.total = min(announced, max_words)
                continue
            try:
                word, vector = _parsed(content, width, rows)
            except _Skip as skip:
                reason, found = skip.args
                skipped[reason] += 1
                if reason == "broken_lines":
                    first_broken = first_broken or (line, found)
                continue
            width = vector.size
            rows[word] = None
            numbers.extend(vector.data)
            progress.update()
            if len(rows) == max_words:
                break
    lines = len(rows) + skipped.total()
    counts = SkippedLines(**skipped)
    if first_broken and counts.broken_lines > lines / 2:
        line, found = first_broken
        fix = "give a text file with a word, a space and the same number of numbers in every line"
        found = f"{found} ({counts.broken_lines} such lines, more than half)"
        raise DataError(found, fix=fix, path=path, line=line)
    if not rows:
        zero, nonfinite = counts.zero_vectors, counts.nonfinite_vectors
        found = f"no usable vector ({zero} zero, {nonfinite} not finite)" if zero or nonfinite else "no vectors"
        raise DataError(found, fix="check the path, or download the file again", path=path)
    if len(rows) < max_words and lines < announced:
        logger.warning("%s: has %d of the %d vectors its header announces; is it complete?", path, lines, announced)
    logger.info("%s: %d words, width %d, %s", path, len(rows), width, counts)
    return WordVectors(path, list(rows), torch.frombuffer(numbers, dtype=torch.float32).view(len(rows), width), counts)


class _Skip(Exception):
    """A line that cannot be used: the field of `SkippedLines` that counts it, and what was found."""


def _parsed(content: bytes, width: int, earlier: Container[str]) -> tuple[str, np.ndarray]:
    """The lower-cased word of a line and its numbers; a width of 0 allows any number of them. Raises _Skip."""
    start, _, rest = content.partition(b" ")
    try:
        word = start.decode().lower()
        if word in earlier:
            raise _Skip("repeated_words", word)
        # Up to version 2.3 numpy warns about text that is no number (made an error by read_vectors), later it raises.
        vector = np.fromstring(rest, dtype=np.float32, sep=" ")
    except UnicodeDecodeError as error:
        raise _Skip("broken_lines", "bytes that are not UTF-8") from error
    except (ValueError, DeprecationWarning) as error:
        raise _Skip("broken_lines", "something that is no number after the first space") from error
    if not word:
        raise _Skip("broken_lines", "a space before the word")
    if vector.size != (width or max(1, vector.size)):
        raise _Skip("broken_lines", f"{vector.size} numbers where {width or 'some'} are expected")
    length = vector @ vector
    if not np.isfinite(length):
        raise _Skip("nonfinite_vectors", word)
    if length == 0:
        raise _Skip("zero_vectors", word)
    return word, vector


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    # Bytes, because in text mode lines would also end at characters that are words here, such as U+0085 (next line).
    number, longest = 0, TEXT.limit
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(longest + 1), b""), start=1):
                TEXT.check(len(line), path=path, line=number)
                yield number, (line.removeprefix(codecs.BOM_UTF8) if number == 1 else line).rstrip(b" \r\n")
    except (OSError, EOFError, zlib.error) as error:
        fix = "check the path, or download the file again"
        raise DataError(f"a file that cannot be read ({error})", fix=fix, path=path, line=number or None) from error
