"""The stage sections of a run file. Help texts here become docs/config.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

from tof_hf.config.presets import stage_values
from tof_hf.config.sections import KeyProblem, Section, each, join, option
from tof_hf.config.training_fields import checked_training_field

_POSITIVE = {
    "num_train_epochs",
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "gradient_accumulation_steps",
}


@dataclass(frozen=True, kw_only=True)
class StageConfig(Section):
    """One training run: its own options, and fields of transformers.TrainingArguments beside them."""

    enabled: bool = option(
        True, "Whether this stage runs; without it the model is handed on as it is.", paper="Table 2"
    )
    max_length: int = option(128, "Word pieces in one window, special tokens included.", minimum=8)
    stride: int = option(
        0, "How far the windows of a longer text overlap, in words (MLM, NER) or pieces (MRC).", minimum=0
    )
    seed: int | None = option(None, "Seed of this stage; null takes the run's.", minimum=0, maximum=2**32 - 1)
    training: dict[str, Any] = option(
        factory=dict,
        help="Fields of transformers.TrainingArguments; in a run file they stand beside the others.",
    )

    @classmethod
    def normalise(cls, value: Any, key: str) -> Any:
        if not isinstance(value, Mapping):
            return value
        if "training" in value:
            full = join(key, "training")
            raise KeyProblem(full, f"{full}: write the TrainingArguments fields in {key} itself, without 'training'.")
        own, training = cls._split(value)
        return {**own, "training": training}

    @classmethod
    def typed_field(cls, key: str, name: Any, value: Any) -> Any:
        if name != "training":
            return super().typed_field(key, name, value)
        own = cls.own_options()
        return each(value, lambda field, item: checked_training_field(key, field, item, own=own))

    @classmethod
    def of_preset(cls, stage: str) -> Self:
        """The stage as the `paper` preset has it."""
        own, training = cls._split(stage_values("paper", {})[stage])
        return cls(**own, training=training)

    @classmethod
    def own_options(cls) -> list[str]:
        """Names of the options that are not TrainingArguments fields."""
        return [field.name for field in fields(cls) if field.name != "training"]

    @classmethod
    def _split(cls, flat: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        names = cls.own_options()
        own = {name: value for name, value in flat.items() if name in names}
        return own, {name: value for name, value in flat.items() if name not in names}

    def plain(self) -> dict[str, Any]:
        flat = super().plain()
        return flat | flat.pop("training")

    def check(self, key: str) -> None:
        super().check(key)
        if self.stride >= self.max_length:
            raise KeyProblem(
                join(key, "stride"),
                f"{key}.stride is {self.stride}, it must be below max_length ({self.max_length}).",
            )
        for name in _POSITIVE & self.training.keys():
            if not self.training[name] > 0:
                hint = f" To leave the stage out write {key}.enabled: false." if name == "num_train_epochs" else ""
                raise KeyProblem(
                    join(key, name), f"{join(key, name)} is {self.training[name]}, it must be above 0.{hint}"
                )

    def check_sources(self, key: str, *, translation: bool) -> None:
        """Nothing, or a KeyProblem if no data is left to train on; `translation` says whether there is a dictionary."""
        sources = [name for name in self.own_options() if name.startswith("use_")]
        sources = [name for name in sources if translation or not name.startswith("use_translated")]
        if self.enabled and sources and not any(self.__dict__[name] for name in sources):
            raise KeyProblem(
                join(key, sources[0]),
                f"{key} has nothing to train on: {', '.join(sources)} are all false. "
                f"Turn one on, or the stage off with {key}.enabled: false.",
            )


@dataclass(frozen=True, kw_only=True)
class MlmConfig(StageConfig):
    """Masked language modelling on unlabelled target and source sentences (Algorithm 1, lines 1-2)."""

    maskings: int = option(10, "Different maskings of every sentence in an epoch.", paper="3.3.2", minimum=1)
    mlm_probability: float = option(
        0.15,
        "Share of word pieces that are masked.",
        paper="3.3.2, after Devlin et al. (2019)",
        above=0,
        maximum=0.9,
    )
    include_target_test: bool = option(False, "Also trains on `target.test_text` (transductive).", paper="line 2")
    source_ratio: float = option(
        1.0,
        "Source sentences for every target sentence; 0 leaves the source out.",
        paper="line 2: D_s,no",
        minimum=0,
    )
    use_translated: bool = option(
        True,
        "With `translation.dictionary`: trains on translated source sentences too, as many as of the source.",
        paper="Table 1: + translation",
    )
    max_sentences: int | None = option(None, "Cap on target sentences.", minimum=1)
    head_warmup_steps: int = option(
        150,
        "If the encoder comes without an MLM head: steps that train the new head alone; 0 = off.",
        minimum=0,
    )
    head_warmup_learning_rate: float = option(1e-3, "Learning rate of those steps.", above=0)


@dataclass(frozen=True, kw_only=True)
class MrcConfig(StageConfig):
    """Span extraction from questions and contexts (Eq. 2; Algorithm 1, lines 3-4 and 13-14)."""

    max_length: int = option(160, "Word pieces in one window, question and special tokens included.", minimum=16)
    stride: int = option(48, "How far the windows of a longer context overlap, in pieces.", minimum=0)
    span_match_head: bool = option(False, "Adds a head that scores (start, end) pairs.", paper="not in Eq. 2")
    end_label: Literal["last_piece", "first_piece"] = option(
        "last_piece", "The piece of a span's last word that carries the end label.", paper="Eq. 2"
    )
    negative_windows: float = option(
        1.0,
        "Of the windows of a long context that miss its answers, the share that is kept.",
        paper="4.2",
        minimum=0,
        maximum=1,
    )
    max_target_qa: int | None = option(None, "Cap on target question-answer rows.", minimum=1)
    max_source_qa: int | None = option(None, "Cap on source question-answer rows.", paper="Table 5", minimum=1)
    max_ner_mrc: int | None = option(None, "Cap on source NER sentences turned into questions.", minimum=1)
    max_pseudo_mrc: int | None = option(None, "Cap on pseudo-labelled sentences turned into questions.", minimum=1)
    max_translated_qa: int | None = option(None, "Cap on translated source question-answer rows.", minimum=1)
    max_translated_ner_mrc: int | None = option(
        None, "Cap on translated source NER sentences turned into questions.", minimum=1
    )
    max_validation: int | None = option(
        1000, "Cap on validation sentences (each asks one question per entity type).", minimum=1
    )
    use_target_qa: bool = option(True, "Trains on target question answering.")
    use_source_qa: bool = option(True, "Trains on source question answering.")
    use_ner_mrc: bool = option(True, "Trains on source NER turned into questions.")
    use_pseudo_mrc: bool = option(False, "Trains on pseudo-labels turned into questions.")
    use_translated_qa: bool = option(
        True, "With `translation.dictionary`: trains on translated source question answering.", paper="Table 2, row 3"
    )
    use_translated_ner_mrc: bool = option(
        True,
        "With `translation.dictionary`: trains on translated source NER turned into questions.",
        paper="Table 2, row 5",
    )
    head_learning_rate: float | None = option(
        None,
        "Learning rate of the span head, which starts fresh, if it shall differ from the encoder's: with few steps a "
        "higher one lets it learn without harm to the encoder.",
        above=0,
    )
    lr_decay_per_epoch: float | None = option(
        None,
        "Factor on the learning rate after every epoch; needs `lr_scheduler_type: constant`.",
        above=0,
        maximum=1,
    )

    def check(self, key: str) -> None:
        super().check(key)
        schedule = self.training.get("lr_scheduler_type", "linear")
        if self.lr_decay_per_epoch is not None and schedule != "constant":
            raise KeyProblem(
                join(key, "lr_scheduler_type"),
                f"{key}.lr_scheduler_type is {schedule!r} but "
                f"{key}.lr_decay_per_epoch is {self.lr_decay_per_epoch}: two schedules at once. "
                "Set lr_scheduler_type: constant, or lr_decay_per_epoch: null.",
            )


@dataclass(frozen=True, kw_only=True)
class NerConfig(StageConfig):
    """Token classification (Eq. 4; Algorithm 1, lines 5-6, 8-9 and 15-16)."""

    stride: int = option(16, "How far the windows of a longer sentence overlap, in words.", minimum=0)
    label_all_pieces: bool = option(
        False, "Labels every piece of a word (I- on later ones) instead of the first alone.", paper="Eq. 4"
    )
    use_source: bool = option(True, "Trains on source NER.")
    use_pseudo: bool = option(False, "Trains on pseudo-labelled target sentences.")
    use_translated: bool = option(
        True, "With `translation.dictionary`: trains on translated source NER.", paper="Table 1: + translation"
    )
    validate_translated: bool = option(
        True, "With `translation.dictionary`: translated source validation also helps to choose the checkpoint."
    )
    equal_sizes: bool = option(
        False, "Draws no more translated and pseudo-labelled sentences than the smallest of all parts has."
    )
    max_source: int | None = option(None, "Cap on source sentences.", minimum=1)
    max_pseudo: int | None = option(None, "Cap on pseudo-labelled sentences.", minimum=1)
    max_translated: int | None = option(None, "Cap on translated sentences beside the source.", minimum=1)
    max_validation: int | None = option(None, "Cap on validation sentences.", minimum=1)


@dataclass(frozen=True, kw_only=True)
class DistillationConfig(StageConfig):
    """A student that learns from teachers on target text; for the systems `tsl` and `unitrans`, not part of TOF."""

    stride: int = option(16, "How far the windows of a longer sentence overlap, in words.", minimum=0)
    soft_loss: Literal["mse", "cross_entropy"] = option(
        "mse",
        "How far the student is from the teachers' probabilities: the mean squared error, as TSL and UniTrans have it, "
        "or the cross entropy, which needs fewer steps: squares hardly move a student that is sure of `O` everywhere.",
    )
    hard_weight: float = option(
        1.0,
        "Weight of the cross entropy on words that all teachers label alike, beside `soft_loss` (`unitrans`).",
        minimum=0,
    )
    ensemble: bool = option(
        False, "Learns the mean probabilities of all three teachers instead of the fine-tuned one's (`unitrans`)."
    )
    validate_translated: bool = option(
        True, "Translated source validation also helps to choose the checkpoint (`unitrans`)."
    )
    max_validation: int | None = option(None, "Cap on validation sentences.", minimum=1)


TaggerConfig = NerConfig | DistillationConfig  # a stage that ends with a tagger
