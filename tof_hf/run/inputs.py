"""All data of a run, read and checked before any training; the target's gold labels are kept apart."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from datasets import Dataset

from tof_hf.algorithm.training_data import TofData, translate_source
from tof_hf.config import DataFile, LabelFile, TofConfig
from tof_hf.data.fingerprint import content_hash
from tof_hf.data.label_checks import source_entities
from tof_hf.data.label_joining import OtherLabels, sentence_keys
from tof_hf.data.labels import entity_types, label_names
from tof_hf.data.licences import find_license
from tof_hf.data.mixing import cap, mix
from tof_hf.data.mrc_conversion import load_queries
from tof_hf.data.readers.read import FileKind, align_labels, read_mrc, read_ner, read_text
from tof_hf.errors import DataError
from tof_hf.run.other_labels import other_labels
from tof_hf.run.record import DataRecord, OtherLabelsRecord
from tof_hf.storage.publishing import local_path, public, public_name

AnyFile = TypeVar("AnyFile", bound=DataFile)

# The options that name data files, and what these hold.
_FILES: dict[str, FileKind] = {
    "source.train": "ner",
    "source.validation": "ner",
    "source.test": "ner",
    "target.gold": "ner",
    "target.text": "text",
    "target.test_text": "text",
    "target.labels": "ner",
    "source.mrc": "mrc",
    "source.mrc_validation": "mrc",
    "target.mrc": "mrc",
}


class Inputs:
    """Reads the data that a config names; a `path` that is a key of `datasets` refers to that dataset."""

    def __init__(self, config: TofConfig, datasets: Mapping[str, Dataset] | None = None) -> None:
        self.config, self.datasets = config, datasets or {}
        self._records: dict[str, DataRecord] = {}
        self.other_labels: list[OtherLabelsRecord] = []

    @property
    def records(self) -> list[DataRecord]:
        """What was read so far."""
        return list(self._records.values())

    def training(self) -> TofData:
        """The data that training needs; labels in the target's file are dropped while it is read."""
        config = self.config
        with _naming(config.source.train):
            source = self.one("source.train", config.source.train, "ner")
            types = entity_types(source.features["ner_tags"].feature.names)
            if not types:
                raise DataError(
                    "no entity in the source training data, or none that label_map keeps.",
                    fix="give labelled data, and name the column of its tags if that is not the last one.",
                )
            names = label_names(config.labels or types)
            source = align_labels(source, names)
        validation = self._labelled("source.validation", config.source.validation, names)
        include_test = config.mlm.include_target_test
        queries = load_queries(config.queries)
        data = TofData(
            label_names=names,
            queries=queries,
            target_queries=load_queries(config.target_queries, base=queries),
            source=source,
            validation=validation,
            target=self._together("target.text", config.target.text, "text"),
            source_qa=self._together("source.mrc", config.source.mrc, "mrc"),
            target_test=self._together("target.test_text", config.target.test_text if include_test else [], "text"),
            validation_qa=self._together("source.mrc_validation", config.source.mrc_validation, "mrc"),
            target_qa=self._together("target.mrc", config.target.mrc, "mrc"),
        )
        data = replace(data, other_labels=self._other_labels(data))
        if (dictionary := config.translation.dictionary) is None:
            return data
        translated = translate_source(data, dictionary, config.translation, seed=config.seed)
        self._note_dictionary(Path(dictionary), len(translated.dictionary))
        return replace(data, translated=translated)

    def gold(self, names: Sequence[str]) -> dict[str, Dataset]:
        """The labelled data that only the scorer sees, by split: `target` if gold is named, `source_test` too."""
        target, source = self.config.target.gold, self.config.source.test
        files = {"target": ("target.gold", target), "source_test": ("source.test", source)}
        return {
            split: self._labelled(option, file, names) for split, (option, file) in files.items() if file is not None
        }

    def one(self, option: str, file: DataFile, kind: FileKind, *, mapped: bool = True) -> Dataset:
        """The rows of a single file, as `training` and `gold` read them; with `mapped=False` types are not renamed.

        They are at most its `limit`, and are added to `records`.
        """
        # What is scored is the same in runs with other seeds, so that their scores can be compared.
        seed = 0 if option in ("target.gold", "source.test") else self.config.seed
        read = self._reader(file, kind, _both_maps(file.label_map, self.config.label_map) if mapped else None)
        with _naming(file):
            rows = read(self.datasets.get(file.path, file.path), encoding=file.encoding, split=file.split)
            rows = cap(rows, file.limit, seed=seed)
        self._records[option] = self._record(option, file, rows)
        return rows

    def _reader(self, file: DataFile, kind: FileKind, label_map: str | dict[str, str] | None) -> Callable[..., Dataset]:
        if kind == "ner":
            return partial(
                read_ner,
                columns=file.columns,
                scheme=file.scheme,
                labels=file.labels,
                label_map=label_map,
                word_rule=self.config.word_rule,
                scores=isinstance(file, LabelFile),
            )
        if kind == "text":
            return partial(read_text, columns=file.columns, format=file.format, word_rule=self.config.word_rule)
        excluded = file.exclude_contexts_of
        return partial(read_mrc, exclude_contexts_of=excluded and self.datasets.get(excluded, excluded))

    def _labelled(self, option: str, file: DataFile, names: Sequence[str]) -> Dataset:
        """Rows to score or select on. Raises DataError if they have no entity, since every score would be 0."""
        with _naming(file):
            rows = align_labels(self.one(option, file, "ner"), names)
            if not any(any(tags) for tags in rows["ner_tags"]):
                raise DataError("no entity.", fix="give labelled sentences, and name the column of the tags.")
        return rows

    def _other_labels(self, data: TofData) -> tuple[OtherLabels, ...]:
        """The labels from elsewhere for sentences of the target; what is known about them is in `other_labels`."""
        files = self.config.target.labels
        if not files:
            return ()
        target, source = sentence_keys(data.target), source_entities(data.source)
        found = []
        for option, file in numbered("target.labels", files):
            with _naming(file):
                rows = align_labels(self.one(option, file, "ner"), data.label_names)
            found.append(other_labels(option, file, rows, target, source))
        self.other_labels = [record for _, record in found]
        return tuple(labels for labels, _ in found)

    def _together(self, option: str, files: Sequence[DataFile], kind: Literal["text", "mrc"]) -> Dataset | None:
        parts = [self.one(name, file, kind) for name, file in numbered(option, files)]
        return mix(parts) if parts else None

    def _record(self, option: str, file: DataFile, rows: Dataset) -> DataRecord:
        passed, local = file.path in self.datasets, local_path(file.path)
        license = file.license or (None if passed or local is None else find_license(Path(local).expanduser()))
        options = {k: v for k, v in file.to_dict().items() if k not in ("path", "license")}
        return DataRecord(
            option=option,
            name=public_name(file.path),
            hub=not passed and local is None,
            rows=len(rows),
            fingerprint=content_hash(rows),
            license=license,
            options=public(options),
        )

    def _note_dictionary(self, file: Path, words: int) -> None:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        option = "translation.dictionary"
        self._records[option] = DataRecord(option=option, name=file.name, rows=words, fingerprint=digest)


