"""The steps of Algorithm 1, bound to a run's data and options; recipes are written in them."""

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

from tof_hf.algorithm.history import Labels, PseudoLabels, SoftLabels
from tof_hf.algorithm.step_runner import StepRunner
from tof_hf.algorithm.training_data import mlm_target, ner_validation
from tof_hf.config.row_kinds import RowKind
from tof_hf.config.stage_name import StageName
from tof_hf.data.readers.read import unlabelled
from tof_hf.modeling.checkpoints import read_config
from tof_hf.modeling.freezing import layers_to_freeze
from tof_hf.stages.distillation import distillation_stage
from tof_hf.stages.mlm import mlm_stage
from tof_hf.stages.stage import Checkpoint
from tof_hf.utils.log import say

Step = TypeVar("Step", bound=Callable[..., Checkpoint])

STEPS: dict[str, str] = {}
"""The kind of stage that each step trains, by the name of its method."""


def step(kind: str) -> Callable[[Step], Step]:
    """Marks a method of `Steps` that trains one stage of this kind, so that checks and searches know it."""

    def mark(method: Step) -> Step:
        STEPS[method.__name__] = kind
        return method

    return mark


class Steps(StepRunner):
    """The steps of Algorithm 1, bound to the data and options of a run; a recipe is written in them.

    A step takes the checkpoint that training starts from and returns the one it ends with; a step whose stage is
    disabled returns its start. Finished stages are reused, interrupted ones resumed.

    Args:
        config: The run's options.
        data: The run's training data; it holds no label of the target.
        scorer: Scores each tagger on labelled splits, which the steps cannot read.
        system: The recipe's name in the scores.
        folders: Where the stages are stored.
        history: What the recipe did is added here.
        record: Called after each stage and score, to write the run's record.
        callbacks: Added to the Trainer of every stage.

    Attributes:
        pretrained: The pretrained encoder, the first start.

    Example:
        >>> def source_only_then_pseudo_labels(do: Steps) -> Checkpoint:
        ...     tagger = do.ner(do.pretrained)
        ...     return do.pseudo_ner(tagger, do.label(tagger))
    """

    def without_translation(self) -> Self:
        """The same steps without the translated source data.

        Returns:
            Steps that share everything else with these.
        """
        steps = copy.copy(self)
        steps.data = dataclasses.replace(self.data, translated=None)
        return steps

    def with_defaults(self, defaults: Mapping[str, Any]) -> Self:
        """The same steps with a recipe's defaults for options of the stages that are null in the run file.

        Args:
            defaults: Values by option. Of an encoder with too few layers, the highest is not frozen.

        Returns:
            Steps that share everything else with these.
        """
        steps, defaults = copy.copy(self), dict(defaults)
        if count := defaults.get("freeze_layers"):
            most = max(0, layers_to_freeze(read_config(self.config.model)) - 1)
            if count > most:
                say(f"{self.system}: {most} layers are frozen instead of {count}; the encoder has no more to freeze")
            defaults["freeze_layers"] = min(count, most)
        steps.defaults = defaults
        self.history.defaults.update(defaults)
        return steps

    def teachers(self) -> list[Self]:
        """The same steps once for each of `labelling.teachers`: the first with the run's seed, each next with one more.

        Returns:
            These steps, and steps that differ only in the seed and the names of their stages (`ner_teacher2`).
        """
        return [self, *map(self._with_teacher, range(2, self.config.labelling.teachers + 1))]

    def _with_teacher(self, number: int) -> Self:
        steps = copy.copy(self)
        steps.teacher = number
        return steps

    @step("mlm")
    def mlm(self, start: Checkpoint) -> Checkpoint:
        """Step 1 (lines 1-2): masked language modelling on {D_t,no, D_s,no}.

        Args:
            start: The encoder to train.

        Returns:
            The checkpoint after the last epoch; there is no validation data for this stage.
        """
        config = self.config.mlm
        if not config.enabled:
            return start
        translated = self.data.translated if config.use_translated else None
        stage = mlm_stage(
            self._setup(StageName("mlm", translated=translated is not None), start, config),
            base=self.config.model,
            target=mlm_target(config, self.data),
            source=unlabelled(self.data.source),
            translated=None if translated is None else unlabelled(translated.source),
        )
        return self._train(stage)

    @step("mrc")
    def mrc(self, start: Checkpoint) -> Checkpoint:
        """Step 2 (lines 3-4): MRC, with a fresh head, on {D_t,m, D_s,m, D_s,nm}.

        Args:
            start: The encoder to train.

        Returns:
            The checkpoint with the best span F1 on source validation questions.
        """
        return self._mrc(start, self.config.mrc, StageName("mrc"))

    @step("span_mrc")
    def span_mrc(self, start: Checkpoint) -> Checkpoint:
        """The first stage of COFEE: MRC on labels from elsewhere, which asks for entities of any type.

        Args:
            start: The encoder to train.

        Returns:
            The checkpoint with the best span F1 on source validation questions, which ask for any entity too.
        """
        return self._distant_mrc(start, StageName("span_mrc"), typed=False)

    @step("typed_mrc")
    def typed_mrc(self, start: Checkpoint) -> Checkpoint:
        """The second stage of COFEE: MRC on labels from elsewhere, with a question for each type that they have.

        Args:
            start: The encoder to train.

        Returns:
            The checkpoint with the best span F1 on source validation questions.
        """
        return self._distant_mrc(start, StageName("typed_mrc"), typed=True)

    @step("source_mrc")
    def source_mrc(self, start: Checkpoint) -> Checkpoint:
        """The last stage of COFEE: MRC on D_s,nm alone.

        Args:
            start: The encoder to train.

        Returns:
            The checkpoint with the best span F1 on source validation questions.
        """
        others = [kind.use for kind in self.config.mrc.row_kinds() if kind is not RowKind.NER_MRC]
        config = self.config.mrc.replace(use_ner_mrc=True, **dict.fromkeys(others, False))
        return self._mrc(start, config, StageName("source_mrc"))

    @step("ner")
    def ner(self, start: Checkpoint) -> Checkpoint:
        """Step 3 (lines 5-6): NER, with a fresh head, on D_s,n.

        Args:
            start: The encoder to train.

        Returns:
            The tagger with the best entity F1 on source validation sentences.
        """
        return self._ner(start, self.config.ner, StageName("ner"), keep_head=False)

    @step("pseudo_ner")
    def pseudo_ner(self, start: Checkpoint, pseudo: PseudoLabels, *, use_source: bool = False) -> Checkpoint:
        """Step 5 (lines 8-9): NER on the pseudo-labelled target; the head of step 3 is kept.

        Args:
            start: The tagger of step 3.
            pseudo: Labels from `label`.
            use_source: Trains on source sentences too, whatever `pseudo_ner.use_source` says.

        Returns:
            The tagger with the best entity F1 on source validation sentences.
        """
        config = self.config.pseudo_ner
        if use_source:
            config = config.replace(use_source=True)
        stage_name = StageName("pseudo_ner", mixed=use_source)
        return self._ner(start, config, stage_name, pseudo, keep_head=True)

    @step("mrc")
    def continual_mrc(self, start: Checkpoint, pseudo: PseudoLabels, *, round: int) -> Checkpoint:
        """Step 6 (lines 13-14): MRC on {D_t,m, pseudo-MRC}; the start is a tagger, so the MRC head is fresh.

        Args:
            start: The last tagger.
            pseudo: Labels from `label`; questions are made of them.
            round: The round of continual learning, from 1.

        Returns:
            The checkpoint with the best span F1 on source validation questions.
        """
        return self._mrc(start, self.config.continual_mrc, StageName("mrc", round), pseudo)

    @step("ner")
    def continual_ner(self, start: Checkpoint, pseudo: PseudoLabels, *, round: int) -> Checkpoint:
        """Step 7 (lines 15-16): NER on the pseudo-labels, with a fresh head after MRC.

        Args:
            start: The checkpoint of step 6.
            pseudo: Labels from `label`.
            round: The round of continual learning, from 1.

        Returns:
            The tagger with the best entity F1 on source validation sentences.
        """
        config, after_mrc = self.config.continual_ner, self.config.continual_mrc.enabled
        return self._ner(start, config, StageName("ner", round), pseudo, keep_head=not after_mrc)

    def label(self, tagger: Checkpoint, *others: Checkpoint) -> PseudoLabels:
        """Steps 4, 8 and 9 (lines 7, 10-11 and 17-18): pseudo-labels for D_t,no.

        Args:
            tagger: The tagger that labels.
            others: Taggers of other seeds; the labels are those with the highest mean probability of all taggers.

        Returns:
            The target sentences with its labels, those that `labelling.selection` keeps.

        Raises:
            TofError: Labels are selected by agreement with an MRC stage, and none came before the tagger.
        """
        labels = self.labelling.label([tagger, *others], self._mrc_before(tagger))
        for known in self.history.pseudo_labels:
            if known.file == labels.record.file:
                return Labels(labels.rows, known)
        self.history.pseudo_labels.append(labels.record)
        return labels

    @step("translated_ner")
    def translated_ner(self, start: Checkpoint) -> Checkpoint:
        """The second teacher of UniTrans: NER on the translated source alone, with a fresh head.

        Args:
            start: The encoder to train.

        Returns:
            The tagger with the best entity F1 on source validation sentences.
        """
        return self._translated_alone(start, StageName("translated_ner"), keep_head=False)

    @step("tuned_ner")
    def tuned_ner(self, tagger: Checkpoint) -> Checkpoint:
        """The third teacher of UniTrans: a tagger fine-tuned, head and all, on the translated source alone.

        Args:
            tagger: The tagger to fine-tune.

        Returns:
            The tagger with the best entity F1 on source validation sentences.
        """
        return self._translated_alone(tagger, StageName("tuned_ner"), keep_head=True)

    def soft_label(self, teachers: Sequence[Checkpoint], voters: Sequence[Sequence[Checkpoint]] = ()) -> SoftLabels:
        """Soft labels for D_t,no (TSL and UniTrans).

        Args:
            teachers: Taggers whose class probabilities are averaged.
            voters: Groups of taggers, such as those of several seeds. The taggers of a group, whose probabilities are
                averaged, have one vote on the hard label of each word, which counts where all groups agree.

        Returns:
            The target sentences with mean class probabilities and the labels that all voters give.
        """
        labels = self.labelling.soft_label(teachers, voters)
        self.history.soft_labels.append(labels.record)
        return labels

    @step("distillation")
    def distil(self, start: Checkpoint, soft_labels: SoftLabels) -> Checkpoint:
        """A student of other taggers, with a fresh head (TSL and UniTrans).

        Args:
            start: The encoder to train.
            soft_labels: Labels from `soft_label`.

        Returns:
            The student with the best entity F1 on source validation sentences.
        """
        config = self.config.distillation
        stage = distillation_stage(
            self._setup(StageName("distillation", translated=self.data.translated is not None), start, config),
            labelled=soft_labels.rows,
            validation=ner_validation(config, self.data, seed=self.config.seed),
            label_names=self.data.label_names,
        )
        return self._train(stage, soft_labels)
