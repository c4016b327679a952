"""Reading a text file, and the cache of the rows that are made of it."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
import logging
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, TypeAlias

from datasets import BuilderConfig, Dataset, DatasetInfo, Features, GeneratorBasedBuilder, Split, SplitGenerator
from datasets.exceptions import DatasetGenerationError

from tof_hf.data.mapping import source_hash
from tof_hf.data.readers.notes import note
from tof_hf.errors import DataError, as_data_error
from tof_hf.utils.outside import TEXT, UNPACKED

logger = logging.getLogger(__name__)

# Features, rows, and for the log a summary and warnings; rows without an id get one from the file's name and number.
# Rows that are no sequence are made as they are needed, and the summary is complete after the last one.
Parsed: TypeAlias = tuple[Features, Iterable[dict[str, Any]], Sequence[str]]

# Only endings of formats are cut off: `eng.train` is a name and stays whole in the ids.
FORMAT_ENDINGS = {".txt", ".csv", ".tsv", ".conll", ".conllu", ".bio", ".iob", ".iob2", ".json", ".jsonl", ".parquet"}
BLOCK = 2**20  # bytes of a stream that are decoded together, and the rest of the last line
_MOST_PACKED = 1032  # bytes that gzip can store in one
_NOT_IN_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")


def is_packed(path: Path) -> bool:
    """Whether the name is that of a gzip file."""
    return path.suffix.lower() == ".gz"


def stem(path: Path) -> str:
    """Return the file's name without format extensions: the first part of the ids made for its rows."""
    name = path.stem if is_packed(path) else path.name
    while Path(name).suffix.lower() in FORMAT_ENDINGS:
        name = Path(name).stem
    return name


def read_bytes(path: Path) -> bytes:
    """Return the file's content, unpacked if its name ends in .gz. Raises `DataError` if there is none or too much."""
    with as_data_error("a file that cannot be read", fix="check the path, or download the file again.", path=path):
        if is_packed(path):
            data = _unpacked(path)
        else:
            data = path.read_bytes()
    if not data.strip():
        raise DataError("an empty file.", fix="check the path, or download the file again.", path=path)
    return data


def _unpacked(path: Path) -> bytes:
    """The content of a gzip file; its size is counted before any of it is stored."""
    if path.stat().st_size * _MOST_PACKED > UNPACKED.limit:
        size = 0
        with gzip.open(path) as file:
            while block := file.read(1 << 20):
                UNPACKED.check(size := size + len(block), path=path)
    return gzip.decompress(path.read_bytes())


def lines_of(text: str, path: Path) -> list[str]:
    """Return the lines of a text. Raises `DataError` for one that is too long."""
    return _checked(with_newlines(text).split("\n"), path)


def _checked(lines: list[str], path: Path, *, after: int = 0) -> list[str]:
    longest = max(lines, key=len)
    TEXT.check(len(longest), path=path, line=after + lines.index(longest) + 1)
    return lines


def check_length(row: Mapping[str, Any], *, of: str = "", path: Path | None = None) -> None:
    """Raise `DataError` if the words or the context of a row are too long."""
    TEXT.check(sum(map(len, row.get("tokens") or (row.get("context") or "",))), of=of, path=path)


def decode(data: bytes, *, path: Path, encoding: str | None = None, as_written: bool = False) -> str:
    """Return the text: UTF-8, else Windows-1252, else Latin-1, unless one is named.

    Line ends become "\\n" unless the text stays `as_written`. Raises `DataError` for bytes that the named encoding does
    not have, and for binary data.
    """
    name = _codec(encoding or _detect_encoding(data, path))
    with _as_decoding_error(path, name):
        text = data.decode(name)
    return text if as_written else with_newlines(text)


def read_lines(stream: IO[bytes], *, path: Path, encoding: str | None = None) -> Iterator[str]:
    """Yield the lines of a stream as they are needed, unpacked if its name ends in .gz.

    The encoding is detected as in `decode`, from the first block that has more than ASCII characters. Raises as
    `decode` does, and `DataError` for a stream that cannot be read.
    """
    longest = TEXT.limit
    blocks = iter(lambda: unpacked.read1(BLOCK) + unpacked.readline(longest), b"")  # whole lines, if not too long
    undecided, rest, lines = True, "", 0
    with as_data_error("a file that cannot be read", OSError, EOFError, zlib.error, fix="check the file.", path=path):
        unpacked: Any = gzip.GzipFile(fileobj=stream) if is_packed(path) else stream
        for block in chain(blocks, [b""]):
            if undecided:
                undecided = encoding is None and block.isascii()
                name = _codec(encoding or _detect_encoding(block, path))
                with _as_decoding_error(path, name):
                    "".encode(name)  # refuses codecs that are not of text
                    decoder = codecs.getincrementaldecoder(name)()
            with _as_decoding_error(path, name, lines):
                text = rest + decoder.decode(block, final=not block)
            text = text.replace("\r\n", "\n") if block else with_newlines(text)
            *whole, rest = _checked(text.split("\n"), path, after=lines)
            yield from whole
            lines += len(whole)
        if rest:
            yield rest


def _codec(encoding: str) -> str:
    # Also if UTF-8 is named: a byte order mark is not part of the first word.
    return "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding


