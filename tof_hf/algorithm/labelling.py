"""Taggers label the target text: checked and selected pseudo-labels (steps 4, 8 and 9), or soft labels of teachers."""

from __future__ import annotations

import functools
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tof_hf.algorithm.history import LabellingRecord, Labels, SelectionRecord, SoftLabelsRecord
from tof_hf.algorithm.training_data import TofData
from tof_hf.config import MrcConfig, TofConfig
from tof_hf.data.fingerprint import content_hash
from tof_hf.data.label_checks import LabelHealth, SourceEntities, agreement_share, label_health, source_entities
from tof_hf.data.labels import Span, entity_types
from tof_hf.data.mixing import cap
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.data.pseudo_labels import (
    UNSURE,
    entity_spans,
    frequent_texts,
    label_statistics,
    pseudo_label,
    select_labels,
    without_texts,
)
from tof_hf.data.soft_labels import soft_label, without_frequent_texts
from tof_hf.errors import TofError
from tof_hf.stages.mrc import answer_questions
from tof_hf.stages.ner import class_probabilities, label_words
from tof_hf.stages.stage import Checkpoint
from tof_hf.storage.cache import cache_json, cache_parquet, is_cached, read_cached_json
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

    def label(self, tagger: Checkpoint, mrc: MrcModel | None) -> Labels[LabellingRecord]:
        """The labels to train on.

        `mrc`: the last MRC stage on the way to the tagger. Raises TofError if labels are selected by agreement with
        it and there is none.
        """
        all_file = self._all_file(tagger)
        labelled = _cached_rows(all_file, lambda: self._all_labels(tagger))
        health = self._health(labelled, mrc)
        self._last = (labelled, health)
        counted = label_statistics(labelled)
        say(f"{tagger.name}: {sum(counted.entities.values()):,} entities labelled in {len(labelled):,} sentences")
        for alarm in health.alarms:
            warn(f"{tagger.name}: labels: {alarm}")
        chosen, selection = labelled, None
        file = self.file(tagger, mrc)
        if file != all_file:
            chosen = _cached_rows(file, lambda: self._selected(labelled, mrc))
            selection = self._selection_record(labelled, chosen, file)
            say(f"{tagger.name}: {selection.sentences:,} of these sentences are selected for training")
        record = LabellingRecord(
            tagger=tagger.name, file=self._in_run(all_file), health=health, selection=selection, **vars(counted)
        )
        return Labels(chosen, record)

    def file(self, tagger: Checkpoint, mrc: MrcModel | None) -> Path:
        """Where the rows to train on are, or will be."""
        options, file = self.options, self._all_file(tagger)
        parts = [file.stem]
        if is_cached(file) and self._frequent_texts(read_rows(file)):
            parts.append(f"texts{options.max_text_share}")
        if options.selection != "all":
            number = {"threshold": options.threshold, "per_type_quota": options.quota}.get(options.selection)
            on = number if mrc is None or options.selection != "agreement" else mrc.checkpoint.key
            parts += [options.selection, options.selection_level, str(on)]
        return file.with_stem("-".join(parts))

    def soft_label(self, teachers: Sequence[Checkpoint], voters: Sequence[Checkpoint]) -> Labels[SoftLabelsRecord]:
        """The target sentences with the teachers' mean probabilities and the labels that all voters agree on.

        Texts that `labelling.max_text_share` excludes as entities are excluded here too.
        """
        file = self.soft_file(teachers, voters)
        labelled = _cached_rows(file, lambda: self._soft_labels(teachers, voters))
        rows, excluded = without_frequent_texts(labelled, self.options.max_text_share)
        for entity, count in excluded.items():
            warn(
                f"{teachers[-1].name}: labels: {entity!r} makes up {count:,} of the entities; "
                "it is labelled `O` for training"
            )
        unsure = [word for words in rows[UNSURE][:] for word in words]
        record = SoftLabelsRecord(
            teachers=[tagger.name for tagger in teachers],
            voters=[tagger.name for tagger in voters],
            file=file.name,
            sentences=len(rows),
            words=len(unsure),
            agreed_share=round(1 - sum(unsure) / max(1, len(unsure)), 4) if voters else None,
            no_entities=excluded,
        )
        return Labels(rows, record)

    def soft_file(self, teachers: Sequence[Checkpoint], voters: Sequence[Checkpoint]) -> Path:
        """Where the soft labels of these teachers are, or will be: in the folder of the last one."""
        keys = [[tagger.key for tagger in taggers] for taggers in (teachers, voters)]
        digest = hashlib.sha256(repr(keys).encode()).hexdigest()[:16]
        return teachers[-1].folder / f"soft-{content_hash(self.text)}-{digest}.parquet"

    def _all_file(self, tagger: Checkpoint) -> Path:
        suffix = "" if self.options.repair else "-unrepaired"
        return tagger.folder / f"pseudo-{content_hash(self.text)}{suffix}.parquet"

    def _all_labels(self, tagger: Checkpoint) -> Dataset:
        predicted = label_words(tagger, self.text, self.config.ner, tokenizer=self.tokenizer)
        return pseudo_label(self.text, predicted, label_names=self.data.label_names, repair=self.options.repair)

    def _selected(self, labelled: Dataset, mrc: MrcModel | None) -> Dataset:
        frequent = self._frequent_texts(labelled)
        return select_labels(
            without_texts(labelled, frequent) if frequent else labelled,
            self.options.selection,
            level=self.options.selection_level,
            threshold=self.options.threshold,
            quota=self.options.quota,
            answers=self._answers(labelled, mrc) if self.options.selection == "agreement" else None,
        )

    def _soft_labels(self, teachers: Sequence[Checkpoint], voters: Sequence[Checkpoint]) -> Dataset:
        found = {
            tagger.key: class_probabilities(tagger, self.text, self.config.ner, tokenizer=self.tokenizer)
            for tagger in {tagger.key: tagger for tagger in (*teachers, *voters)}.values()
        }
        of_teachers, of_voters = ([found[tagger.key] for tagger in group] for group in (teachers, voters))
        return soft_label(self.text, of_teachers, of_voters, label_names=self.data.label_names)

    @functools.cached_property
    def _source(self) -> SourceEntities:
        return source_entities(self.data.source)

    def _health(self, labelled: Dataset, mrc: MrcModel | None) -> LabelHealth:
        before, last = self._last or (None, None)
        # A selection by agreement needs the answers for all sentences anyway.
        by_agreement = self.options.selection == "agreement"
        sentences = len(labelled) if by_agreement else self.options.agreement_sentences
        sample = cap(labelled, sentences, seed=self.config.seed) if sentences and mrc is not None else None
        return label_health(
            labelled,
            self._source,
            previous=before,
            previous_changed_share=None if last is None else last.changed_share,
            agreement=None if sample is None else agreement_share(entity_spans(sample), self._answers(sample, mrc)),
            agreement_sentences=0 if sample is None else len(sample),
        )

    def _answers(self, rows: Dataset, mrc: MrcModel | None) -> list[list[Span]]:
        """The entities that the MRC model finds in every row with the query of each type; kept in its folder."""
        if mrc is None:
            raise TofError(
                "labelling.selection is agreement, but no MRC stage came before this tagger. What to do: train one "
                "before it in the recipe, or choose another labelling.selection."
            )
        questions = ner_to_mrc(_untagged(rows), self.data.queries)
        file = mrc.checkpoint.folder / f"answers-{content_hash(questions)}.json"
        known = read_cached_json(file)
        if known is None:
            spans = answer_questions(mrc.checkpoint, questions, mrc.config, tokenizer=self.tokenizer)
            known = word_spans(rows["tokens"][:], questions["label"][:], spans)
            if is_main_process():
                cache_json(file, known)
        barrier()
        return [[Span(*span) for span in row] for row in known]

    def _frequent_texts(self, labelled: Dataset) -> dict[str, int]:
        """Texts that make up too large a share of the entities in the labels."""
        most = self.options.max_text_share
        return {} if most is None else frequent_texts(labelled, most)

    def _selection_record(self, labelled: Dataset, chosen: Dataset, file: Path) -> SelectionRecord:
        unsure = chosen[UNSURE][:] if UNSURE in chosen.column_names else [[]] * len(chosen)
        sure = Counter(
            span.label
            for spans, doubts in zip(entity_spans(chosen), unsure, strict=True)
            for span in spans
            if not any(doubts[span.start : span.end])
        )
        return SelectionRecord(
            by=self.options.selection,
            level=self.options.selection_level,
            no_entities=self._frequent_texts(labelled),
            file=self._in_run(file),
            sentences=len(chosen),
            unsure_words=sum(map(sum, unsure)),
            entities={label: sure[label] for label in entity_types(self.data.label_names)},
        )

    def _in_run(self, file: Path) -> str:
        return Path(os.path.relpath(file, self.config.output_dir)).as_posix()  # a shared stage is outside the run


