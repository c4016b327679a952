"""The steps of Algorithm 1, each bound to the run's data and options: which rows a stage trains on is decided here."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from tof_hf.algorithm.forgetting import BestSourceF1, forgotten
from tof_hf.algorithm.history import FROM_PSEUDO_LABELS, ForgettingRecord, History, Labels
from tof_hf.algorithm.pseudo_labelling import Labelling, Reader
from tof_hf.algorithm.scores import SOURCE
from tof_hf.algorithm.scoring import Scorer
from tof_hf.algorithm.soft_labelling import soft_labels
from tof_hf.algorithm.training_data import TofData, mrc_questions, mrc_validation, ner_sentences, ner_validation
from tof_hf.config import MrcConfig, NerConfig, StageConfig, TaggerConfig, TofConfig
from tof_hf.data.mixing import mix
from tof_hf.data.readers.read import unlabelled
from tof_hf.modeling.identity import encoder_key
from tof_hf.stages.distillation import distillation_task
from tof_hf.stages.fit import fit
from tof_hf.stages.mlm import mlm_task
from tof_hf.stages.mrc import mrc_task
from tof_hf.stages.name import StageName
from tof_hf.stages.ner import ner_task
from tof_hf.stages.stage import Checkpoint, StageFolders, StageTask
from tof_hf.utils.log import say, warn


class Steps:
    """What a recipe is made of. Every step takes a checkpoint and gives one; a step that is off gives its start."""

    def __init__(
        self,
        config: TofConfig,
        data: TofData,
        scorer: Scorer,
        *,
        system: str,
        history: History | None = None,
        record: Callable[[], None] = lambda: None,
        folders: StageFolders | None = None,
    ) -> None:
        self.config, self.data, self.scorer, self.system = config, data, scorer, system
        self.history = history or History()
        self.record = record  # called whenever something is finished
        self.tokenizer = scorer.tokenizer
        self.folders = folders or StageFolders(Path(config.output_dir) / "stages")
        self.labelling = Labelling(config, data, self.tokenizer)
        self._best_source_f1 = BestSourceF1(config.forgetting.max_drop)
        self._readers: dict[str, Reader] = {}
        self.pretrained = Checkpoint("", config.model, encoder_key(config.model))

    def without_translation(self) -> Steps:
        """The same steps on data of which nothing is translated."""
        data = dataclasses.replace(self.data, translated=None)
        return type(self)(
            self.config,
            data,
            self.scorer,
            system=self.system,
            history=self.history,
            record=self.record,
            folders=self.folders,
        )

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
                stage=StageName("mlm", translated=translated is not None),
                tokenizer=self.tokenizer,
                seed=self._seed(config),
            )
        )

    def mrc(self, start: Checkpoint) -> Checkpoint:
        """Step 2: MRC on {D_t,m, D_s,m, D_s,nm}."""
        return self._mrc(start, self.config.mrc)

    def ner(self, start: Checkpoint) -> Checkpoint:
        """Step 3: NER on D_s,n, with a fresh head."""
        return self._ner(start, self.config.ner, "ner", keep_head=False)

    def pseudo_ner(self, start: Checkpoint, pseudo: Labels) -> Checkpoint:
        """Step 5: NER on the pseudo-labelled target; the head of step 3 is kept."""
        return self._ner(start, self.config.pseudo_ner, "pseudo_ner", pseudo=pseudo, keep_head=True)

    def continual_mrc(self, start: Checkpoint, pseudo: Labels, *, round: int) -> Checkpoint:
        """Step 6: MRC on {D_t,m, pseudo-MRC}; the start is a tagger, so the MRC head is fresh."""
        return self._mrc(start, self.config.continual_mrc, pseudo=pseudo, round=round)

    def continual_ner(self, start: Checkpoint, pseudo: Labels, *, round: int) -> Checkpoint:
        """Step 7: NER on the pseudo-labels, with a fresh head after MRC."""
        after_mrc = self.config.continual_mrc.enabled
        return self._ner(start, self.config.continual_ner, "ner", pseudo=pseudo, round=round, keep_head=not after_mrc)

    def translated_ner(self, start: Checkpoint) -> Checkpoint:
        """NER on the translated source alone, with a fresh head: the second teacher of UniTrans."""
        return self._translated_alone(start, "translated_ner", keep_head=False)

    def tuned_ner(self, tagger: Checkpoint) -> Checkpoint:
        """A tagger that goes on with the translated source, head and all: the third teacher of UniTrans."""
        return self._translated_alone(tagger, "tuned_ner", keep_head=True)

    def soft_label(self, teachers: Sequence[Checkpoint], voters: Sequence[Checkpoint] = ()) -> Labels:
        """The target text with the teachers' mean class probabilities and the labels that all voters give."""
        taught = soft_labels(
            self.labelling.text,
            teachers,
            voters,
            self.config,
            label_names=self.data.label_names,
            tokenizer=self.tokenizer,
        )
        self.history.soft_labels.append(taught.record)
        return taught

    def distil(self, start: Checkpoint, taught: Labels) -> Checkpoint:
        """A student that learns from `soft_label`'s rows, with a fresh head."""
        config = self.config.distillation
        validation = ner_validation(config, self.data, seed=self.config.seed)
        checkpoint = self._visit(
            distillation_task(
                start,
                config,
                stage=StageName("distillation", translated=self.data.translated is not None),
                taught=taught.rows,
                validation=validation,
                label_names=self.data.label_names,
                tokenizer=self.tokenizer,
                seed=self._seed(config),
            ),
            taught,
        )
        self._score_tagger(checkpoint, config)
        return checkpoint

    def label(self, tagger: Checkpoint) -> Labels:
        """Steps 4, 8 and 9: the target text with the tagger's labels, those that `labelling.selection` takes."""
        labels = self.labelling.label(tagger, self._reader_before(tagger))
        for known in self.history.pseudo_labels:
            if known.file == labels.record.file:
                return Labels(labels.rows, known)
        self.history.pseudo_labels.append(labels.record)
        return labels

    def pseudo_label_file(self, tagger: Checkpoint) -> Path:
        """Where the labels that `label` gives for this tagger are, or will be."""
        return self.labelling.file(tagger, self._reader_before(tagger))

    def _reader_before(self, tagger: Checkpoint) -> Reader | None:
        """The last MRC stage on the way to the tagger."""
        stage = tagger.stage
        while stage is not None and str(stage) not in self._readers:
            stage = stage.parent
        return None if stage is None else self._readers[str(stage)]

    def _mrc(self, start: Checkpoint, config: MrcConfig, *, pseudo: Labels | None = None, round: int = 0) -> Checkpoint:
        if not config.enabled:
            return start
        seed = self._seed(config)
        questions = mrc_questions(config, self.data, pseudo and pseudo.rows, seed=seed)
        translated = any(name.startswith("translated") for name in questions)
        checkpoint = self._visit(
            mrc_task(
                start,
                config,
                stage=StageName("mrc", round, translated),
                questions=questions,
                validation=mrc_validation(config, self.data, seed=self.config.seed),
                tokenizer=self.tokenizer,
                seed=seed,
            ),
            pseudo,
        )
        self._readers[checkpoint.name] = Reader(checkpoint, config)
        self._score_reader(checkpoint)
        return checkpoint

    def _ner(
        self,
        start: Checkpoint,
        config: NerConfig,
        kind: str,
        *,
        pseudo: Labels | None = None,
        round: int = 0,
        keep_head: bool,
    ) -> Checkpoint:
        if not config.enabled:
            return start
        train = functools.partial(self._train_tagger, start, pseudo=pseudo, kind=kind, round=round, keep_head=keep_head)
        return self._without_forgetting(train(config), config, retrain=functools.partial(train, mixed=True))

    def _train_tagger(
        self,
        start: Checkpoint,
        config: NerConfig,
        *,
        kind: str,
        round: int = 0,
        pseudo: Labels | None = None,
        keep_head: bool,
        mixed: bool = False,
    ) -> Checkpoint:
        seed = self._seed(config)
        sentences = ner_sentences(config, self.data, pseudo and pseudo.rows, seed=seed)
        validation = ner_validation(config, self.data, seed=self.config.seed)
        translated = "translated" in sentences or "translated" in validation
        checkpoint = self._visit(
            ner_task(
                start,
                config,
                stage=StageName(kind, round, translated, mixed),
                sentences=sentences,
                validation=validation,
                label_names=self.data.label_names,
                keep_head=keep_head,
                tokenizer=self.tokenizer,
                seed=seed,
            ),
            pseudo,
        )
        self._score_tagger(checkpoint, config)
        return checkpoint

    def _translated_alone(self, start: Checkpoint, kind: str, *, keep_head: bool) -> Checkpoint:
        """The translations in the place of the source, and so under its cap."""
        ner = self.config.ner
        config = ner.replace(use_source=False, use_translated=True, max_translated=ner.max_source)
        return self._train_tagger(start, config, kind=kind, keep_head=keep_head)

    def _without_forgetting(
        self, tagger: Checkpoint, config: NerConfig, *, retrain: Callable[[NerConfig], Checkpoint]
    ) -> Checkpoint:
        """The tagger to continue from; where it forgot too much of the source, as `forgetting.action` says."""
        f1 = self._source_f1(tagger)
        if f1 is None:
            return tagger
        drop = self._best_source_f1.drop(tagger.name, f1)
        if drop is not None:
            action = self.config.forgetting.action
            record = ForgettingRecord(**dataclasses.asdict(drop), action=action)
            self.history.forgetting.append(record)
            if action == "stop":
                self.record()
                raise forgotten(drop, self._best_source_f1.max_drop)
            warn(f"{drop}")
            if action == "mix" and not config.use_source:
                again = retrain(config.replace(use_source=True))
                record.mixed_f1 = mixed_f1 = self._source_f1(again)
                if mixed_f1 is not None and mixed_f1 > f1:
                    tagger, f1 = again, mixed_f1
                    say(f"{tagger.name}: F1 on source validation {f1:.4f}; the run continues from it")
            record.kept = tagger.name
        self._best_source_f1.keep(tagger.name, f1)
        return tagger

    def _source_f1(self, tagger: Checkpoint) -> float | None:
        """The tagger's F1 on source validation, the only score that a run may act on."""
        rows = (row for row in self.scorer.rows if row.split == SOURCE and row.checkpoint == tagger.name)
        return next((row.f1 for row in rows), None)

    def _visit(self, task: StageTask, labels: Labels | None = None) -> Checkpoint:
        self.history.stages.append(task.name)
        if labels is not None and FROM_PSEUDO_LABELS & task.rows.keys():
            labels.record.used_by.append(task.name)
        checkpoint = self._train(task)
        self.history.folders[task.name] = checkpoint.folder
        self.record()
        return checkpoint

    def _score_tagger(self, checkpoint: Checkpoint, config: TaggerConfig) -> None:
        self.scorer.tagger(checkpoint, config, system=self.system)
        self.record()

    def _score_reader(self, checkpoint: Checkpoint) -> None:
        self.scorer.reader(checkpoint, system=self.system)

    def _train(self, task: StageTask) -> Checkpoint:
        return fit(task, self.folders)

    def _seed(self, config: StageConfig) -> int:
        return self.config.seed if config.seed is None else config.seed
