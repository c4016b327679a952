"""The sections of a run file about training. Help texts here become docs/config.md."""

import functools
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, SerializerFunctionWrapHandler, model_serializer, model_validator

from tof_hf.config.row_kinds import RowKind
from tof_hf.config.section import Effect, Section, Whole, facts, option, row_option, shown_option, validation_row_option
from tof_hf.config.training_fields import RENAMED, RUN_OWNED, WITHOUT_EFFECT, checked_training_fields, training_fields

use_option = functools.partial(row_option, inherited=False)


class StageConfig(Section):
    """One training run: its own options, and fields of transformers.TrainingArguments among them.

    `StageConfig(max_length=64, learning_rate=1e-4)` takes both alike; `training` holds the second kind.
    """

    deciding_fields: ClassVar[frozenset[str]] = frozenset()
    """TrainingArguments fields that decide weights in this stage, though not in others."""
    has_other_rows: ClassVar[bool] = True
    """Whether there are training rows that cannot be turned off."""

    enabled: bool = shown_option(True, paper="Table 2", inherited=False)
    """Whether this stage runs; if not, the model is passed on unchanged."""
    max_length: Whole = option(128, ge=8)
    """Word pieces in one window, special tokens included."""
    stride: Whole = option(0, ge=0)
    """How far the windows of a longer text overlap, in words (MLM, NER) or pieces (MRC)."""
    seed: Whole | None = option(None, ge=0, le=2**32 - 1)
    """Seed of this stage; null takes the run's."""
    freeze_layers: Whole | None = option(None, ge=0, since_default=0, by_recipe=True)
    """Freezes the embeddings and this many of the encoder's lowest layers, so that a step takes less time; 0 freezes
    nothing. null takes the recipe's default: 3 in `tsl` and `unitrans`, else 0."""
    training: Annotated[dict[Any, Any], AfterValidator(checked_training_fields)] = option(factory=dict)
    """Fields of transformers.TrainingArguments; in a run file they are written next to the other options."""

    @model_validator(mode="before")
    @classmethod
    def _from_flat(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        own = {name: value for name, value in values.items() if name in cls.own_options()}
        return own | {"training": {name: value for name, value in values.items() if name not in own}}

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values = handler(self)
        return values | values.pop("training")

    @classmethod
    def of_preset(cls, stage: str) -> Self:
        """The stage as the `paper` preset has it."""
        from tof_hf.config.stage_values import stage_values

        return cls(**stage_values("paper", {})[stage])

    @classmethod
    def own_options(cls) -> list[str]:
        """Names of the options that are not TrainingArguments fields."""
        return [name for name in cls.model_fields if name != "training"]

    @classmethod
    def known_names(cls) -> list[str]:
        return list(dict.fromkeys([*cls.own_options(), *training_fields().model_fields]))

    @classmethod
    def explain_unknown(cls, key: str, name: str) -> str | None:
        own = "write the TrainingArguments fields in the section itself, without 'training'"
        reason = {**RUN_OWNED, **RENAMED, "training": own}.get(name)
        return reason and f"{key} cannot be set: {reason}."

    @classmethod
    def effect(cls, name: str) -> Effect:
        """What an option or TrainingArguments field decides."""
        if name in cls.own_options():
            return facts(cls.model_fields[name])["effect"]
        return "none" if name in WITHOUT_EFFECT - cls.deciding_fields else "weights"

    def rules(self) -> Iterator[tuple[str, str]]:
        if self.stride >= self.max_length:
            yield "stride", f"is {self.stride}, it must be below max_length ({self.max_length})."

    def filled(self, defaults: Mapping[str, Any]) -> Self:
        """The stage with a recipe's `defaults` for the options that are null and that a recipe may decide."""
        known = {name: facts(field) for name, field in type(self).model_fields.items()}
        null = [name for name, fact in known.items() if fact.get("by_recipe") and getattr(self, name) is None]
        return self.model_copy(update={name: defaults.get(name, known[name]["since_default"]) for name in null})

    @classmethod
    def inherits(cls, name: str) -> bool:
        """Whether an option comes from an earlier stage of the kind unless it is set."""
        return name not in cls.own_options() or facts(cls.model_fields[name]).get("inherited", True)

    @classmethod
    def row_kinds(cls) -> list[RowKind]:
        """The kinds of rows that can be turned on and off."""
        return [kind for kind in RowKind if kind.use in cls.model_fields]

    def uses(self, kind: RowKind) -> bool:
        """Whether rows of a kind that can be turned off are trained on."""
        return getattr(self, kind.use)

    def most(self, kind: RowKind) -> int | None:
        """The cap on rows of this kind."""
        return getattr(self, f"max_{kind}")

    def missing_data(self, available: Collection[RowKind]) -> str | None:
        """What is wrong if no rows are left to train on; there is data for the `available` kinds."""
        kinds = [kind for kind in self.row_kinds() if kind in available]
        if not self.enabled or self.has_other_rows or any(map(self.uses, kinds)):
            return None
        return (
            f"has nothing to train on: {', '.join(kind.use for kind in kinds)} are all false. "
            "Turn one of them on, add other data, or turn the stage off with enabled: false."
        )


class MlmConfig(StageConfig):
    """Masked language modelling on unlabelled target and source sentences (Algorithm 1, lines 1-2)."""

    deciding_fields = frozenset({"dataloader_num_workers"})  # masks are drawn where rows are fetched

    maskings: Whole = option(10, paper="3.3.2", ge=1)
    """Different maskings of every sentence in an epoch."""
    mlm_probability: float = option(0.15, paper="3.3.2, after Devlin et al. (2019)", gt=0, le=0.9)
    """Share of word pieces that are masked."""
    include_target_test: bool = row_option(False, paper="line 2")
    """Also trains on `target.test_text` (transductive)."""
    source_ratio: float = row_option(1.0, paper="line 2: D_s,no", ge=0)
    """Source sentences per target sentence; 0 leaves the source out."""
    use_translated: bool = use_option(True, paper="Table 1: + translation")
    """With `translation.dictionary`: also trains on translated source sentences, as many as source sentences."""
    max_sentences: Whole | None = row_option(None, ge=1)
    """Cap on target sentences."""
    head_warmup_steps: Whole = option(150, ge=0)
    """If the encoder has no MLM head: steps that train only the new head; 0 = off."""
    head_warmup_learning_rate: float = option(1e-3, gt=0)
    """Learning rate of those steps."""


class SelectedStageConfig(StageConfig):
    """A stage whose checkpoint is selected on validation data."""

    narrow_vocabulary: bool = option(True, since_default=True)
    """Trains the embeddings of only those pieces that the stage's rows have, and saves all: less time and memory for
    the same weights, apart from rounding. Without effect for optimizers other than AdamW and for sharded weights."""
    early_stopping_patience: Whole | None = option(None, ge=1, since_default=None)
    """Stops after this many evaluations in a row without a better F1 on validation data; null trains to the end."""
    head_learning_rate: float | None = option(None, gt=0, since_default=None)
    """Learning rate of the head, which may start untrained; null takes that of the encoder. With few steps, a higher
    one lets the head learn without harming the encoder."""


class MrcConfig(SelectedStageConfig):
    """Span extraction from questions and contexts (Eq. 2; Algorithm 1, lines 3-4 and 13-14)."""

    has_other_rows = False

    max_length: Whole = option(160, ge=16)
    """Word pieces in one window, question and special tokens included."""
    stride: Whole = option(48, ge=0)
    """How far the windows of a longer context overlap, in pieces."""
    span_match_head: bool = option(False, paper="not in Eq. 2")
    """Adds a head that scores (start, end) pairs."""
    end_label: Literal["last_piece", "first_piece"] = option("last_piece", paper="Eq. 2")
    """The piece of a span's last word that carries the end label."""
    negative_windows: float = option(1.0, paper="4.2", ge=0, le=1)
    """Share of the answer-free windows of a long context that is kept."""
    max_target_qa: Whole | None = row_option(None, ge=1)
    """Cap on target question-answer rows."""
    max_source_qa: Whole | None = row_option(None, paper="Table 5", ge=1)
    """Cap on source question-answer rows."""
    max_ner_mrc: Whole | None = row_option(None, ge=1)
    """Cap on source NER sentences turned into questions."""
    max_pseudo_mrc: Whole | None = row_option(None, ge=1)
    """Cap on pseudo-labelled sentences turned into questions."""
    max_translated_qa: Whole | None = row_option(None, ge=1)
    """Cap on translated source question-answer rows."""
    max_translated_ner_mrc: Whole | None = row_option(None, ge=1)
    """Cap on translated source NER sentences turned into questions."""
    max_validation: Whole | None = validation_row_option(1000, ge=1)
    """Cap on validation sentences (each asks one question per entity type)."""
    use_target_qa: bool = use_option(True)
    """Trains on target question answering."""
    use_source_qa: bool = use_option(True)
    """Trains on source question answering."""
    use_ner_mrc: bool = use_option(True)
    """Trains on source NER turned into questions."""
    use_pseudo_mrc: bool = use_option(False)
    """Trains on pseudo-labels turned into questions."""
    use_translated_qa: bool = use_option(True, paper="Table 2, row 3")
    """With `translation.dictionary`: trains on translated source question answering."""
    use_translated_ner_mrc: bool = use_option(True, paper="Table 2, row 5")
    """With `translation.dictionary`: trains on translated source NER turned into questions."""
    lr_decay_per_epoch: float | None = option(None, gt=0, le=1)
    """Factor applied to the learning rate after every epoch; needs `lr_scheduler_type: constant`."""

    def rules(self) -> Iterator[tuple[str, str]]:
        yield from super().rules()
        schedule = self.training.get("lr_scheduler_type", "linear")
        if self.lr_decay_per_epoch is not None and schedule != "constant":
            yield (
                "lr_scheduler_type",
                f"is {schedule!r} but lr_decay_per_epoch is {self.lr_decay_per_epoch}: two schedules at once. "
                "Set lr_scheduler_type: constant, or lr_decay_per_epoch: null.",
            )


class TaggerConfig(SelectedStageConfig):
    """A stage that ends with a tagger."""

    stride: Whole = option(16, ge=0)
    """How far the windows of a longer sentence overlap, in words."""
    validate_translated: bool = validation_row_option(True)
    """With `translation.dictionary`: translated source validation also helps select the checkpoint."""
    max_validation: Whole | None = validation_row_option(None, ge=1)
    """Cap on validation sentences."""
    selection_f1: Literal["micro", "macro"] = option("micro", since_default="micro")
    """The F1 on validation data that selects the checkpoint: over all entities, or the mean over the types."""
    average_weights: Literal["none", "ema"] = option("none", since_default="none")
    """`ema`: the exponential moving average of the weights (decay 0.99, after Tarvainen and Valpola 2017) is evaluated
    and kept, instead of the weights after the last step."""
    decoding: Literal["argmax", "viterbi"] | None = option(None, since_default="argmax", by_recipe=True)
    """How the tagger's tags are chosen in every prediction: the most probable of each word, or by Viterbi decoding the
    most probable sequence in which every I- follows a B- or I- of its type. null takes the recipe's default: `viterbi`
    in `unitrans`, as in its authors' code, else `argmax`. The tagger keeps it in its config.json."""


class NerConfig(TaggerConfig):
    """Token classification (Eq. 4; Algorithm 1, lines 5-6, 8-9 and 15-16)."""

    has_other_rows = False

    label_all_pieces: bool = option(False, paper="Eq. 4")
    """Labels every piece of a word (I- on later ones) instead of only the first."""
    loss: Literal["cross_entropy", "generalized_cross_entropy"] = option("cross_entropy", since_default="cross_entropy")
    """The loss of a word: cross-entropy (Eq. 4), or (1 - p^q) / q for the probability p of its label, which learns less
    from labels that the tagger takes for wrong (Zhang and Sabuncu 2018; for NER Meng et al. 2021)."""
    q: float = option(0.7, gt=0, le=1, since_default=0.7)
    """For `loss: generalized_cross_entropy`: near 0 it is cross-entropy, at 1 the mean absolute error."""
    use_source: bool = use_option(True)
    """Trains on source NER."""
    use_pseudo: bool = use_option(False)
    """Trains on pseudo-labelled target sentences."""
    use_translated: bool = use_option(True, paper="Table 1: + translation")
    """With `translation.dictionary`: trains on translated source NER."""
    equal_sizes: bool = row_option(False)
    """Draws at most as many translated and pseudo-labelled sentences as the smallest part has."""
    max_source: Whole | None = row_option(None, ge=1)
    """Cap on source sentences."""
    max_pseudo: Whole | None = row_option(None, ge=1)
    """Cap on pseudo-labelled sentences."""
    max_translated: Whole | None = row_option(None, ge=1)
    """Cap on translated sentences, which come on top of the source."""


class DistillationConfig(TaggerConfig):
    """A student that learns from teachers on target text (after Wu et al., 2020); not part of TOF."""

    soft_loss: Literal["mse", "cross_entropy"] = option("mse", since_default="mse")
    """Distance to the teachers' probabilities: mean squared error, as in TSL and UniTrans, or cross entropy, which
    needs fewer steps: squared errors hardly move a student that is sure of `O` everywhere."""
    hard_weight: float = option(1.0, ge=0)
    """Weight of the cross entropy on words that all of several teachers label alike; added to `soft_loss`."""
    ensemble: bool = option(False)
    """Learns the mean probabilities of all three teachers instead of the fine-tuned one's, where there are three. The
    ensembles of Wu et al. are those of `labelling.teachers`."""


STAGES: dict[str, type[StageConfig]] = {
    "mlm": MlmConfig,
    "mrc": MrcConfig,
    "ner": NerConfig,
    "pseudo_ner": NerConfig,
    "continual_mrc": MrcConfig,
    "continual_ner": NerConfig,
    "distillation": DistillationConfig,
}
"""The stage sections of a run file, in the order of Algorithm 1."""


BY_RECIPE = frozenset(
    name for kind in STAGES.values() for name, field in kind.model_fields.items() if facts(field).get("by_recipe")
)
"""The options that are null where the recipe decides them."""
