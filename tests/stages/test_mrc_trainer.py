from __future__ import annotations

import pytest
import torch
from transformers import AutoConfig

from tof_hf.config import load_config
from tof_hf.modeling.span_extraction import AutoModelForSpanExtraction
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.fingerprint import _deciding
from tof_hf.stages.mrc import MrcTrainer

RATE = 1e-3
NEEDED = {"model": "m", "output_dir": "o", "source": {"train": "t", "validation": "v"}, "target": {"text": "x"}}


@pytest.fixture
def trainer(checkpoint, tmp_path):
    """Makes a trainer of a tiny span-extraction model, and with it its optimizer and schedule of eight steps."""

    def make(**options):
        torch.manual_seed(0)
        encoder = AutoConfig.from_pretrained(checkpoint("bert"), trust_remote_code=False)
        model = AutoModelForSpanExtraction.from_config(encoder)
        config = load_config(NEEDED, [f"mrc.learning_rate={RATE}", "mrc.num_train_epochs=2", "mrc.bf16=false"]).mrc
        made = MrcTrainer(model=model, args=training_arguments(config, tmp_path, seed=0, selects=False), **options)
        made.create_optimizer_and_scheduler(num_training_steps=8)  # linear, without warm-up
        return made

    return make


def rates(trainer):
    """The learning rate of every parameter, by its name."""
    names = {id(parameter): name for name, parameter in trainer.model.named_parameters()}
    groups = trainer.optimizer.param_groups
    listed = [(names[id(parameter)], group["lr"]) for group in groups for parameter in group["params"]]
    assert len(listed) == len(dict(listed)) == len(names)  # each once
    return dict(listed)


def is_head(name):
    return name.startswith(("start.", "end.", "match."))


def test_the_head_has_the_rate_that_is_given_and_the_encoder_its_own(trainer):
    for name, rate in rates(trainer(head_rate=0.05)).items():
        assert rate == pytest.approx(0.05 if is_head(name) else RATE), name


def test_both_rates_follow_the_same_schedule(trainer):
    made = trainer(head_rate=0.05)
    for _ in range(4):
        made.optimizer.step()
        made.lr_scheduler.step()
    for name, rate in rates(made).items():
        assert rate == pytest.approx(0.5 * (0.05 if is_head(name) else RATE)), name


def test_biases_of_the_head_keep_their_weight_decay_of_none(trainer):
    made = trainer(head_rate=0.05)
    heads = [group for group in made.optimizer.param_groups if group["lr"] == pytest.approx(0.05)]
    decays = {group["weight_decay"]: {parameter.dim() for parameter in group["params"]} for group in heads}
    assert decays == {0.01: {2}, 0.0: {1}}


def test_without_a_rate_of_its_own_the_head_has_the_encoders(trainer):
    assert set(rates(trainer()).values()) == {RATE}


def test_a_decay_multiplies_the_rate_after_every_epoch(trainer):
    made = trainer(decay=0.5)
    seen = []
    for _ in range(8):
        seen.append(made.lr_scheduler.get_last_lr()[0])
        made.optimizer.step()
        made.lr_scheduler.step()
    assert seen == pytest.approx([RATE] * 4 + [RATE / 2] * 4)


def test_the_option_counts_in_a_stages_key_only_where_it_is_used():
    unset, given = (load_config(NEEDED, [f"mrc.head_learning_rate={rate}"]).mrc for rate in ("null", "1e-3"))
    assert "head_learning_rate" not in _deciding(unset)[0]
    assert _deciding(given)[0]["head_learning_rate"] == 1e-3
