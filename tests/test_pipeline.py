from __future__ import annotations

import copy
import json
import os
import random
import shutil
from types import SimpleNamespace

import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from safetensors.torch import load_file
from transformers import Trainer

from examples.toy_world import words
from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf.algorithm import scoring
from tof_hf.config import load_config
from tof_hf.errors import ConfigError, DataError, TargetLabelLeak
from tof_hf.pipeline import TofPipeline, run_tof

pytestmark = pytest.mark.slow

STAGES = ["ner", "mlm", "mlm-ner", "mlm-mrc", "mlm-mrc-ner", "mlm-mrc-ner-pseudo_ner", "mlm-mrc-ner-pseudo_ner-mrc1"]
LAST = "mlm-mrc-ner-pseudo_ner-mrc1-ner1"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Files and encoder of the smallest toy world, and the run file that names them."""
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(seed=0, size="tiny")
    paths = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    encoder = train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)
    once = {"num_train_epochs": 1, "bf16": False}
    return world, {
        "model": str(encoder),
        "source": {
            "train": paths["source_train"],
            "validation": paths["source_validation"],
            "mrc": [paths["source_qa"]],
        },
        "target": {"text": [paths["target_text"]], "mrc": [paths["target_qa"]], "gold": paths["target_gold"]},
        "mlm": once | {"maskings": 1, "learning_rate": 1e-3},
        "mrc": once | {"learning_rate": 1e-3, "max_length": 96, "stride": 16, "max_validation": 5, "max_ner_mrc": 10},
        "ner": once | {"num_train_epochs": 4, "learning_rate": 1e-2, "per_device_train_batch_size": 8},
        "pseudo_ner": {"num_train_epochs": 1},
        "continual_ner": {"num_train_epochs": 1},
    }


def config_of(toy, folder, **changes):
    values = copy.deepcopy(toy[1]) | {"output_dir": str(folder)}
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            values.setdefault(section, {})[name] = value
        else:
            values[section] = value
    return load_config(values)


@pytest.fixture(scope="module")
def run(toy, tmp_path_factory):
    """One run of all three systems."""
    folder = tmp_path_factory.mktemp("run")
    return run_tof(config_of(toy, folder, systems=["source_only", "adaptabert", "tof"]))


@pytest.fixture
def trained(monkeypatch):
    """The folders of the stages that are trained from here on."""
    folders = []
    train = Trainer.train

    def noted(self, *args, **kwargs):
        folders.append(os.path.basename(os.path.dirname(self.args.output_dir)))
        return train(self, *args, **kwargs)

    monkeypatch.setattr(Trainer, "train", noted)
    return folders


def final_weights(result):
    return load_file(result.final / "model.safetensors")


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_scores_of_every_system_and_stage_are_written(run):
    rows = json.loads((run.folder / "results.json").read_text())["rows"]
    assert rows == run.rows
    stages = [(row["system"], row["stage"], row["round"]) for row in rows if row["split"] == "target"]
    assert stages == [
        ("source_only", "ner", 0), ("adaptabert", "ner", 0), ("tof", "ner", 0), ("tof", "pseudo_ner", 0),
        ("tof", "ner", 1),
    ]  # fmt: skip
    assert {row["split"] for row in rows} == {"target", "source_validation", "source_validation_mrc"}
    for row in rows:
        assert {"system", "stage", "round", "split", "precision", "recall", "f1", "per_type", "mode", "seed"} <= set(
            row
        )
        assert all(0 <= row[name] <= 1 for name in ("precision", "recall", "f1"))
        if row["split"] != "source_validation_mrc":
            assert set(row["per_type"]) == {"LOC", "MISC", "ORG", "PER"}
            assert all(type(row["per_type"]["LOC"][name]) is float for name in ("precision", "recall", "f1"))
    assert any(row["f1"] > 0 for row in rows)
    for text in ("source_only", "adaptabert", "tof", "pseudo_ner", "target"):
        assert text in run.table


def test_a_score_names_the_file_of_the_tags_that_were_counted(tmp_path, monkeypatch):
    def nothing(checkpoint, dataset, config, tokenizer):
        return SimpleNamespace(tags=[["O"] * len(tokens) for tokens in dataset["tokens"]])

    monkeypatch.setattr(scoring, "label_words", nothing)
    labels = List(ClassLabel(names=["O", "B-PER"]))
    features = Features({"id": Value("string"), "tokens": List(Value("string")), "ner_tags": labels})
    named = []
    for word in ("Ana", "Eva", "Ana"):
        gold = Dataset.from_dict({"id": ["1"], "tokens": [[word]], "ner_tags": [[1]]}, features=features)
        scorer = scoring.Scorer({"target": gold}, None, 0, "es", rows := [])
        checkpoint = SimpleNamespace(name="ner", folder=tmp_path)
        scorer.tagger(checkpoint, None, system="source_only")
        named.append(rows[0].predictions)
    assert named[0] == named[2] != named[1]
    assert sorted(file.name for file in tmp_path.glob("*.parquet")) == sorted(named[:2])


def test_stages_with_the_same_beginning_are_trained_once(run):
    assert sorted(path.name for path in (run.folder / "stages").iterdir()) == sorted([*STAGES, LAST])
    for path in (run.folder / "stages").iterdir():
        record = json.loads((path / "stage.json").read_text())
        assert record["steps"] > 0 and record["peak_memory_mb"] > 0 and record["hand_off"]["encoder"] > 10
    heads = {
        path.name: bool(json.loads((path / "stage.json").read_text())["hand_off"]["head_kept"])
        for path in (run.folder / "stages").iterdir()
    }
    assert heads.pop("mlm") and heads.pop("mlm-mrc-ner-pseudo_ner")
    assert not any(heads.values())


def test_the_resolved_config_of_a_run_runs_it_again(run, trained):
    again = run_tof(load_config(run.folder / "config.yaml"))
    assert (trained, again.rows, again.folder) == ([], run.rows, run.folder)


def test_a_second_run_trains_and_predicts_nothing(run, toy, trained, monkeypatch):
    before = final_weights(run)
    predicted = []
    monkeypatch.setattr(Trainer, "predict", lambda self, *args, **kwargs: predicted.append(1))
    again = run_tof(config_of(toy, run.folder, systems=["source_only", "adaptabert", "tof"]))
    assert (trained, predicted) == ([], [])
    assert again.rows == run.rows
    assert_same_weights(before, final_weights(again))


def test_a_change_of_a_late_option_trains_only_the_late_stage(run, toy, trained, tmp_path):
    shutil.copytree(run.folder, tmp_path / "run")
    changed = run_tof(config_of(toy, tmp_path / "run", continual_ner__learning_rate=3e-3))
    assert trained == [LAST]
    before, after = final_weights(run), final_weights(changed)
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_the_final_tagger_never_depends_on_the_gold_of_the_target(run, toy, tmp_path):
    world, values = toy
    # The raw text comes as a file with tags, all of them wrong, and the gold itself is shuffled.
    rng = random.Random(0)
    names = ["O", "B-PER", "B-LOC", "B-ORG", "B-MISC"]
    for name, rows in (("text", world.target_text), ("gold", world.target_gold)):
        sentences = ("".join(f"{word} {rng.choice(names)}\n" for word in row["tokens"]) for row in rows)
        (tmp_path / f"{name}.conll").write_text("\n".join(sentences), encoding="utf-8")
    wrong = {"text": [str(tmp_path / "text.conll")], "gold": str(tmp_path / "gold.conll")}
    other = run_tof(config_of(toy, tmp_path / "run", target=values["target"] | wrong))
    assert_same_weights(final_weights(run), final_weights(other))
    scores = [row for row in other.rows if row["split"] == "target"]
    assert scores
    for row in scores:
        same = next(
            r for r in run.rows if r["system"] == "tof" and r["split"] == "target" and r["stage"] == row["stage"]
        )
        assert row["per_type"] != same["per_type"]


def test_a_run_without_gold_has_the_stages_of_one_with_it(run, toy):
    target = {name: value for name, value in toy[1]["target"].items() if name != "gold"}
    planned = TofPipeline(config_of(toy, run.folder, target=target)).plan()
    assert len(planned) == 6 and {stage.action for stage in planned} == {"reuse"}


def test_the_preset_of_the_published_code_runs(toy, tmp_path, trained):
    test_text = {"path": toy[1]["target"]["gold"], "limit": 5}
    result = run_tof(
        config_of(
            toy, tmp_path, preset="official_code", target__test_text=[test_text], mrc__lr_scheduler_type="constant"
        )
    )
    assert trained == [name for name in STAGES if name.startswith("mlm") and name != "mlm-ner"] + [LAST]
    record = json.loads((result.folder / "stages" / "mlm-mrc" / "stage.json").read_text())
    assert record["recipe"]["options"]["span_match_head"] and record["recipe"]["options"]["end_label"] == "first_piece"
    assert record["seed"] == 2333
    rows = json.loads((result.folder / "stages" / LAST / "stage.json").read_text())["rows"]
    assert set(rows) == {"source", "pseudo"}


def test_the_other_order_and_more_rounds_run(toy, tmp_path, trained):
    run_tof(config_of(toy, tmp_path, order="mrc_mlm", rounds=2, target__gold=None))
    first = "mrc-mlm-ner-pseudo_ner"
    assert trained == [
        "mrc", "mrc-mlm", "mrc-mlm-ner", first, f"{first}-mrc1", f"{first}-mrc1-ner1", f"{first}-mrc1-ner1-mrc2",
        f"{first}-mrc1-ner1-mrc2-ner2",
    ]  # fmt: skip


def test_stages_that_are_off_hand_on_what_they_got(toy, tmp_path, trained):
    result = run_tof(
        config_of(toy, tmp_path, mlm__enabled=False, pseudo_ner__enabled=False, continual_mrc__enabled=False)
    )
    assert trained == ["mrc", "mrc-ner", "mrc-ner-ner1"]
    # Without MRC in between, the head of the tagger goes on.
    record = json.loads((result.folder / "stages" / "mrc-ner-ner1" / "stage.json").read_text())
    assert record["hand_off"]["head_kept"]


def rows_of(result, stage):
    return json.loads((result.folder / "stages" / stage / "stage.json").read_text())["rows"]


@pytest.fixture(scope="module")
def translated_run(toy, tmp_path_factory):
    """One run with a dictionary, of the baselines with and without translation and of TOF."""
    folder = tmp_path_factory.mktemp("translated")
    pairs = [*words.ADVERBS, *words.DAYS, *words.NUMBERS, *((en, es) for en, es, _ in words.THINGS), ("the", "el")]
    (folder / "en-es.tsv").write_text("".join(f"{en}\t{es}\n" for en, es in pairs), encoding="utf-8")
    systems = ["adaptabert", "adaptabert_translation", "tof"]
    config = config_of(toy, folder / "run", systems=systems, translation__dictionary=str(folder / "en-es.tsv"))
    return run_tof(config)


def test_translated_source_joins_the_stages_of_the_systems_that_ask_for_it(translated_run):
    assert rows_of(translated_run, "mlm") == {"target": 40, "source": 40}
    assert rows_of(translated_run, "mlm-ner") == {"source": 40}
    assert rows_of(translated_run, "mlm_tr") == {"target": 40, "source": 40, "translated": 40}
    assert rows_of(translated_run, "mlm_tr-ner_tr") == {"source": 40, "translated": 40}
    questions = rows_of(translated_run, "mlm_tr-mrc_tr")
    assert questions["translated_qa"] == questions["source_qa"] == 30
    assert questions["translated_ner_mrc"] == 160  # all 40 sentences, four types; ner_mrc has its own cap
    assert rows_of(translated_run, "mlm_tr-mrc_tr-ner_tr-pseudo_ner_tr") == {"pseudo": 40}


def test_what_the_translation_did_is_written_into_the_run_folder(translated_run):
    folder = translated_run.folder / "translation"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}.{ending}" for name in ("source", "source_qa", "validation") for ending in ("json", "md")
    )
    report = json.loads((folder / "source.json").read_text())
    assert 0 < report["coverage"] < 1 and report["rows"] == 40
    assert report["entities"]["PER"]["changed"] == 0


def test_translations_can_be_turned_off_stage_by_stage_and_sizes_made_equal(toy, tmp_path, translated_run, trained):
    dictionary = str(translated_run.folder.parent / "en-es.tsv")
    off = {f"{stage}__use_translated": False for stage in ("mlm", "ner")}
    config = config_of(
        toy, tmp_path, translation__dictionary=dictionary, mrc__use_translated_qa=False, mrc__max_ner_mrc=5, rounds=0,
        ner__validate_translated=False, pseudo_ner__use_translated=True, pseudo_ner__use_source=True,
        pseudo_ner__equal_sizes=True, labelling__max_sentences=25, pseudo_ner__max_translated=30, **off,
    )  # fmt: skip
    result = run_tof(config)
    assert trained == ["mlm", "mlm-mrc_tr", "mlm-mrc_tr-ner", "mlm-mrc_tr-ner-pseudo_ner_tr"]
    assert set(rows_of(result, "mlm-mrc_tr")) == {"target_qa", "source_qa", "ner_mrc", "translated_ner_mrc"}
    assert rows_of(result, trained[-1]) == {"source": 40, "translated": 25, "pseudo": 25}


def test_the_baseline_with_translation_needs_a_dictionary(toy, tmp_path):
    with pytest.raises(ConfigError, match="translation.dictionary is missing"):
        config_of(toy, tmp_path, systems=["adaptabert_translation"])


def test_a_baseline_without_translation_needs_the_source(toy, tmp_path):
    (tmp_path / "en-es.tsv").write_text("the\tel\n")
    changes = {"translation__dictionary": str(tmp_path / "en-es.tsv"), "ner__use_source": False}
    with pytest.raises(ConfigError, match="ner has nothing to train on.*adaptabert uses no translations"):
        TofPipeline(config_of(toy, tmp_path, systems=["adaptabert", "adaptabert_translation"], **changes)).check()
    TofPipeline(config_of(toy, tmp_path, systems=["adaptabert_translation"], **changes)).check()


def test_strategies_that_a_user_spells_out_reach_training_alone(toy, tmp_path, trained):
    steps = {"eval_strategy": "steps", "eval_steps": 5, "save_strategy": "steps", "save_steps": 5}
    changes = {f"ner__{name}": value for name, value in steps.items()} | {"mlm__save_strategy": "no"}
    result = run_tof(config_of(toy, tmp_path, systems=["adaptabert"], **changes))
    assert trained == ["mlm", "mlm-ner"] and result.final.is_dir()


def test_an_evaluation_of_masked_language_modelling_is_refused_before_training(toy, tmp_path, trained):
    with pytest.raises(ConfigError, match="mlm.eval_strategy"):
        run_tof(config_of(toy, tmp_path, mlm__eval_strategy="epoch"))
    assert trained == []


def test_a_run_that_would_end_with_a_reader_is_refused(toy, tmp_path):
    with pytest.raises(ConfigError, match="ends with a tagger"):
        config_of(toy, tmp_path, continual_ner__enabled=False)
    config_of(toy, tmp_path, continual_ner__enabled=False, rounds=0)


@pytest.mark.parametrize("option", ["train", "validation"])
def test_the_gold_of_the_target_is_refused_as_training_or_validation_data(toy, tmp_path, trained, option):
    gold = toy[1]["target"]["gold"]
    with pytest.raises(TargetLabelLeak, match=f"source.{option} holds 20 of the 20 sentences of target.gold"):
        run_tof(config_of(toy, tmp_path, **{f"source__{option}": gold}))
    assert trained == []


def test_validation_without_an_entity_is_refused(toy, tmp_path, trained):
    (tmp_path / "none.conll").write_text("Hola O\n. O\n", encoding="utf-8")
    with pytest.raises(DataError, match="none.conll: found no entity"):
        run_tof(config_of(toy, tmp_path / "run", source__validation=str(tmp_path / "none.conll")))
    assert trained == []


def test_a_stage_whose_model_was_deleted_is_trained_again(toy, tmp_path, trained):
    config = config_of(toy, tmp_path, systems=["source_only"])
    shutil.rmtree(run_tof(config).folder / "stages" / "ner" / "model")
    run_tof(config)
    assert trained == ["ner", "ner"]


def test_the_table_has_the_stages_of_this_run_alone(toy, tmp_path):
    run_tof(config_of(toy, tmp_path, systems=["adaptabert"]))
    result = run_tof(config_of(toy, tmp_path, systems=["source_only"]))
    assert result.stages == ["ner"] and "mlm" not in result.table