def data_files(config: TofConfig) -> Iterator[tuple[str, DataFile, FileKind]]:
    """Every data file that the config names: its option, itself, and what it holds."""
    for option, kind in _FILES.items():
        section, _, key = option.partition(".")
        files = getattr(getattr(config, section), key)
        for name, file in numbered(option, [files] if isinstance(files, DataFile) else files or []):
            yield name, file, kind


def numbered(option: str, files: Sequence[AnyFile]) -> list[tuple[str, AnyFile]]:
    """The files with their names in errors and records: `target.text`, or `target.text.0` and so on if several."""
    return [(option if len(files) == 1 else f"{option}.{number}", file) for number, file in enumerate(files)]


@contextmanager
def _naming(file: DataFile) -> Iterator[None]:
    """Add the file to an error from inside that does not name one."""
    try:
        yield
    except DataError as error:
        if error.path is not None:
            raise
        raise DataError(error.found, fix=error.fix, path=file.path, line=error.line) from error


def _both_maps(first: str | dict[str, str] | None, then: str | dict[str, str] | None) -> str | dict[str, str] | None:
    """A file's own renaming followed by that of the whole run."""
    if isinstance(first, str) or isinstance(then, str):
        return "span"
    first, then = first or {}, then or {}
    return then | {old: then.get(new, new) for old, new in first.items()} or None
