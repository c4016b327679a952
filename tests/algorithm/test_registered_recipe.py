"""A new system is written in one place, its recipe; everything else learns about it from there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import TrainerCallback

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf.algorithm.recipe import RECIPES, published_f1, recipe
from tof_hf.config import load_config
from tof_hf.errors import ConfigError
from tof_hf.experiments.ablation.rows import rows_of
from tof_hf.hub.card import model_card
from tof_hf.hub.released_run import read_released_run
from tof_hf.pipeline import TofPipeline
from tof_hf.run.validation import used_stages

pytestmark = pytest.mark.slow

NAME = "labelled_twice"


@pytest.fixture
def registered():
    """A system that labels the target twice and never sees a translation."""
    try:

        @recipe(
            "Labelled twice",
            needs=("dictionary",),
            citation="Yarowsky (1995), Unsupervised Word Sense Disambiguation Rivaling Supervised Methods",
            published=published_f1("1.0 2.0 3.0", benchmarks=("es", "nl", "de")),
        )
        def labelled_twice(do):
            do = do.without_translation()
            tagger = do.ner(do.pretrained)
            for _ in range(2):
                tagger = do.pseudo_ner(tagger, do.label(tagger))
            return tagger

        yield labelled_twice
    finally:
        RECIPES.pop(NAME, None)


@pytest.fixture
def config(tmp_path):
    """Loads a run file of the new system alone, on the smallest toy world."""
    world = make_world(size="tiny")
    data = {name: str(path) for name, path in write_world(world, tmp_path / "data").items()}
    encoder = train_encoder(world, tmp_path / "encoder", steps=0, layers=1, hidden=32)
    (tmp_path / "en-es.tsv").write_text("the\tel\n")
    values = {
        "model": str(encoder),
        "output_dir": str(tmp_path / "run"),
        "systems": [NAME],
        "source": {"train": data["source_train"], "validation": data["source_validation"]},
        "target": {"name": "es", "text": data["target_text"]},
        "translation": {"dictionary": str(tmp_path / "en-es.tsv")},
        "ner": {"num_train_epochs": 1, "bf16": False},
    }
    return lambda *overrides: load_config(values, overrides)


def test_a_system_is_unknown_to_run_files_until_its_recipe_is_registered(config):
    with pytest.raises(ConfigError, match=f"systems.*{NAME}"):
        config()


@pytest.mark.usefixtures("registered")
def test_run_files_may_name_a_registered_system_and_must_have_what_it_needs(config):
    assert config().systems == [NAME]
    with pytest.raises(ConfigError, match=f"translation.dictionary is missing: {NAME}"):
        config("translation.dictionary=null")


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("pseudo_ner.max_length=100000", "pseudo_ner.max_length is 100000"),
        ("ner.use_source=false", f"ner has nothing to train on.*{NAME} uses no translations"),
        ("labelling.selection=agreement", f"labelling.selection is agreement, but {NAME} trains no MRC stage"),
    ],
)
def test_the_stages_that_it_visits_are_checked_before_a_run(config, override, problem):
    with pytest.raises(ConfigError, match=problem):
        TofPipeline(config(override)).check()


@pytest.mark.usefixtures("registered")
def test_stages_that_it_does_not_visit_are_not_checked(config):
    assert set(used_stages(config())) == {"ner", "pseudo_ner"}
    TofPipeline(config("mrc.max_length=100000", "mlm.max_length=100000")).check()


@pytest.mark.usefixtures("registered")
def test_the_plan_has_its_stages(config):
    planned = TofPipeline(config()).plan()
    assert [(stage.system, stage.name) for stage in planned] == [
        (NAME, "ner"),
        (NAME, "ner-pseudo_ner"),
        (NAME, "ner-pseudo_ner-pseudo_ner"),
    ]


@pytest.mark.usefixtures("registered")
def test_table_1_of_an_ablation_has_a_row_for_it():
    (row,) = [row for row in rows_of(1) if row.system == NAME]
    assert (row.name, row.title, row.needs) == (NAME, "Labelled twice", ("dictionary",))


@pytest.mark.usefixtures("registered")
def test_the_model_card_of_its_tagger_cites_its_method(config):
    result = TofPipeline(config()).run()
    card = model_card(read_released_run(result.folder), "user/self-training")
    assert f"the recipe `{NAME}`" in card and "follows Yarowsky (1995)" in card


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """Installs examples/plugin where this process finds it."""
    source = shutil.copytree(Path(__file__).parents[2] / "examples/plugin", tmp_path / "plugin")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    target = tmp_path / "installed"
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", target, source], check=True)
    monkeypatch.syspath_prepend(target)
    yield
    RECIPES.pop("label_and_repeat", None)
    sys.modules.pop("tof_self_training", None)


@pytest.mark.usefixtures("plug_in")
def test_a_recipe_of_an_installed_package_is_named_and_run_like_a_built_in_one(config):
    ended = []

    class Ended(TrainerCallback):
        def on_train_end(self, args, state, control, **kwargs):
            ended.append(args.run_name)

    options = config("systems=label_and_repeat", "translation.dictionary=null")
    result = TofPipeline(options, callbacks=[Ended()]).run()
    assert {row["system"] for row in result.rows} == {"label_and_repeat"}
    # The user's callbacks are in the Trainer of every stage.
    assert ended == ["es ner", "es ner-pseudo_ner", "es ner-pseudo_ner-pseudo_ner"]
