"""The two presets: what the paper says, and what its authors' code does differently.

`paper` is the default: Algorithm 1 literally. `official_code` is `paper` plus the differences listed here,
each a named option with its reason. Defects of that code are not among them (dropout off after the first
evaluation, steps after the last checkpoint lost, answers cut off at 160 pieces, logits through a ReLU).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """One value of a preset: `key` as in a run file, and why it is so."""

    key: str
    value: Any
    why: str


STAGES = ("mlm", "mrc", "ner", "pseudo_ner", "continual_mrc", "continual_ner", "distillation")

INHERITS_FROM = {"pseudo_ner": "ner", "continual_ner": "ner", "continual_mrc": "mrc"}
"""A later stage takes every key that nobody gave it from the first stage of its kind."""

NOT_INHERITED = frozenset(
    {
        "enabled",
        "use_source",
        "use_pseudo",
        "use_translated",
        "use_target_qa",
        "use_source_qa",
        "use_ner_mrc",
        "use_pseudo_mrc",
        "use_translated_qa",
        "use_translated_ner_mrc",
    }
)
"""Keys that belong to one line of Algorithm 1 and never reach a later stage by inheritance."""

_HAN = "4.3: settings of Han and Eisenstein (2019)"
_LI = "4.3: settings of Li et al. (2020)"
_WU = "settings of Wu et al. (2020), the authors of TSL and UniTrans"
_TABLE6 = "Table 6, Spanish column"

PAPER: tuple[Setting, ...] = (
    Setting("mlm.max_length", 128, _HAN),
    Setting("mlm.stride", 0, "ours: every word is masked equally often"),
    Setting("mlm.learning_rate", 5e-5, "Appendix B"),
    Setting("mlm.per_device_train_batch_size", 32, "4.3"),
    Setting("mlm.num_train_epochs", 3.0, _HAN),
    Setting("mlm.warmup_steps", 0.1, _HAN),
    Setting("mlm.weight_decay", 0.01, _HAN),
    Setting("mlm.lr_scheduler_type", "linear", _HAN),
    Setting("mlm.max_grad_norm", 1.0, _HAN),
    Setting("mrc.max_length", 160, _LI),
    Setting("mrc.stride", 48, "ours: no answer is cut off"),
    Setting("mrc.learning_rate", 2e-6, _TABLE6),
    Setting("mrc.per_device_train_batch_size", 16, "4.3"),
    Setting("mrc.num_train_epochs", 6.0, "Appendix B"),
    Setting("mrc.weight_decay", 0.01, _LI),
    Setting("mrc.lr_scheduler_type", "linear", _LI),
    Setting("mrc.max_grad_norm", 1.0, _LI),
    Setting("mrc.use_target_qa", True, "Algorithm 1, line 4: D_t,m"),
    Setting("mrc.use_source_qa", True, "Algorithm 1, line 4: D_s,m"),
    Setting("mrc.use_ner_mrc", True, "Algorithm 1, line 4: D_s,nm"),
    Setting("mrc.use_pseudo_mrc", False, "no pseudo-labels exist before line 7"),
    Setting("ner.max_length", 128, _HAN),
    Setting("ner.stride", 16, "ours: no word is cut off"),
    Setting("ner.learning_rate", 5e-5, _TABLE6),
    Setting("ner.per_device_train_batch_size", 64, "4.3"),
    Setting("ner.num_train_epochs", 6.0, "Appendix B"),
    Setting("ner.warmup_steps", 0.1, _HAN),
    Setting("ner.weight_decay", 0.01, _HAN),
    Setting("ner.lr_scheduler_type", "linear", _HAN),
    Setting("ner.max_grad_norm", 1.0, _HAN),
    Setting("ner.use_source", True, "Algorithm 1, line 6: D_s,n"),
    Setting("ner.use_pseudo", False, "no pseudo-labels exist before line 7"),
    Setting("pseudo_ner.learning_rate", 2e-5, _TABLE6),
    Setting("pseudo_ner.use_source", False, "Algorithm 1, line 9: pseudo-labels only"),
    Setting("pseudo_ner.use_pseudo", True, "Algorithm 1, line 9"),
    Setting("pseudo_ner.use_translated", False, "Algorithm 1, line 9: pseudo-labels only"),
    Setting("continual_mrc.learning_rate", 5e-5, _TABLE6),
    Setting("continual_mrc.use_target_qa", True, "Algorithm 1, line 14: D_t,m"),
    Setting("continual_mrc.use_source_qa", False, "Algorithm 1, line 14"),
    Setting("continual_mrc.use_ner_mrc", False, "Algorithm 1, line 14"),
    Setting("continual_mrc.use_pseudo_mrc", True, "Algorithm 1, line 14: pseudo-MRC"),
    Setting("continual_mrc.use_translated_qa", False, "Algorithm 1, line 14"),
    Setting("continual_mrc.use_translated_ner_mrc", False, "Algorithm 1, line 14"),
    Setting("continual_ner.learning_rate", 5e-5, _TABLE6),
    Setting("continual_ner.use_source", False, "Algorithm 1, line 16: pseudo-labels only"),
    Setting("continual_ner.use_pseudo", True, "Algorithm 1, line 16"),
    Setting("continual_ner.use_translated", False, "Algorithm 1, line 16: pseudo-labels only"),
    Setting("distillation.max_length", 128, _WU),
    Setting("distillation.learning_rate", 1e-4, _WU),
    Setting("distillation.per_device_train_batch_size", 32, _WU),
    Setting("distillation.num_train_epochs", 3.0, _WU),
    Setting("distillation.warmup_steps", 0.1, _WU),
    Setting("distillation.weight_decay", 0.01, _WU),
    Setting("distillation.lr_scheduler_type", "linear", _WU),
    Setting("distillation.max_grad_norm", 1.0, _WU),
)

OFFICIAL_CODE: tuple[Setting, ...] = (
    Setting("mlm.include_target_test", True, "the code also masks the unlabelled sentences of the target test set"),
    Setting("mrc.span_match_head", True, "the code scores (start, end) pairs with a third head; Eq. 2 has two"),
    Setting("mrc.end_label", "first_piece", "the code puts the end label on the first piece of the last word"),
    Setting("mrc.max_source_qa", 10_000, "the code draws at most 10,000 examples from an auxiliary source"),
    Setting("mrc.max_ner_mrc", 2_500, "the same cap: 2,500 sentences ask 10,000 questions about four entity types"),
    Setting("mrc.max_pseudo_mrc", 2_500, "the same cap for pseudo-labels turned into questions"),
    Setting("mrc.max_translated_qa", 10_000, "the same cap for translated questions"),
    Setting("mrc.max_translated_ner_mrc", 2_500, "the same cap for translated sentences turned into questions"),
    Setting("mrc.seed", 2333, "the cross-lingual MRC scripts use this seed, all others 2019"),
    Setting("mrc.lr_scheduler_type", "constant", "the code's 'ladder' schedule: see lr_decay_per_epoch"),
    Setting("mrc.lr_decay_per_epoch", 0.95, "the code multiplies the learning rate by 0.95 after every epoch"),
    Setting("ner.per_device_train_batch_size", 32, "the step 3 scripts use 32 where the paper says 64"),
    Setting(
        "pseudo_ner.per_device_train_batch_size",
        64,
        "only step 3 differs: the Spanish script of this step has the paper's 64",
    ),
    Setting(
        "continual_ner.per_device_train_batch_size",
        64,
        "only step 3 differs: the Spanish script of this step has the paper's 64",
    ),
    Setting("pseudo_ner.use_source", True, "the cross-lingual code trains on source and pseudo-labels together"),
    Setting("continual_ner.use_source", True, "the cross-lingual code trains on source and pseudo-labels together"),
    Setting("pseudo_ner.use_translated", True, "the cross-lingual code keeps translated sentences in every stage"),
    Setting("continual_ner.use_translated", True, "the cross-lingual code keeps translated sentences in every stage"),
    Setting("ner.equal_sizes", True, "the code adds as many translated and pseudo-labelled sentences as the least has"),
    Setting("continual_mrc.use_source_qa", True, "the code keeps every source of step 2 and adds pseudo-MRC"),
    Setting("continual_mrc.use_ner_mrc", True, "the code keeps every source of step 2 and adds pseudo-MRC"),
    Setting("continual_mrc.use_translated_qa", True, "the code keeps every source of step 2 and adds pseudo-MRC"),
    Setting("continual_mrc.use_translated_ner_mrc", True, "the code keeps every source of step 2 and adds pseudo-MRC"),
)

PRESETS: dict[str, tuple[Setting, ...]] = {"paper": PAPER, "official_code": PAPER + OFFICIAL_CODE}


def stage_values(preset: str, given: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The flat options of every stage: the preset's, then those `given`, after inheritance between stages.

    An option of `continual_mrc` comes from the first of: given there, set there by the preset, given or set
    for `mrc` (unless it is in NOT_INHERITED).
    """
    own: dict[str, dict[str, Any]] = {stage: {} for stage in STAGES}
    for setting in PRESETS[preset]:
        stage, _, option = setting.key.partition(".")
        own[stage][option] = setting.value
    resolved: dict[str, dict[str, Any]] = {}
    for stage in STAGES:
        parent = resolved.get(INHERITS_FROM.get(stage, ""), {})
        inherited = {option: value for option, value in parent.items() if option not in NOT_INHERITED}
        resolved[stage] = {**inherited, **own[stage], **given.get(stage, {})}
    return resolved
