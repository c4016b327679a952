"""Options that a library refuses are refused before anything is trained, with the library's reason."""

from __future__ import annotations

import warnings

import pytest
import torch

from tof_hf.config import MlmConfig, MrcConfig, NerConfig
from tof_hf.config.problems import KeyProblems
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.dry_run import refusals

pytestmark = pytest.mark.slow

KINDS = {"mlm": MlmConfig, "mrc": MrcConfig, "ner": NerConfig}


@pytest.fixture
def refused(tiny_config):
    """The errors for the preset of a stage with other options, as text."""

    def find(section, **options):
        config = KINDS[section].of_preset(section).replace(**options)
        return [str(error) for _, error in refusals({section: config}, tiny_config("bert"))]

    return find


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "distilbert", "deberta-v2", "modernbert", "electra"])
def test_the_options_of_the_preset_are_fine_for_every_encoder(architecture, tiny_config):
    stages = {name: kind.of_preset(name) for name, kind in KINDS.items()}
    assert list(refusals(stages, tiny_config(architecture))) == []


@pytest.mark.parametrize(
    ("section", "options", "reason"),
    [
        ("mlm", {"report_to": "mine"}, "mine is not supported"),
        ("ner", {"optim": "galore_adamw"}, "galore_torch"),
        ("ner", {"lr_scheduler_type": "cosine_with_min_lr"}, "min_lr"),
        ("mrc", {"lr_scheduler_type": "warmup_stable_decay"}, "num_decay_steps"),
        ("mlm", {"lr_scheduler_type": "reduce_lr_on_plateau"}, "requires an eval strategy"),
        ("ner", {"lr_scheduler_kwargs": {"a": 1}}, "unexpected keyword argument 'a'"),
        ("ner", {"fsdp": "full_shard"}, "only works in distributed training"),
        ("ner", {"deepspeed": "ds.json"}, ""),
        ("mrc", {"adam_beta1": 2.0}, "Invalid beta"),
        ("ner", {"dataloader_persistent_workers": True}, "num_workers > 0"),
        ("ner", {"save_strategy": "steps"}, "save and eval strategy to match"),
    ],
)
def test_the_option_is_named_with_its_value_and_the_library_s_reason(refused, section, options, reason):
    ((option, value),) = options.items()
    (text,) = refused(section, **options)
    assert text.startswith(f"{section}.{option} is {value!r}, with which no Trainer can be made: ")
    assert reason in text and "\n" not in text


def test_options_that_are_wrong_together_are_still_refused(refused):
    (text,) = refused("ner", optim="galore_adamw", lr_scheduler_type="cosine_with_min_lr")
    assert text.startswith("ner has training arguments, with which no Trainer can be made: ")


def test_stages_that_inherit_an_option_share_its_error(tiny_config):
    wrong = NerConfig.of_preset("ner").replace(adam_beta2=1.0)
    found = list(refusals({"ner": wrong, "mrc": MrcConfig.of_preset("mrc"), "pseudo_ner": wrong}, tiny_config("bert")))
    assert [section for section, _ in found] == ["ner"]
    assert "ner.adam_beta2 is 1.0 (also in pseudo_ner)" in str(found[0][1])


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": -1.0},
        {"weight_decay": -1.0},
        {"max_grad_norm": -1.0},
        {"adam_epsilon": -1.0},
        {"neftune_noise_alpha": -1.0},
        {"max_steps": -2},
        {"save_total_limit": -1},
        {"eval_steps": 0},
        {"save_steps": -5},
        {"eval_accumulation_steps": 0},
        {"dataloader_num_workers": -1},
        {"save_only_model": True},
        {"ignore_data_skip": True},
        {"auto_find_batch_size": True},
        {"dataloader_drop_last": True},
    ],
)
def test_numbers_out_of_range_and_options_that_break_a_run_are_refused_with_the_file(options):
    with pytest.raises(KeyProblems, match=f"^{next(iter(options))} (is -?[0-9.]+, it must be|cannot be set: )"):
        NerConfig(**options)


def test_a_dry_run_leaves_the_process_as_it_was(refused):
    assert refused("ner", full_determinism=True) == []
    assert not torch.are_deterministic_algorithms_enabled()


def test_recomputed_activations_need_no_deprecated_name(tmp_path):
    config = NerConfig(gradient_checkpointing=True, gradient_checkpointing_kwargs={"use_reentrant": False})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        args = training_arguments(config, tmp_path, seed=1, selects=False)
    assert args.gradient_checkpointing is True and args.gradient_checkpointing_kwargs == {"use_reentrant": False}


@pytest.mark.parametrize("schedule", ["reduce_lr_on_plateau", "greedy"])
def test_a_schedule_that_follows_scores_takes_a_higher_f1_for_better_and_lets_a_tagger_predict(schedule, tmp_path):
    config = NerConfig(lr_scheduler_type=schedule, lr_scheduler_kwargs={"patience": 1})
    args = training_arguments(config, tmp_path, seed=1, selects=True)
    assert args.lr_scheduler_kwargs == {"patience": 1, "mode": "max"}
    args = training_arguments(config, tmp_path, seed=1, selects=False, trains=False)
    assert args.lr_scheduler_type == "linear" and args.lr_scheduler_kwargs is None
