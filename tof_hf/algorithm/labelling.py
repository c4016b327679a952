"""Taggers label the target text: checked and selected pseudo-labels (steps 4, 8 and 9), or soft labels of teachers."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tof_hf.algorithm.answers import untagged, word_spans
from tof_hf.algorithm.history import LabellingRecord, Labels, SelectionRecord, SoftLabelsRecord
from tof_hf.algorithm.joining import joined_file, joined_rows, joining_record
from tof_hf.algorithm.label_files import cached_rows, read_rows, rows_in_parts
from tof_hf.algorithm.training_data import TofData
from tof_hf.config import MrcConfig, TofConfig
from tof_hf.data.columns import flat, flat_batches, word_count
from tof_hf.data.fingerprint import content_hash
from tof_hf.data.label_checks import LabelHealth, SourceEntities, agreement_share, label_health, source_entities
from tof_hf.data.label_selection import count_sure, select_labels
from tof_hf.data.labels import Span
from tof_hf.data.mixing import cap
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.data.pseudo_labels import (
    UNSURE,
    entity_spans,
    frequent_texts,
    label_statistics,
    label_words,
    without_texts,
)
from tof_hf.data.soft_labels import mean_of, soft_label, with_probabilities, without_frequent_texts
from tof_hf.errors import TofError
from tof_hf.inference.words import SENTENCES, WordPredictor
from tof_hf.stages.mrc import answer_questions
from tof_hf.stages.ner import word_predictor
from tof_hf.stages.stage import Checkpoint
from tof_hf.storage.cache import cache_json, is_cached, read_cached_json
from tof_hf.utils.log import say, warn
from tof_hf.utils.processes import barrier, is_main_process


@dataclass(frozen=True)
class MrcModel:
    """The checkpoint of an MRC stage, and the stage's options."""

    checkpoint: Checkpoint
    config: MrcConfig


