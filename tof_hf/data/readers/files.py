"""Reading a text file, and the builder base that caches its rows; shared by the three file readers."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
import logging
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from datasets import (
    BuilderConfig,
    Dataset,
    DatasetInfo,
    Features,
    GeneratorBasedBuilder,
    Split,
    SplitGenerator,
    Version,
)

from tof_hf.data.labels import LabelMap
from tof_hf.data.mapping import source_hash
from tof_hf.errors import DataError

logger = logging.getLogger(__name__)

# Only endings of formats are cut off: `eng.train` is a name and stays whole in the ids.
_EXTENSIONS = {".txt", ".tsv", ".conll", ".conllu", ".bio", ".iob", ".iob2", ".json", ".jsonl", ".parquet"}


def stem(path: Path) -> str:
    """Return the file's name without format extensions: the first part of the ids made for its rows."""
    name = path.name.removesuffix(".gz")
    while Path(name).suffix.lower() in _EXTENSIONS:
        name = Path(name).stem
    return name


def read_bytes(path: Path) -> bytes:
    """Return the file's content, unpacked if its name ends in .gz. Raises `DataError` if there is none."""
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        raise DataError(f"a file that cannot be read ({error}).", fix="check the path.", path=path) from error
    if not data.strip():
        raise DataError("an empty file.", fix="check the path, or download the file again.", path=path)
    return data


def decode(data: bytes, *, path: Path, encoding: str | None = None) -> str:
    """Return the text with "\\n" line ends: UTF-8, else Windows-1252, else Latin-1, unless one is named.

    Raises `DataError` for bytes that the named encoding does not have, and for binary data.
    """
    if encoding is None:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        elif b"\0" in data or data.startswith(b"PAR1"):
            raise DataError(
                "binary data.",
                fix="give a text file; Parquet files must be named *.parquet and gzip files *.gz.",
                path=path,
            )
        _check_mostly_utf_8(data, path)
    candidates = ["utf-8-sig", "cp1252", "latin-1"] if encoding is None else [encoding]
    for candidate in candidates:
        try:
            # utf-8-sig even if UTF-8 is named: a byte order mark is not part of the first word.
            text = data.decode("utf-8-sig" if candidate.lower() in ("utf-8", "utf8") else candidate)
        except UnicodeDecodeError as error:
            problem = error
        except LookupError:
            fix = "use a name that Python knows, such as utf-8 or latin-1, or null to detect it."
            raise DataError(f"the encoding name {candidate!r}.", fix=fix, path=path) from None
        else:
            if candidate != candidates[0]:
                logger.info("%s is not UTF-8; read as %s", path, candidate)
            text = text.replace("\r\n", "\n")
            return text if "\n" in text else text.replace("\r", "\n")
    byte = problem.object[problem.start]
    raise DataError(
        f"byte 0x{byte:02x}, which is not {encoding}.",
        fix="name the right encoding, or null to detect it.",
        path=path,
        line=data.count(b"\n", 0, problem.start) + 1,
    )


def _check_mostly_utf_8(data: bytes, path: Path) -> None:
    """Raise `DataError` for UTF-8 with a few broken bytes: in another encoding all its letters would be wrong."""
    text = data.decode("utf-8", errors="surrogateescape")
    broken = sum("\udc80" <= character <= "\udcff" for character in text)
    if 0 < broken < sum("\x80" <= character < "\ud800" for character in text):
        first = next(place for place, character in enumerate(text) if "\udc80" <= character <= "\udcff")
        raise DataError(
            f"byte 0x{ord(text[first]) - 0xDC00:02x}, which is not UTF-8, in a file that is UTF-8 otherwise "
            f"({broken} such bytes).",
            fix="correct the file, or name its encoding.",
            path=path,
            line=text.count("\n", 0, first) + 1,
        )


def read_text_file(path: Path, encoding: str | None = None) -> str:
    """Return the file's text: `read_bytes`, then `decode`."""
    return decode(read_bytes(path), path=path, encoding=encoding)


@dataclass
class FileConfig(BuilderConfig):
    """The file, and the options of `read_ner`, `read_text` and `read_mrc`."""

    path: str = ""
    encoding: str | None = None
    columns: Mapping[str, int] | None = None
    scheme: str | None = None
    label_map: LabelMap = None
    format: str | None = None


class FileBuilder(GeneratorBasedBuilder):
    """Base of the three builders: one text file in, one split "train" out, kept in the `datasets` cache.

    A subclass is in a module of its own, names its cache (`CACHE_NAME`) and code from other modules that its rows
    depend on (`CODE`), and implements `parse`.
    """

    BUILDER_CONFIG_CLASS = FileConfig
    VERSION = Version("1.0.0")
    CACHE_NAME: ClassVar[str]
    CODE: ClassVar[tuple[Any, ...]]

    def __init__(self, **kwargs: Any):
        # Without its own name and source hash, a builder may return rows of another builder or of an older version.
        kwargs.setdefault("dataset_name", self.CACHE_NAME)
        kwargs.setdefault("hash", source_hash(type(self), FileBuilder, *self.CODE))
        super().__init__(**kwargs)

    @abstractmethod
    def parse(self, text: str) -> tuple[Features, Sequence[dict[str, Any]], str]:
        """Return features, rows and a line for the log."""

    def _info(self) -> DatasetInfo:
        return DatasetInfo()

    def _split_generators(self, dl_manager: Any) -> list[SplitGenerator]:
        # The file is parsed here and not in _generate_examples: its labels must be known before the first row
        # is written, and a DataError raised here is not wrapped. The features are in the cached DatasetInfo, so a
        # second read parses nothing.
        text = read_text_file(Path(self.config.path), self.config.encoding)
        self.info.features, rows, self.info.description = self.parse(text)
        return [SplitGenerator(name=Split.TRAIN, gen_kwargs={"rows": tuple(rows)})]

    def _generate_examples(self, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
        yield from enumerate(rows)


def build(
    builder: type[FileBuilder], path: Path, *, split: str | None, encoding: str | None, **options: Any
) -> Dataset:
    """Return the rows of one file, from the cache if this content was read with these options before."""
    content = hashlib.sha256(read_bytes(path))
    content.update(json.dumps([stem(path), encoding, options], sort_keys=True, default=repr).encode())
    # The key is the content, not the time: a touched or copied file is not parsed again, an edited one is.
    name = re.sub(r"[^\w.-]", "_", stem(path))[:40]
    prepared = builder(config_id=f"{name}-{content.hexdigest()[:24]}", path=str(path), encoding=encoding, **options)
    prepared.download_and_prepare()
    try:
        dataset = prepared.as_dataset(split=split or "train")
    except ValueError as error:
        fix = 'leave split out: a file has only the split "train".'
        raise DataError(f"split={split!r} ({error}).", fix=fix, path=path) from error
    logger.info("%s: %s", path, prepared.info.description)
    return dataset
