"""The steps of Algorithm 1, each bound to the run's data and options: which rows a stage trains on is decided here."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from datasets import Dataset

from tof_hf.config import MrcConfig, NerConfig, StageConfig, TaggerConfig, TofConfig
from tof_hf.data.mixing import mix
from tof_hf.data.sources import unlabelled
from tof_hf.forgetting import SourceMemory, forgotten
from tof_hf.inputs import TofData
from tof_hf.journey import FROM_PSEUDO_LABELS, Journey
from tof_hf.labelling import Labelling, Reader
from tof_hf.mixtures import mrc_questions, mrc_validation, ner_sentences, ner_validation
from tof_hf.modeling.identity import encoder_key
from tof_hf.run_folder import say, warn
from tof_hf.scoring import SOURCE, Scorer
from tof_hf.stages.base import fit
from tof_hf.stages.distillation import distillation_task
from tof_hf.stages.folders import StageFolders
from tof_hf.stages.mlm import mlm_task
from tof_hf.stages.mrc import mrc_task
from tof_hf.stages.ner import ner_task
from tof_hf.stages.task import Checkpoint, StageTask
from tof_hf.teaching import soft_labels

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
        folders: StageFolders | None = None,
    ) -> None:
        self.config, self.data, self.scorer, self.system = config, data, scorer, system
        self.journey = journey or Journey()
        self.record = record  # called whenever something is finished
        self.tokenizer = scorer.tokenizer
        self.folders = folders or StageFolders(Path(config.output_dir) / "stages")
        self.labelling = Labelling(config, data, self.tokenizer)
        self._memory = SourceMemory(config.forgetting.max_drop)
        self._readers: dict[str, Reader] = {}
        self.pretrained = Checkpoint("", config.model, encoder_key(config.model))

    def without_translation(self) -> Steps:
        """The same steps on data of which nothing is translated."""
        data = dataclasses.replace(self.data, translated=None)
        same = {"journey": self.journey, "record": self.record, "folders": self.folders}
        return type(self)(self.config, data, self.scorer, system=self.system, **same)

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

    def translated_ner(self, start: Checkpoint) -> Checkpoint:
        """NER on the translated source alone, with a fresh head: the second teacher of UniTrans."""
        return self._translated_alone(start, "translated_ner", keep_head=False)

    def tuned_ner(self, tagger: Checkpoint) -> Checkpoint:
        """A tagger that goes on with the translated source, head and all: the third teacher of UniTrans."""
        return self._translated_alone(tagger, "tuned_ner", keep_head=True)

    def soft_label(self, teachers: Sequence[Checkpoint], voters: Sequence[Checkpoint] = ()) -> Dataset:
        """The target text with the teachers' mean class probabilities and the labels that all voters give."""
        options = {"label_names": self.data.label_names, "tokenizer": self.tokenizer}
        taught, record = soft_labels(self.labelling.text, teachers, voters, self.config, **options)
        self.journey.soft_labels.append(record)
        taught.info.description = record["file"]
        return taught

    def distil(self, start: Checkpoint, taught: Dataset) -> Checkpoint:
        """A student that learns from `soft_label`'s rows, with a fresh head."""
        config = self.config.distillation
        validation = ner_validation(config, self.data, seed=self.config.seed)
        checkpoint = self._visit(
            distillation_task(
                start,
                config,
                stage=_named("distillation", self.data.translated is not None),
                taught=taught,
                validation=validation,
                label_names=self.data.label_names,
                tokenizer=self.tokenizer,
                seed=self._seed(config),
            ),
            taught,
        )
        self._score_tagger(checkpoint, config, "distillation", round=0)
        return checkpoint

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
        questions = mrc_questions(config, self.data, pseudo, seed=seed)
        checkpoint = self._visit(
            mrc_task(
                start,
                config,
                stage=_named(f"{stage}{round or ''}", any(name.startswith("translated") for name in questions)),
                questions=questions,
                validation=mrc_validation(config, self.data, seed=self.config.seed),
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
        sentences = ner_sentences(config, self.data, pseudo, seed=seed)
        validation = ner_validation(config, self.data, seed=self.config.seed)
        touched = "translated" in sentences or "translated" in validation
        checkpoint = self._visit(
            ner_task(
                start,
                config,
                stage=_named(f"{stage}{round or ''}", touched) + end,
                sentences=sentences,
                validation=validation,
                label_names=self.data.label_names,
                keep_head=keep_head,
                tokenizer=self.tokenizer,
                seed=seed,
            ),
            pseudo,
        )
        self._score_tagger(checkpoint, config, f"{stage}{end}", round)
        return checkpoint

    def _translated_alone(self, start: Checkpoint, stage: str, *, keep_head: bool) -> Checkpoint:
        """The translations in the place of the source, and so under its cap."""
        ner = self.config.ner
        config = dataclasses.replace(ner, use_source=False, use_translated=True, max_translated=ner.max_source)
        return self._train_tagger(start, config, stage, pseudo=None, round=0, keep_head=keep_head)

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
            for entry in (*self.journey.pseudo_labels, *self.journey.soft_labels):
                if entry["file"] == pseudo.info.description:
                    entry["used_by"].append(task.name)
        checkpoint = self._carry_out(task)
        self.journey.folders[task.name] = checkpoint.folder
        self.record()
        return checkpoint

    def _score_tagger(self, checkpoint: Checkpoint, config: TaggerConfig, stage: str, round: int) -> None:
        self.scorer.tagger(checkpoint, config, system=self.system, stage=stage, round=round)
        self.record()

    def _score_reader(self, checkpoint: Checkpoint, stage: str, round: int) -> None:
        self.scorer.reader(checkpoint, system=self.system, stage=stage, round=round)

    def _carry_out(self, task: StageTask) -> Checkpoint:
        return fit(task, self.folders)

    def _seed(self, config: StageConfig) -> int:
        return self.config.seed if config.seed is None else config.seed


def _named(stage: str, translated: bool) -> str:
    """The stage's name in its folder's: another one with translations, so that no system replaces another's."""
    return f"{stage}_tr" if translated else stage
