"""The steps of Algorithm 1, each bound to the run's data and options: which rows a stage trains on is decided here."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

from datasets import Dataset

from tof_hf.config import MrcConfig, NerConfig, StageConfig, TofConfig
from tof_hf.data.conversion import ner_to_mrc
from tof_hf.data.mixing import cap, mix
from tof_hf.data.sources import unlabelled
from tof_hf.forgetting import SourceMemory, forgotten
from tof_hf.inputs import TofData
from tof_hf.journey import FROM_PSEUDO_LABELS, Journey
from tof_hf.labelling import Labelling, Reader
from tof_hf.modeling.identity import encoder_key
from tof_hf.run_folder import say, warn
from tof_hf.scoring import SOURCE, Scorer
from tof_hf.stages.base import fit
from tof_hf.stages.mlm import mlm_task
from tof_hf.stages.mrc import mrc_task
from tof_hf.stages.ner import ner_task
from tof_hf.stages.task import Checkpoint, StageTask

MIXED = "_mix"  # the end of the name of a stage that was trained again with source sentences


class Steps:
    """What a recipe is made of. Every step takes a checkpoint and gives one; a step that is off gives its start."""

    def __init__(
        self,
        config: TofConfig,
        data: TofData,
        scorer: Scorer,
        *,
        system: str,
        journey: Journey | None = None,
        record: Callable[[], None] = lambda: None,
    ) -> None:
        self.config, self.data, self.scorer, self.system = config, data, scorer, system
        self.journey = journey or Journey()
        self.record = record  # called whenever something is finished
        self.tokenizer = scorer.tokenizer
        self.folder = Path(config.output_dir) / "stages"
        self.labelling = Labelling(config, data, self.tokenizer)
        self._memory = SourceMemory(config.forgetting.max_drop)
        self._readers: dict[str, Reader] = {}
        self.pretrained = Checkpoint("", config.model, encoder_key(config.model))

    def without_translation(self) -> Steps:
        """The same steps on data of which nothing is translated."""
        data = dataclasses.replace(self.data, translated=None)
        return type(self)(self.config, data, self.scorer, system=self.system, journey=self.journey, record=self.record)

    def mlm(self, start: Checkpoint) -> Checkpoint:
        """Step 1: MLM on {D_t,no, D_s,no}."""
        config = self.config.mlm
        if not config.enabled:
            return start
        target = self.data.target
        if config.include_target_test:
            target = mix([target, self.data.target_test], columns=["id", "tokens"])
        translated = self.data.translated if config.use_translated else None
        return self._visit(
            mlm_task(
                start,
                config,
                base=self.config.model,
                target=target,
                source=unlabelled(self.data.source),
                translated=None if translated is None else unlabelled(translated.source),
                stage=_named("mlm", translated is not None),
                tokenizer=self.tokenizer,
                seed=self._seed(config),
            )
        )

    def mrc(self, start: Checkpoint) -> Checkpoint:
        """Step 2: MRC on {D_t,m, D_s,m, D_s,nm}."""
        return self._mrc(start, self.config.mrc, "mrc", round=0)

    def ner(self, start: Checkpoint) -> Checkpoint:
        """Step 3: NER on D_s,n, with a fresh head."""
        return self._ner(start, self.config.ner, "ner", round=0, keep_head=False)

    def pseudo_ner(self, start: Checkpoint, pseudo: Dataset) -> Checkpoint:
        """Step 5: NER on the pseudo-labelled target; the head of step 3 goes on."""
        return self._ner(start, self.config.pseudo_ner, "pseudo_ner", pseudo=pseudo, round=0, keep_head=True)

    def continual_mrc(self, start: Checkpoint, pseudo: Dataset, *, round: int) -> Checkpoint:
        """Step 6: MRC on {D_t,m, pseudo-MRC}; the start is a tagger, so the MRC head is fresh."""
        return self._mrc(start, self.config.continual_mrc, "mrc", pseudo=pseudo, round=round)

    def continual_ner(self, start: Checkpoint, pseudo: Dataset, *, round: int) -> Checkpoint:
        """Step 7: NER on the pseudo-labels, with a fresh head after MRC."""
        after_mrc = self.config.continual_mrc.enabled
        return self._ner(start, self.config.continual_ner, "ner", pseudo=pseudo, round=round, keep_head=not after_mrc)

    def label(self, tagger: Checkpoint) -> Dataset:
        """Steps 4, 8 and 9: the target text with the tagger's labels, those that `labelling.selection` takes."""
        labelled, record = self.labelling.label(tagger, self._reader_before(tagger))
        if all(entry["file"] != record["file"] for entry in self.journey.pseudo_labels):
            self.journey.pseudo_labels.append(record)
        labelled.info.description = record["file"]  # goes along when rows are chosen or columns dropped
        return labelled

    def pseudo_label_file(self, tagger: Checkpoint) -> Path:
        """Where the labels that `label` gives for this tagger are, or will be."""
        return self.labelling.file(tagger, self._reader_before(tagger))

    def _reader_before(self, tagger: Checkpoint) -> Reader | None:
        """The last MRC stage on the way to the tagger."""
        on_the_way = [name for name in self._readers if tagger.name.startswith(f"{name}-")]
        return self._readers[max(on_the_way, key=len)] if on_the_way else None

    def _mrc(
        self, start: Checkpoint, config: MrcConfig, stage: str, *, pseudo: Dataset | None = None, round: int
    ) -> Checkpoint:
        if not config.enabled:
            return start
        seed = self._seed(config)
        translated = self.data.translated
        kinds: dict[str, tuple[bool, int | None, Dataset | None, Callable[[Dataset], Dataset]]] = {
            "target_qa": (config.use_target_qa, config.max_target_qa, self.data.target_qa, _same),
            "source_qa": (config.use_source_qa, config.max_source_qa, self.data.source_qa, _same),
            "ner_mrc": (config.use_ner_mrc, config.max_ner_mrc, self.data.source, self._to_mrc),
            "pseudo_mrc": (config.use_pseudo_mrc, config.max_pseudo_mrc, pseudo, self._to_mrc),
        }
        if translated is not None:
            queries = translated.queries
            to_mrc = functools.partial(ner_to_mrc, queries=queries)
            kinds["translated_qa"] = (config.use_translated_qa, config.max_translated_qa, translated.source_qa, _same)
            kinds["translated_ner_mrc"] = (
                config.use_translated_ner_mrc, config.max_translated_ner_mrc, translated.source, to_mrc
            )  # fmt: skip
        questions = {
            name: convert(cap(rows, limit, seed=_drawing(name, seed)))
            for name, (wanted, limit, rows, convert) in kinds.items()
            if wanted and rows is not None
        }
        validation = {"ner_mrc": self._to_mrc(cap(self.data.validation, config.max_validation, seed=self.config.seed))}
        if self.data.validation_qa is not None:
            validation["qa"] = self.data.validation_qa
        checkpoint = self._visit(
            mrc_task(
                start,
                config,
                stage=_named(f"{stage}{round or ''}", any(name.startswith("translated") for name in questions)),
                questions=questions,
                validation=validation,
                tokenizer=self.tokenizer,
                seed=seed,
            ),
            pseudo,
        )
        self._readers[checkpoint.name] = Reader(checkpoint, config)
        self._score_reader(checkpoint, stage, round)
        return checkpoint

    def _ner(
        self,
        start: Checkpoint,
        config: NerConfig,
        stage: str,
        *,
        pseudo: Dataset | None = None,
        round: int,
        keep_head: bool,
    ) -> Checkpoint:
        if not config.enabled:
            return start
        train = functools.partial(self._train_tagger, start, pseudo=pseudo, round=round, keep_head=keep_head)
        return self._remembering(train(config, stage), config, retrain=lambda mixed: train(mixed, stage, end=MIXED))

    def _train_tagger(
        self,
        start: Checkpoint,
        config: NerConfig,
        stage: str,
        *,
        pseudo: Dataset | None,
        round: int,
        keep_head: bool,
        end: str = "",
    ) -> Checkpoint:
        seed = self._seed(config)
        translated = self.data.translated
        kinds = {
            "source": (config.use_source, config.max_source, self.data.source),
            "translated": (config.use_translated, config.max_translated, translated and translated.source),
            "pseudo": (config.use_pseudo, config.max_pseudo, pseudo),
        }
        sentences = {
            name: cap(rows, limit, seed=_drawing(name, seed))
            for name, (wanted, limit, rows) in kinds.items()
            if wanted and rows is not None
        }
        if config.equal_sizes:
            least = min(map(len, sentences.values()))
            sentences = {
                name: rows if name == "source" else cap(rows, least, seed=_drawing(name, seed))
                for name, rows in sentences.items()
            }
        validation = {"source": self.data.validation}
        if translated is not None and config.validate_translated:
            validation["translated"] = translated.validation
        limit = config.max_validation
        touched = "translated" in sentences or len(validation) > 1
        checkpoint = self._visit(
            ner_task(
                start,
                config,
                stage=_named(f"{stage}{round or ''}", touched) + end,
                sentences=sentences,
                validation={name: cap(rows, limit, seed=self.config.seed) for name, rows in validation.items()},
                label_names=self.data.label_names,
                keep_head=keep_head,
                tokenizer=self.tokenizer,
                seed=seed,
            ),
            pseudo,
        )
        self._score_tagger(checkpoint, config, f"{stage}{end}", round)
        return checkpoint

    def _remembering(
        self, tagger: Checkpoint, config: NerConfig, *, retrain: Callable[[NerConfig], Checkpoint]
    ) -> Checkpoint:
        """The tagger to go on from; where it forgot too much of the source, what `forgetting.action` makes of it."""
        f1 = self._source_f1(tagger)
        if f1 is None:
            return tagger
        drop = self._memory.drop(tagger.name, f1)
        if drop is not None:
            record = dataclasses.asdict(drop) | {"action": self.config.forgetting.action, "mixed_f1": None}
            self.journey.forgetting.append(record)
            if self.config.forgetting.action == "stop":
                self.record()
                raise forgotten(drop, self._memory.max_drop)
            warn(f"{drop}")
            if self.config.forgetting.action == "mix" and not config.use_source:
                again = retrain(dataclasses.replace(config, use_source=True))
                record["mixed_f1"] = mixed_f1 = self._source_f1(again)
                if mixed_f1 is not None and mixed_f1 > f1:
                    tagger, f1 = again, mixed_f1
                    say(f"{tagger.name}: F1 on source validation {f1:.4f}, the run goes on from here")
            record["kept"] = tagger.name
        self._memory.keep(tagger.name, f1)
        return tagger

    def _source_f1(self, tagger: Checkpoint) -> float | None:
        """The tagger's F1 on source validation, the only score that a run may act on."""
        rows = (row for row in self.scorer.rows if row["split"] == SOURCE and row["checkpoint"] == tagger.name)
        return next((row["f1"] for row in rows), None)

    def _visit(self, task: StageTask, pseudo: Dataset | None = None) -> Checkpoint:
        self.journey.stages.append(task.name)
        if pseudo is not None and FROM_PSEUDO_LABELS & task.rows.keys():
            for entry in self.journey.pseudo_labels:
                if entry["file"] == pseudo.info.description:
                    entry["used_by"].append(task.name)
        checkpoint = self._carry_out(task)
        self.record()
        return checkpoint

    def _score_tagger(self, checkpoint: Checkpoint, config: NerConfig, stage: str, round: int) -> None:
        self.scorer.tagger(checkpoint, config, system=self.system, stage=stage, round=round)
        self.record()

    def _score_reader(self, checkpoint: Checkpoint, stage: str, round: int) -> None:
        self.scorer.reader(checkpoint, system=self.system, stage=stage, round=round)

    def _carry_out(self, task: StageTask) -> Checkpoint:
        return fit(task, self.folder)

    def _to_mrc(self, dataset: Dataset) -> Dataset:
        return ner_to_mrc(dataset, self.data.queries)

    def _seed(self, config: StageConfig) -> int:
        return self.config.seed if config.seed is None else config.seed


def _drawing(name: str, seed: int) -> int:
    """The seed that draws rows of this kind: another one for translations, or the same sentences would come twice."""
    return seed + 1 if name.startswith("translated") else seed


def _named(stage: str, translated: bool) -> str:
    """The stage's name in its folder's: another one with translations, so that no system replaces another's."""
    return f"{stage}_tr" if translated else stage


def _same(dataset: Dataset) -> Dataset:
    return dataset