def _untagged(rows: Dataset) -> Dataset:
    """The words alone, all of them O: questions to the MRC model do not depend on a tagger."""
    feature = rows.features["ner_tags"]
    tags = [[feature.feature.str2int("O")] * len(tokens) for tokens in rows["tokens"]]
    return rows.select_columns(["id", "tokens"]).add_column("ner_tags", tags, feature=feature)


def word_spans(
    sentences: Sequence[Sequence[str]], labels: Sequence[str], spans: Sequence[tuple[int, int, int]]
) -> list[list[tuple[int, int, str]]]:
    """For each sentence (first word, end, type) of the character spans that begin and end at word borders.

    `labels`: the types that the questions ask for, equally many questions a sentence. `spans`: (question, start, end).
    """
    kinds = len(labels) // max(1, len(sentences))
    asked: list[list[tuple[int, int, str]]] = [[] for _ in sentences]
    for question, start, end in spans:
        asked[question // kinds].append((start, end, labels[question]))
    found = []
    for tokens, of_sentence in zip(sentences, asked, strict=True):
        borders = accumulate((len(token) + 1 for token in tokens), initial=0)
        words = {position: word for word, position in enumerate(borders)}
        whole = [(start, end, label) for start, end, label in of_sentence if start in words and end + 1 in words]
        found.append([(words[start], words[end + 1], label) for start, end, label in whole])
    return found


def _cached_rows(file: Path, make: Callable[[], Dataset]) -> Dataset:
    """The rows in the file; if it is missing or damaged, they are made, and the main process writes them."""
    if not is_cached(file):
        rows = make()
        if is_main_process():
            cache_parquet(file, rows)
    barrier()
    return read_rows(file)


def read_rows(file: Path) -> Dataset:
    """The rows of labels that were kept."""
    return Dataset.from_parquet(str(file), cache_dir=str(file.parent / "cache"))