class Labelling:
    """Labels the target text for one system; the health of each labelling is measured against the previous one.

    All rows are kept as Parquet in a tagger's folder. The name of a file includes all that its rows depend on.
    """

    def __init__(self, config: TofConfig, data: TofData, tokenizer: PreTrainedTokenizerBase) -> None:
        self.config, self.options, self.data, self.tokenizer = config, config.labelling, data, tokenizer
        self._last: tuple[Dataset, LabelHealth] | None = None

    @functools.cached_property
    def text(self) -> Dataset:
        """The target sentences that taggers label."""
        return cap(self.data.target, self.options.max_sentences, seed=self.config.seed)

    @functools.cached_property
    def _text_hash(self) -> str:
        return content_hash(self.text)

    def label(self, taggers: Sequence[Checkpoint], mrc: MrcModel | None) -> Labels[LabellingRecord]:
        """The labels to train on, by the mean probabilities of the taggers.

        `mrc`: the last MRC stage on the way to the first tagger. Raises TofError if labels are selected by agreement
        with it and there is none.
        """
        tagger, all_file = taggers[0], self._joined_file(taggers)
        labelled = own = self._in_parts(self._all_file(taggers), taggers, self._labels)
        others, rule = self.data.other_labels, self.options.combine
        if others:
            labelled = joined_rows(all_file, own, others, rule)
        health, answers = self._health(labelled, mrc)
        self._last = (labelled, health)
        counted = label_statistics(labelled)
        say(f"{tagger.name}: {sum(counted.entities.values()):,} entities labelled in {len(labelled):,} sentences")
        for alarm in health.alarms:
            warn(f"{tagger.name}: labels: {alarm}")
        chosen, selection = labelled, None
        file = self.file(taggers, mrc)
        if file != all_file:
            chosen = cached_rows(file, lambda: self._selected(labelled, mrc))
            selection = self._selection_record(labelled, chosen, file)
            say(f"{tagger.name}: {selection.sentences:,} of these sentences are selected for training")
        record = LabellingRecord(
            tagger=tagger.name,
            others=[one.name for one in taggers[1:]],
            file=self._in_run(all_file),
            answers=answers,
            health=health,
            joined=joining_record(own, labelled, others, rule),
            selection=selection,
            **vars(counted),
        )
        return Labels(chosen, record)

    def file(self, taggers: Sequence[Checkpoint], mrc: MrcModel | None) -> Path:
        """Where the rows to train on are, or will be: in the folder of the first tagger."""
        options, file = self.options, self._joined_file(taggers)
        parts = [file.stem]
        if is_cached(file) and self._frequent_texts(read_rows(file)):
            parts.append(f"texts{options.max_text_share}")
        if options.selection != "all":
            number = {"threshold": options.threshold, "per_type_quota": options.quota}.get(options.selection)
            on = number if mrc is None or options.selection != "agreement" else mrc.checkpoint.key
            parts += [options.selection, options.selection_level, str(on)]
        return file.with_stem("-".join(parts))

    def soft_label(
        self, teachers: Sequence[Checkpoint], voters: Sequence[Sequence[Checkpoint]]
    ) -> Labels[SoftLabelsRecord]:
        """The target sentences with the teachers' mean probabilities and the labels that all groups of voters agree on.

        Texts that `labelling.max_text_share` excludes as entities are excluded here too.
        """
        file = self.soft_file(teachers, voters)
        all_voters = list(chain.from_iterable(voters))
        labelled = self._in_parts(
            file, [*teachers, *all_voters], functools.partial(self._soft_labels, teachers, voters)
        )
        rows, excluded = without_frequent_texts(labelled, self.options.max_text_share)
        for entity, count in excluded.items():
            warn(
                f"{teachers[-1].name}: labels: {entity!r} makes up {count:,} of the entities; "
                "it is labelled `O` for training"
            )
        words = word_count(rows)
        unsure = sum(int(pc.sum(columns[UNSURE]).as_py() or 0) for _, columns in flat_batches(rows, UNSURE))
        record = SoftLabelsRecord(
            teachers=[tagger.name for tagger in teachers],
            voters=[tagger.name for tagger in all_voters],
            file=file.name,
            sentences=len(rows),
            words=words,
            agreed_share=round(1 - unsure / max(1, words), 4) if voters else None,
            no_entities=excluded,
        )
        return Labels(rows, record)

    def soft_file(self, teachers: Sequence[Checkpoint], voters: Sequence[Sequence[Checkpoint]]) -> Path:
        """Where the soft labels of these teachers are, or will be: in the folder of the last one."""
        keys = [[tagger.key for tagger in teachers], ["+".join(tagger.key for tagger in group) for group in voters]]
        return teachers[-1].folder / f"soft-{self._text_hash}-{_digest(keys)}.parquet"

    def _all_file(self, taggers: Sequence[Checkpoint]) -> Path:
        targets = self.options.targets
        suffix = ("" if self.options.repair else "-unrepaired") + ("" if targets == "hard" else f"-{targets}")
        if len(taggers) > 1:
            suffix += f"-{_digest([tagger.key for tagger in taggers])}"
        return taggers[0].folder / f"pseudo-{self._text_hash}{suffix}.parquet"

    def _joined_file(self, taggers: Sequence[Checkpoint]) -> Path:
        return joined_file(self._all_file(taggers), self.data.other_labels, self.options.combine)

    def _in_parts(
        self, file: Path, taggers: Sequence[Checkpoint], label: Callable[[dict[str, WordPredictor], pa.Table], Dataset]
    ) -> Dataset:
        """The labels of the target text, from the file or made in parts; `label` gets the taggers by their keys."""

        @functools.cache
        def predictors() -> dict[str, WordPredictor]:
            """The taggers, loaded when the first part is made."""
            found = {tagger.key: tagger for tagger in taggers}
            return {
                key: word_predictor(tagger, self.config.ner, tokenizer=self.tokenizer) for key, tagger in found.items()
            }

        def make(rows: Dataset) -> Dataset:
            return label(predictors(), rows.select_columns(["id", "tokens"]).with_format("arrow")[:])

        return rows_in_parts(file, "-".join(tagger.key[:8] for tagger in taggers), self.text, make)

    def _labels(self, predictors: dict[str, WordPredictor], words: pa.Table) -> Dataset:
        found = mean_of([_probabilities(predictor, words) for predictor in predictors.values()])
        predictor = next(iter(predictors.values()))
        tags = predictor.tags(found, flat(words.column("tokens"))[1])
        labelled = label_words(
            words,
            tags,
            found[np.arange(len(found)), tags],
            tag_names=predictor.names,
            label_names=self.data.label_names,
            repair=self.options.repair,
        )
        targets = self.options.targets
        return labelled if targets == "hard" else with_probabilities(labelled, found, sharpened=targets == "sharpened")

    def _selected(self, labelled: Dataset, mrc: MrcModel | None) -> Dataset:
        frequent = self._frequent_texts(labelled)
        return select_labels(
            without_texts(labelled, frequent) if frequent else labelled,
            self.options.selection,
            level=self.options.selection_level,
            threshold=self.options.threshold,
            quota=self.options.quota,
            answers=self._answers(labelled, mrc)[0] if self.options.selection == "agreement" else None,
        )

    def _soft_labels(
        self,
        teachers: Sequence[Checkpoint],
        voters: Sequence[Sequence[Checkpoint]],
        predictors: dict[str, WordPredictor],
        words: pa.Table,
    ) -> Dataset:
        found = {key: _probabilities(predictor, words) for key, predictor in predictors.items()}
        of_teachers = [found[tagger.key] for tagger in teachers]
        of_voters = [mean_of([found[tagger.key] for tagger in group]) for group in voters]
        decode = predictors[teachers[0].key].tags
        return soft_label(words, of_teachers, of_voters, label_names=self.data.label_names, decode=decode)

    @functools.cached_property
    def _source(self) -> SourceEntities:
        return source_entities(self.data.source)

    def _health(self, labelled: Dataset, mrc: MrcModel | None) -> tuple[LabelHealth, str]:
        """The health of the labels, and the file with the MRC head's answers to a sample of them."""
        before, last = self._last or (None, None)
        # A selection by agreement needs the answers for all sentences anyway.
        by_agreement = self.options.selection == "agreement"
        sentences = len(labelled) if by_agreement else self.options.agreement_sentences
        sample = cap(labelled, sentences, seed=self.config.seed) if sentences and mrc is not None else None
        answers, file = ([], "") if sample is None else self._answers(sample, mrc)
        health = label_health(
            labelled,
            self._source,
            previous=before,
            previous_changed_share=None if last is None else last.changed_share,
            agreement=None if sample is None else agreement_share(entity_spans(sample), answers),
            agreement_sentences=len(answers),
        )
        return health, file

    def _answers(self, rows: Dataset, mrc: MrcModel | None) -> tuple[list[list[Span]], str]:
        """The entities that the MRC model finds in every row with the query of each type, and their file."""
        if mrc is None:
            raise TofError(
                "labelling.selection is agreement, but no MRC stage came before this tagger. What to do: train one "
                "before it in the recipe, or choose another labelling.selection."
            )
        questions = ner_to_mrc(untagged(rows), self.data.target_queries)
        file = mrc.checkpoint.folder / f"answers-{content_hash(questions)}.json"
        known = read_cached_json(file)
        if known is None:
            spans = answer_questions(mrc.checkpoint, questions, mrc.config, tokenizer=self.tokenizer)
            known = word_spans(rows["tokens"][:], questions["label"][:], spans)
            if is_main_process():
                cache_json(file, known)
        barrier()
        return [[Span(*span) for span in row] for row in known], self._in_run(file)

    def _frequent_texts(self, labelled: Dataset) -> dict[str, int]:
        """Texts that make up too large a share of the entities in the labels."""
        most = self.options.max_text_share
        return {} if most is None else frequent_texts(labelled, most)

    def _selection_record(self, labelled: Dataset, chosen: Dataset, file: Path) -> SelectionRecord:
        unsure_words, entities = count_sure(chosen)
        return SelectionRecord(
            by=self.options.selection,
            level=self.options.selection_level,
            no_entities=self._frequent_texts(labelled),
            file=self._in_run(file),
            sentences=len(chosen),
            unsure_words=unsure_words,
            entities=entities,
        )

    def _in_run(self, file: Path) -> str:
        return Path(os.path.relpath(file, self.config.output_dir)).as_posix()  # a shared stage is outside the run


def _digest(keys: Any) -> str:
    return hashlib.sha256(repr(keys).encode()).hexdigest()[:16]


def _probabilities(predictor: WordPredictor, words: pa.Table) -> np.ndarray:
    """(words, classes): the probabilities of all classes."""
    batches = words.select(["tokens"]).to_batches(max_chunksize=SENTENCES)
    return np.concatenate([predictor.probabilities(batch.column(0).to_pylist()) for batch in batches])
