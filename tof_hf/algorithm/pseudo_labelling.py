"""Steps 4, 8 and 9: a tagger labels the target text; the labels are checked, and those to train on selected."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tof_hf.algorithm.history import LabellingRecord, Labels, SelectionRecord
from tof_hf.algorithm.training_data import TofData
from tof_hf.config import MrcConfig, TofConfig
from tof_hf.data.fingerprint import content_hash
from tof_hf.data.label_checks import LabelHealth, SourceEntities, agreement_share, label_health, source_entities
from tof_hf.data.label_selection import UNSURE, entity_spans, frequent_texts, select_labels, without_texts
from tof_hf.data.labels import Span, entity_types
from tof_hf.data.mixing import cap
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.data.pseudo_labels import label_statistics, pseudo_label
from tof_hf.errors import TofError
from tof_hf.stages.mrc import answer_questions
from tof_hf.stages.ner import label_words
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
    """Labels the target text for one system; the health of each labelling is measured against the previous one."""

    def __init__(self, config: TofConfig, data: TofData, tokenizer: PreTrainedTokenizerBase) -> None:
        self.config, self.data, self.tokenizer = config, data, tokenizer
        self._last: tuple[Dataset, LabelHealth] | None = None

    def label(self, tagger: Checkpoint, mrc: MrcModel | None) -> Labels[LabellingRecord]:
        """The labels to train on; their rows are kept as Parquet in the tagger's folder.

        `mrc`: the last MRC stage on the way to the tagger. Raises TofError if labels are selected by agreement with
        it and there is none.
        """
        labelled = self._all_labels(tagger)
        health = self._health(labelled, mrc)
        self._last = (labelled, health)
        counted = label_statistics(labelled)
        say(f"{tagger.name}: {sum(counted['entities'].values()):,} entities labelled in {len(labelled):,} sentences")
        for alarm in health.alarms:
            warn(f"{tagger.name}: labels: {alarm}")
        chosen = self._chosen(labelled, tagger, mrc)
        selection = None
        if chosen is not labelled:
            selection = self._selection_record(tagger, chosen, self.file(tagger, mrc))
            say(f"{tagger.name}: {selection.sentences:,} of these sentences are selected for training")
        file = self._in_run(self._file(tagger))
        return Labels(
            chosen, LabellingRecord(tagger=tagger.name, file=file, health=health, selection=selection, **counted)
        )

    def file(self, tagger: Checkpoint, mrc: MrcModel | None) -> Path:
        """Where the rows to train on are, or will be; the name includes all that they depend on."""
        options, whole = self.config.labelling, self._file(tagger)
        parts = [whole.stem, f"texts{options.max_text_share}"] if self._frequent_texts(tagger) else [whole.stem]
        if options.selection == "all":
            return whole.with_stem("-".join(parts))
        number = {"threshold": options.threshold, "per_type_quota": options.quota}.get(options.selection)
        on = number if mrc is None or options.selection != "agreement" else mrc.checkpoint.key
        return whole.with_stem("-".join([*parts, options.selection, options.selection_level, str(on)]))

    def _file(self, tagger: Checkpoint) -> Path:
        suffix = "" if self.config.labelling.repair else "-unrepaired"
        return tagger.folder / f"pseudo-{content_hash(self.text)}{suffix}.parquet"

    @functools.cached_property
    def text(self) -> Dataset:
        """The target sentences that taggers label."""
        return cap(self.data.target, self.config.labelling.max_sentences, seed=self.config.seed)

    @functools.cached_property
    def _source(self) -> SourceEntities:
        return source_entities(self.data.source)

    def _all_labels(self, tagger: Checkpoint) -> Dataset:
        file = self._file(tagger)
        if not is_cached(file):
            predicted = label_words(tagger, self.text, self.config.ner, tokenizer=self.tokenizer)
            repair, names = self.config.labelling.repair, self.data.label_names
            write_rows(pseudo_label(self.text, predicted, label_names=names, repair=repair), file)
        barrier()
        return read_rows(file)

    def _chosen(self, labelled: Dataset, tagger: Checkpoint, mrc: MrcModel | None) -> Dataset:
        options, file = self.config.labelling, self.file(tagger, mrc)
        if file == self._file(tagger):
            return labelled
        if not is_cached(file):
            frequent = self._frequent_texts(tagger)
            chosen = select_labels(
                without_texts(labelled, frequent) if frequent else labelled,
                options.selection,
                level=options.selection_level,
                threshold=options.threshold,
                quota=options.quota,
                answers=self._answers(labelled, mrc) if options.selection == "agreement" else None,
            )
            write_rows(chosen, file)
        barrier()
        return read_rows(file)

    def _health(self, labelled: Dataset, mrc: MrcModel | None) -> LabelHealth:
        before, last = self._last or (None, None)
        options = self.config.labelling
        # A selection by agreement needs the answers for all sentences anyway.
        sentences = len(labelled) if options.selection == "agreement" else options.agreement_sentences
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
        names = self.data.label_names
        questions = ner_to_mrc(_untagged(rows, names), self.data.queries)
        file = mrc.checkpoint.folder / f"answers-{content_hash(questions)}.json"
        known = read_cached_json(file)
        if known is None:
            spans = answer_questions(mrc.checkpoint, questions, mrc.config, tokenizer=self.tokenizer)
            known = _word_spans(rows["tokens"][:], questions["label"][:], spans)
            if is_main_process():
                cache_json(file, known)
        barrier()
        return [[Span(*span) for span in row] for row in known]

    def _frequent_texts(self, tagger: Checkpoint) -> dict[str, int]:
        """Texts that make up too large a share of the entities in the tagger's labels; none without labels."""
        most, file = self.config.labelling.max_text_share, self._file(tagger)
        return {} if most is None or not is_cached(file) else frequent_texts(read_rows(file), most)

    def _selection_record(self, tagger: Checkpoint, chosen: Dataset, file: Path) -> SelectionRecord:
        options = self.config.labelling
        unsure = chosen[UNSURE][:] if UNSURE in chosen.column_names else [[]] * len(chosen)
        sure = Counter(
            span.label
            for spans, doubts in zip(entity_spans(chosen), unsure, strict=True)
            for span in spans
            if not any(doubts[span.start : span.end])
        )
        return SelectionRecord(
            by=options.selection,
            level=options.selection_level,
            no_entities=self._frequent_texts(tagger),
            file=self._in_run(file),
            sentences=len(chosen),
            unsure_words=sum(map(sum, unsure)),
            entities={label: sure[label] for label in entity_types(self.data.label_names)},
        )

    def _in_run(self, file: Path) -> str:
        return Path(os.path.relpath(file, self.config.output_dir)).as_posix()  # a shared stage is outside the run


