"""The stages that a recipe trains are found without data, and none is overlooked."""

from __future__ import annotations

import pytest

from tof_hf.algorithm.recipes import RECIPES
from tof_hf.algorithm.steps import STEPS, step
from tof_hf.algorithm.walk import Visit, visits
from tof_hf.config import load_config


@pytest.fixture
def config():
    sides = {"source": {"train": "a", "validation": "b"}, "target": {"text": "c"}}
    return load_config({"model": "m", "output_dir": "run", "rounds": 2, **sides})


def test_a_stage_is_visited_once_in_each_round(config):
    sections = [visit.section for visit in visits(RECIPES["tof"], config)]
    in_a_round = ["labelling", "continual_mrc", "continual_ner"]
    assert sections == ["mlm", "mrc", "ner", "labelling", "pseudo_ner", *in_a_round, *in_a_round]


def test_a_visit_says_whether_mrc_came_before_it(config):
    assert visits(lambda do: do.ner(do.mrc(do.pretrained)), config)[1].after_mrc
    assert not visits(lambda do: do.ner(do.mlm(do.pretrained)), config)[1].after_mrc


@pytest.mark.parametrize(
    "recipe",
    [
        lambda do: do.ner(do.pretrained, do.data.source),
        lambda do: do.pseudo_ner(do.pretrained, do.label(do.pretrained).select([0])),
        lambda do: do.tokenizer.pad_token,
    ],
)
def test_every_enabled_stage_is_assumed_of_a_recipe_that_uses_the_data(recipe, config):
    assert visits(recipe, config) == [Visit(name) for name, stage in config.stages().items() if stage.enabled]


def test_a_step_is_known_by_its_mark_and_belongs_to_the_section_that_it_is_named_after(config, monkeypatch):
    monkeypatch.setitem(STEPS, "again", "")

    @step("repeated_ner")
    def again(do, start):
        return start

    assert visits(lambda do: do.again(do.pretrained), config) == [Visit("ner", after_mrc=False)]


def test_a_step_that_does_not_exist_is_an_error(config):
    with pytest.raises(AttributeError, match="no step 'relabel'"):
        visits(lambda do: do.relabel(do.pretrained), config)