@contextmanager
def _as_decoding_error(path: Path, encoding: str, lines: int = 0) -> Iterator[None]:
    """Raise DataError inside the block for bytes that the encoding does not have; `lines` come before them."""
    try:
        yield
    except UnicodeDecodeError as problem:
        raise DataError(
            f"byte 0x{problem.object[problem.start]:02x}, which is not {encoding.removesuffix('-sig')}.",
            fix="name the right encoding, or null to detect it.",
            path=path,
            line=lines + problem.object.count(b"\n", 0, problem.start) + 1,
        ) from None
    except (LookupError, ValueError, TypeError):  # unknown, or of another kind, such as hex or a name with a NUL
        fix = "use a name that Python knows, such as utf-8 or latin-1, or null to detect it."
        raise DataError(f"the encoding name {encoding!r}.", fix=fix, path=path) from None


def with_newlines(text: str) -> str:
    """The text with "\\n" line ends."""
    text = text.replace("\r\n", "\n")
    return text if "\n" in text else text.replace("\r", "\n")


def _detect_encoding(data: bytes, path: Path) -> str:
    """The encoding. Raises `DataError` for UTF-8 with a few broken bytes: read as another, all letters were wrong."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in data or data.startswith(b"PAR1"):
        fix = "give a text file; Parquet files must be named *.parquet and gzip files *.gz."
        raise DataError("binary data.", fix=fix, path=path)
    text = data.decode("utf-8", errors="surrogateescape")
    broken = [place for place, character in enumerate(text) if "\udc80" <= character <= "\udcff"]
    if not broken:
        return "utf-8"
    if len(broken) < sum("\x80" <= character < "\ud800" for character in text):
        raise DataError(
            f"byte 0x{ord(text[broken[0]]) - 0xDC00:02x}, which is not UTF-8, in a file that is UTF-8 otherwise "
            f"({len(broken)} such bytes).",
            fix="correct the file, or name its encoding.",
            path=path,
            line=text.count("\n", 0, broken[0]) + 1,
        )
    encoding = "latin-1" if _NOT_IN_CP1252.intersection(data) else "cp1252"
    logger.info("%s is not UTF-8; read as %s", path, encoding)
    return encoding


def read_text_file(path: Path, encoding: str | None = None) -> str:
    """Return the file's text: `read_bytes`, then `decode`."""
    return decode(read_bytes(path), path=path, encoding=encoding)


@dataclass(frozen=True, slots=True)
class RowReader:
    """How rows of one kind are made. Both functions also take the options of `read_ner`, `read_text` or `read_mrc`.

    Attributes:
        kind: Part of the cache's name.
        parse: Rows of the text of a file, from the text and its path.
        from_table: Rows of a table.
        depends_on: Functions of other modules that `parse` uses; if their code changes, files are parsed again.
    """

    kind: str
    parse: Callable[..., Parsed]
    from_table: Callable[..., Dataset]
    depends_on: tuple[Callable, ...]

    def from_file(self, path: Path, *, split: str | None, encoding: str | None, **options: Any) -> Dataset:
        """Return the rows of a text file, from the cache if this content was read with these options before."""
        content = hashlib.sha256(read_bytes(path))
        content.update(json.dumps([stem(path), encoding, options], sort_keys=True, default=repr).encode())
        # The key is the content, not the time: a touched or copied file is not parsed again, an edited one is.
        name = re.sub(r"[^\w.-]", "_", stem(path))[:40]
        builder = _Builder(
            dataset_name=f"tof_{self.kind}",
            config_id=f"{name}-{content.hexdigest()[:24]}",
            hash=source_hash(self.parse, RowReader, *self.depends_on),
            parse=lambda: self._parsed(path, encoding, options),
            prefix=stem(path),
        )
        with as_data_error("rows that cannot be stored", fix="correct the file.", path=path):
            try:
                builder.download_and_prepare()
            except DatasetGenerationError as error:
                raise error.__cause__ or error from None
        with as_data_error(f"split={split!r}", fix='leave split out: a file has only the split "train".', path=path):
            dataset = builder.as_dataset(split=split or "train")
        summary, *warnings = builder.info.description.split("\n")
        note(path, summary, warnings)
        return dataset

    def _parsed(self, path: Path, encoding: str | None, options: Mapping[str, Any]) -> Parsed:
        table = path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))  # offsets count "\r" in its cells
        text = decode(read_bytes(path), path=path, encoding=encoding, as_written=table)
        parsed = self.parse(text, path, **options)
        for number, row in enumerate(parsed[1] if isinstance(parsed[1], Sequence) else ()):  # others are checked lines
            check_length(row, of=f" (row {number})", path=path)
        return parsed


@dataclass
class _Config(BuilderConfig):
    parse: Callable[[], Parsed] | None = None
    prefix: str = ""


class _Builder(GeneratorBasedBuilder):
    """One text file in, one split "train" out, kept in the `datasets` cache."""

    BUILDER_CONFIG_CLASS = _Config

    def _info(self) -> DatasetInfo:
        return DatasetInfo()

    def _split_generators(self, dl_manager: Any) -> list[SplitGenerator]:
        # The file is parsed here and not in _generate_examples: its labels must be known before the first row
        # is written. They are in the cached DatasetInfo, and so is the summary: a second read parses nothing.
        self.info.features, rows, self._summary = self.config.parse()
        return [SplitGenerator(name=Split.TRAIN, gen_kwargs={"rows": tuple(rows) if isinstance(rows, list) else rows})]

    def _generate_examples(self, rows: Iterable[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, row in enumerate(rows):
            yield number, {"id": f"{self.config.prefix}-{number}"} | row
        self.info.description = "\n".join(" ".join(line.split()) for line in self._summary)