def _untagged(rows: Dataset, names: Sequence[str]) -> Dataset:
    """The words alone, all of them O: questions to the MRC model do not depend on a tagger."""
    tags = [[names.index("O")] * len(tokens) for tokens in rows["tokens"]]
    return rows.select_columns(["id", "tokens"]).add_column("ner_tags", tags, feature=rows.features["ner_tags"])


def _word_spans(
    sentences: Sequence[Sequence[str]], labels: Sequence[str], spans: Sequence[tuple[int, int, int]]
) -> list[list[tuple[int, int, str]]]:
    """For each sentence (first word, end, type) of the character spans that begin and end at word borders."""
    kinds = len(labels) // max(1, len(sentences))
    found: list[list[tuple[int, int, str]]] = [[] for _ in sentences]
    by_sentence: dict[int, list[tuple[int, int, int]]] = {}
    for question, start, end in spans:
        by_sentence.setdefault(question // kinds, []).append((question, start, end))
    for sentence, asked in by_sentence.items():
        starts, ends, position = {}, {}, 0
        for word, token in enumerate(sentences[sentence]):
            starts[position], ends[position + len(token)] = word, word + 1
            position += len(token) + 1
        whole = [span for span in asked if span[1] in starts and span[2] in ends]
        found[sentence] = [(starts[start], ends[end], labels[question]) for question, start, end in whole]
    return found


def write_rows(rows: Dataset, file: Path) -> None:
    """Keep the rows as Parquet, all or nothing; only the main process writes."""
    if is_main_process():
        cache_parquet(file, rows)


def read_rows(file: Path) -> Dataset:
    """The rows that `write_rows` wrote."""
    return Dataset.from_parquet(str(file), cache_dir=str(file.parent / "cache"))
