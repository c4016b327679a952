"""What options say about themselves, and the keys of finished stages that depend on it."""

from __future__ import annotations

import typing

import pytest

from tof_hf.config import MlmConfig, NerConfig, TofConfig, load_config
from tof_hf.config.problems import section_in
from tof_hf.config.section import Effect, facts
from tof_hf.config.training_fields import WITHOUT_EFFECT, training_fields
from tof_hf.stages.fingerprint import _deciding, fingerprint

SMALLEST = {
    "model": "some/encoder",
    "output_dir": "runs/x",
    "source": {"train": "train.txt", "validation": "valid.txt"},
    "target": {"text": "target.txt"},
}
OTHERS = [
    *("preset=official_code", "mlm.dataloader_num_workers=2", "ner.dataloader_num_workers=2"),
    *("mrc.head_learning_rate=1e-3", "distillation.soft_loss=cross_entropy", "ner.report_to=[tensorboard]"),
    *("ner.max_source=1e4", "ner.learning_rate=1", "ner.seed=3", "ner.eval_steps=500", "ner.save_strategy=epoch"),
    *("ner.lr_scheduler_kwargs={num_cycles: 2}", "ner.gradient_checkpointing=true"),
]


# Computed with the release before the run file was made of pydantic models. If one of them changes, every finished
# stage of that kind is trained again: give a new option `since_default` instead.
@pytest.mark.parametrize(
    ("stage", "overrides", "deciding", "rows"),
    [
        ("mlm", [], "2fb9daff1ec00ad1", "eb07e9922ce39386"),
        ("mrc", [], "12b3469da48b641c", "8cfe0bdecf409bf1"),
        ("ner", [], "ebdb905a820c0d24", "62a8d2e924938d9c"),
        ("pseudo_ner", [], "818a98d10de83c98", "74f5c886c7f37476"),
        ("continual_mrc", [], "820410c426dea1eb", "2925efdccf6a1f63"),
        ("continual_ner", [], "ebdb905a820c0d24", "74f5c886c7f37476"),
        ("distillation", [], "f328e833566ae3dc", "4d2bfd1d172f0557"),
        ("mlm", OTHERS, "f316fc3c49dff7a2", "56bf1439aa931ff6"),
        ("mrc", OTHERS, "db86e8421f2a7e80", "6d9aa282929ce356"),
        ("ner", OTHERS, "d27ca56e4ab86c4c", "36e9877dbdc93713"),
        ("pseudo_ner", OTHERS, "1b071bb1ac83fd1b", "47e77df02fc14d65"),
        ("continual_mrc", OTHERS, "d69e56dafd656c0a", "a5a52128813bba89"),
        ("continual_ner", OTHERS, "2a2992b33132c063", "47e77df02fc14d65"),
        ("distillation", OTHERS, "9d256fad8a7e79c8", "4d2bfd1d172f0557"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)}-options",
)
def test_the_key_of_a_finished_stage_stays_what_it_was(stage, overrides, deciding, rows):
    counts, beside = _deciding(load_config(SMALLEST, overrides).stages()[stage])
    assert (fingerprint({"options": counts}), fingerprint({"options": beside})) == (deciding, rows)


def options(kind):
    for name, field in kind.model_fields.items():
        yield f"{kind.__name__}.{name}", field
        inner = section_in(field.annotation)
        if inner is not None:
            yield from options(inner)


@pytest.mark.parametrize(("name", "field"), list(dict(options(TofConfig)).items()))
def test_every_option_says_what_it_decides(name, field):
    assert facts(field)["effect"] in typing.get_args(Effect)


def test_fields_of_training_arguments_without_effect_exist():
    assert set(WITHOUT_EFFECT) <= set(training_fields().model_fields)


def test_a_field_of_training_arguments_decides_weights_unless_it_is_listed():
    assert (NerConfig.effect("learning_rate"), NerConfig.effect("logging_steps")) == ("weights", "none")


def test_the_number_of_workers_decides_weights_only_where_masks_are_drawn_by_them():
    assert NerConfig.effect("dataloader_num_workers") == "none"
    assert MlmConfig.effect("dataloader_num_workers") == "weights"
