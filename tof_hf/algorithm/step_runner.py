"""What the steps of Algorithm 1 have in common: choose the rows of a stage, train it, score it, note it."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, TypeVar

from transformers import PreTrainedTokenizerBase

from tof_hf.algorithm.history import History, Labels, PseudoLabels, SourceF1Alarm
from tof_hf.algorithm.labelling import Labelling, MrcModel
from tof_hf.algorithm.scores import SOURCE
from tof_hf.algorithm.scoring import Scorer
from tof_hf.algorithm.training_data import (
    TofData,
    distant_questions,
    mrc_questions,
    mrc_validation,
    ner_sentences,
    ner_validation,
)
from tof_hf.config import MrcConfig, NerConfig, StageConfig, TaggerConfig, TofConfig
from tof_hf.config.row_kinds import RowKind
from tof_hf.config.stage_name import StageName
from tof_hf.modeling.checkpoints import encoder_key
from tof_hf.stages.fit import Callbacks, fit
from tof_hf.stages.mrc import mrc_stage
from tof_hf.stages.ner import ner_stage
from tof_hf.stages.stage import Checkpoint, Stage, StageFolders, StageSetup
from tof_hf.utils.log import say, warn

AnyConfig = TypeVar("AnyConfig", bound=StageConfig)


@dataclass(eq=False)
class StepRunner:
    """Trains the stages of a recipe, scores their checkpoints and notes them in the history."""

    config: TofConfig
    data: TofData
    scorer: Scorer
    _: KW_ONLY
    system: str
    folders: StageFolders
    history: History = field(default_factory=History)
    record: Callable[[], None] = lambda: None
    callbacks: Callbacks = ()
    teacher: int = field(default=1, init=False)
    defaults: Mapping[str, Any] = field(default_factory=dict, init=False)
    tokenizer: PreTrainedTokenizerBase = field(init=False)
    labelling: Labelling = field(init=False)

    def __post_init__(self) -> None:
        self.pretrained = Checkpoint("", self.config.model, encoder_key(self.config.model))
        self.tokenizer = self.scorer.tokenizer
        self.labelling = Labelling(self.config, self.data, self.tokenizer)
        self._source_f1_alarm = SourceF1Alarm(self.config.forgetting.max_drop)
        self._mrc_models: dict[str, MrcModel] = {}

    def _mrc_before(self, tagger: Checkpoint) -> MrcModel | None:
        """The last MRC stage on the way to the tagger."""
        stage = tagger.stage
        while stage is not None and str(stage) not in self._mrc_models:
            stage = stage.parent
        return None if stage is None else self._mrc_models[str(stage)]

    def _mrc(
        self, start: Checkpoint, config: MrcConfig, stage_name: StageName, pseudo: PseudoLabels | None = None
    ) -> Checkpoint:
        if not config.enabled:
            return start
        questions = mrc_questions(config, self.data, pseudo and pseudo.rows, seed=self._seed(config))
        stage_name = replace(stage_name, translated=any(kind.is_translated for kind in questions))
        stage = mrc_stage(
            self._setup(stage_name, start, config),
            questions=questions,
            validation=mrc_validation(config, self.data, seed=self.config.seed),
        )
        checkpoint = self._train(stage, pseudo)
        self._mrc_models[checkpoint.name] = MrcModel(checkpoint, config)
        return checkpoint

    def _distant_mrc(self, start: Checkpoint, stage_name: StageName, *, typed: bool) -> Checkpoint:
        config = self.config.mrc
        if not config.enabled:
            return start
        questions, validation = distant_questions(
            config, self.data, typed=typed, seed=self._seed(config), validation_seed=self.config.seed
        )
        setup = self._setup(stage_name, start, config)
        return self._train(mrc_stage(setup, questions=questions, validation=validation))

    def _ner(
        self,
        start: Checkpoint,
        config: NerConfig,
        stage_name: StageName,
        pseudo: PseudoLabels | None = None,
        *,
        keep_head: bool,
    ) -> Checkpoint:
        """NER, and if that forgets too much of the source, what `forgetting.action` asks for."""
        if not config.enabled:
            return start
        train = functools.partial(self._train_tagger, start, pseudo=pseudo, keep_head=keep_head)
        retrain = functools.partial(train, config.replace(use_source=True), replace(stage_name, mixed=True))
        return self._without_forgetting(train(config, stage_name), None if config.use_source else retrain)

    def _train_tagger(
        self,
        start: Checkpoint,
        config: NerConfig,
        stage_name: StageName,
        *,
        pseudo: PseudoLabels | None,
        keep_head: bool,
    ) -> Checkpoint:
        sentences = ner_sentences(config, self.data, pseudo and pseudo.rows, seed=self._seed(config))
        validation = ner_validation(config, self.data, seed=self.config.seed)
        stage_name = replace(stage_name, translated=RowKind.TRANSLATED in {*sentences, *validation})
        stage = ner_stage(
            self._setup(stage_name, start, config),
            sentences=sentences,
            validation=validation,
            label_names=self.data.label_names,
            keep_head=keep_head,
        )
        return self._train(stage, pseudo)

    def _translated_alone(self, start: Checkpoint, stage_name: StageName, *, keep_head: bool) -> Checkpoint:
        """NER on the translations instead of the source, with the same cap."""
        ner = self.config.ner
        config = ner.replace(use_source=False, use_translated=True, max_translated=ner.max_source)
        return self._train_tagger(start, config, stage_name, pseudo=None, keep_head=keep_head)

    def _without_forgetting(self, tagger: Checkpoint, retrain: Callable[[], Checkpoint] | None) -> Checkpoint:
        """The tagger to continue from. `retrain`: trains it with source sentences; None if it already was."""
        f1 = self._source_f1(tagger)
        if f1 is None:
            return tagger
        drop = self._source_f1_alarm.check(tagger.name, f1)
        if drop is not None:
            drop.action = self.config.forgetting.action
            self.history.forgetting.append(drop)
            if drop.action == "stop":
                self.record()
                raise self._source_f1_alarm.error(drop)
            warn(f"{drop}")
            if drop.action == "mix" and retrain is not None:
                mixed = retrain()
                drop.mixed_f1 = mixed_f1 = self._source_f1(mixed)
                if mixed_f1 is not None and mixed_f1 > f1:
                    tagger, f1 = mixed, mixed_f1
                    say(f"{tagger.name}: F1 on source validation {f1:.4f}; the run continues from it")
            drop.kept = tagger.name
        self._source_f1_alarm.keep(tagger.name, f1)
        return tagger

    def _source_f1(self, tagger: Checkpoint) -> float | None:
        """The tagger's F1 on source validation, the only score that a run may act on."""
        rows = (row for row in self.scorer.rows if row.split == SOURCE and row.checkpoint == tagger.name)
        return next((row.f1 for row in rows), None)

    def _train(self, stage: Stage, labels: Labels[Any] | None = None) -> Checkpoint:
        """The checkpoint of the stage, trained, scored and noted. `labels`: those that it can learn from."""
        self.history.stages.append(stage.name)
        if labels is not None and stage.learns_from_taggers:
            labels.record.used_by.append(stage.name)
        checkpoint = self._fit(stage)
        self.history.folders[stage.name] = checkpoint.folder
        self.record()
        self._score(checkpoint, stage.config)
        return checkpoint

    def _fit(self, stage: Stage) -> Checkpoint:
        return fit(stage, self.folders, self.callbacks)

    def _setup(self, stage_name: StageName, start: Checkpoint, config: AnyConfig) -> StageSetup[AnyConfig]:
        plain, config = config.filled({}), config.filled(self.defaults)
        stage_name = replace(stage_name, teacher=self.teacher, recipe="" if config == plain else self.system)
        setup = StageSetup(stage_name, start, config, self.tokenizer, self._seed(config))
        named = {"run_name": f"{self.config.target.name} {setup.name}"} | config.training  # for trackers (report_to)
        return replace(setup, config=config.model_copy(update={"training": named}))

    def _score(self, checkpoint: Checkpoint, config: StageConfig) -> None:
        if isinstance(config, MrcConfig):
            self.scorer.mrc(checkpoint, system=self.system)
        elif isinstance(config, TaggerConfig):
            self.scorer.tagger(checkpoint, config, system=self.system)
            self.record()

    def _seed(self, config: StageConfig) -> int:
        return (self.config.seed if config.seed is None else config.seed) + self.teacher - 1
