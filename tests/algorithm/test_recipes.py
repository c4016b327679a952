from __future__ import annotations

import json
import shutil
from itertools import chain
from pathlib import Path

import pytest
from datasets import Dataset

from examples.toy_world import words
from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf.algorithm.recipes import RECIPES
from tof_hf.config import load_config
from tof_hf.config.stage_name import StageName
from tof_hf.data import Gazetteer, mark_names, read_text
from tof_hf.data.soft_labels import mean_of
from tof_hf.data.writing import write_rows
from tof_hf.errors import ConfigError
from tof_hf.hub.card import model_card
from tof_hf.hub.released_run import read_released_run as read_run
from tof_hf.pipeline import TofPipeline, run_tof
from tof_hf.run.validation import used_stages

pytestmark = pytest.mark.slow

TUNED = "ner+unitrans-tuned_ner_tr+unitrans"
REDUCED = ["tof_wo_pseudo", "tof_wo_continual", "tof"]


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """A run file of the smallest toy world, with a dictionary."""
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(seed=0, size="tiny")
    paths = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    pairs = [*words.ADVERBS, *words.DAYS, *words.NUMBERS, *((en, es) for en, es, _ in words.THINGS), ("the", "el")]
    (folder / "en-es.tsv").write_text("".join(f"{en}\t{es}\n" for en, es in pairs), encoding="utf-8")
    once = {"num_train_epochs": 1, "bf16": False}
    return {
        "model": str(train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)),
        "source": {"train": paths["source_train"], "validation": paths["source_validation"]},
        "target": {"text": [paths["target_text"]], "mrc": [paths["target_qa"]], "gold": paths["target_gold"]},
        "translation": {"dictionary": str(folder / "en-es.tsv")},
        "mlm": once | {"maskings": 1, "learning_rate": 1e-3},
        "mrc": once | {"max_length": 96, "stride": 16, "max_validation": 5, "max_ner_mrc": 10},
        "ner": once | {"num_train_epochs": 3, "learning_rate": 1e-2, "per_device_train_batch_size": 8},
        "pseudo_ner": {"num_train_epochs": 1},
        "continual_ner": {"num_train_epochs": 1},
        "distillation": once | {"num_train_epochs": 2, "learning_rate": 1e-2, "per_device_train_batch_size": 8},
    }


@pytest.fixture(scope="module")
def run_of_peers(values, tmp_path_factory):
    folder = tmp_path_factory.mktemp("peers")
    run_tof(values | {"output_dir": str(folder), "systems": ["source_only", "tsl", "unitrans"]})
    return folder


@pytest.fixture
def peers(run_of_peers, tmp_path):
    """The folder of a run of both peers, a copy for one test."""
    return Path(shutil.copytree(run_of_peers, tmp_path / "peers"))


def planned(values, folder, *systems):
    config = load_config(values | {"output_dir": str(folder), "systems": list(systems)})
    return [(stage.name, stage.action) for stage in TofPipeline(config).plan()]


def with_places(values, folder):
    """The run file with the first words of the target sentences labelled as places."""
    text = read_text(values["target"]["text"][0])
    write_rows(mark_names(text, Gazetteer([(text[0]["tokens"][0], "LOC")])), folder / "places.jsonl")
    return values | {"target": values["target"] | {"labels": str(folder / "places.jsonl")}}


def test_cofee_asks_for_any_entity_then_for_types_of_distant_labels_then_for_those_of_the_source(values, tmp_path):
    run_tof(with_places(values, tmp_path) | {"output_dir": str(tmp_path / "run"), "systems": ["cofee"]})
    stages = json.loads((tmp_path / "run" / "lineage.json").read_text())["stages"]
    rows = {name.rpartition("-")[2]: stage["rows"] for name, stage in stages.items()}
    assert list(rows) == ["span_mrc", "typed_mrc", "source_mrc", "ner"]
    assert rows["span_mrc"] == rows["typed_mrc"] == {"distant_mrc": 40}  # the labels have places alone
    assert list(rows["source_mrc"]) == ["ner_mrc"] and list(rows["ner"]) == ["source"]
    assert "| places | target.labels |" in model_card(read_run(tmp_path / "run"), "user/tagger")


def test_a_run_file_may_name_every_recipe_and_nothing_else(tmp_path):
    sides = {"source": {"train": "a", "validation": "b"}, "target": {"text": "c", "labels": "e"}}
    sides["translation"] = {"dictionary": "d"}
    run = {"model": "m", "output_dir": str(tmp_path), **sides}
    assert load_config(run | {"systems": list(RECIPES)}).systems == list(RECIPES)
    with pytest.raises(ConfigError, match=r"systems.0 needs one of source_only, .* Did you mean 'tof'"):
        load_config(run | {"systems": "tf"})
    with pytest.raises(ConfigError, match="target.labels is missing: cofee trains on labels from elsewhere"):
        load_config(run | {"systems": "cofee", "target": {"text": "c"}})


@pytest.mark.parametrize("system", list(RECIPES))
def test_the_stages_that_are_checked_before_a_run_are_those_that_it_plans(values, tmp_path, system):
    if "labels" in RECIPES[system].needs:
        values = with_places(values, tmp_path)
    config = load_config(values | {"output_dir": str(tmp_path), "systems": [system]})
    assert {StageName.parse(name).section for name, _ in planned(values, tmp_path, system)} == set(used_stages(config))


def test_the_reduced_forms_of_tof_are_its_beginnings(values, tmp_path):
    short, middle, whole = ([name for name, _ in planned(values, tmp_path, system)] for system in REDUCED)
    assert middle[: len(short)] == short
    assert whole[: len(middle)] == middle
    assert (len(short), len(middle), len(whole)) == (3, 4, 6)


def test_self_training_goes_on_with_its_own_labels_and_the_source_beside_them(values, tmp_path):
    run = values | {"output_dir": str(tmp_path), "systems": ["self_training"]}
    chosen = {"selection": "threshold", "threshold": 0.2, "selection_level": "token", "targets": "soft"}
    run_tof(run | {"labelling": chosen})
    lineage = json.loads((tmp_path / "lineage.json").read_text())
    assert list(lineage["stages"]["ner-pseudo_ner_mix"]["rows"]) == ["source", "pseudo"]
    assert lineage["stages"]["ner-pseudo_ner_mix"]["hand_off"]["head_kept"]
    (labels,) = lineage["systems"]["self_training"]["pseudo_labels"]
    assert (labels["selection"]["by"], labels["used_by"]) == ("threshold", ["ner-pseudo_ner_mix"])


def test_taggers_of_several_seeds_label_together_by_their_mean_probabilities(values, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("tof_hf.algorithm.labelling.mean_of", lambda found: given.append(found) or mean_of(found))
    run = values | {"output_dir": str(tmp_path), "systems": ["self_training"], "labelling": {"teachers": 2}}
    names = ["ner", "ner_teacher2", "ner-pseudo_ner_mix"]
    assert [name for name, _ in planned(run, tmp_path, "self_training")] == names
    run_tof(run)
    lineage = json.loads((tmp_path / "lineage.json").read_text())
    (labels,) = lineage["systems"]["self_training"]["pseudo_labels"]
    assert (labels["tagger"], labels["others"]) == ("ner", ["ner_teacher2"])
    assert [lineage["stages"][name]["seed"] for name in names] == [2019, 2020, 2019]
    [(one, other)] = given
    rows = Dataset.from_parquet(str(tmp_path / labels["file"]), cache_dir=str(tmp_path / "cache"))
    assert [*chain(*rows["ner_probabilities"])] == pytest.approx(((one + other) / 2).max(-1).tolist(), abs=1e-6)
    assert (one != other).any() and {action for _, action in planned(run, tmp_path, "self_training")} == {"reuse"}
    alone = run | {"labelling": {}}
    assert dict(planned(alone, tmp_path, "self_training")) == {"ner": "reuse", "ner-pseudo_ner_mix": "run"}


def test_the_seeds_of_a_teacher_vote_as_one(values, tmp_path):
    stages = {name: (stage.seed, stage.start.name) for name, stage in planned_stages(values, tmp_path)}
    assert stages["translated_ner_tr_teacher2+unitrans"] == (2020, "")
    assert stages["ner_teacher2+unitrans-tuned_ner_tr_teacher2+unitrans"] == (2020, "ner_teacher2+unitrans")
    assert len(stages) == 2 * 3 + 1


def test_a_stage_with_the_defaults_of_its_recipe_is_not_that_of_the_run_file(values, tmp_path):
    world = make_world(seed=0, size="tiny")
    deeper = values | {"model": str(train_encoder(world, tmp_path / "encoder", steps=0, layers=2, hidden=32))}
    both = {"output_dir": str(tmp_path), "systems": ["source_only", "tsl"]}
    frozen = {stage.name: stage.stage.config.freeze_layers for stage in TofPipeline(load_config(deeper | both)).plan()}
    assert frozen == {"ner": 0, "ner+tsl": 1, "distillation+tsl": 1}  # one less than the encoder has
    said = {name: deeper[name] | {"freeze_layers": 0} for name in ("ner", "distillation")}
    assert [name for name, _ in planned(deeper | said, tmp_path, "tsl")] == ["ner", "distillation"]


def planned_stages(values, folder):
    config = load_config(values | {"output_dir": str(folder), "systems": ["unitrans"], "labelling": {"teachers": 2}})
    return [(stage.name, stage.stage) for stage in TofPipeline(config).plan()]


def test_a_student_of_one_teacher_is_trained_on_the_target_text_alone(peers):
    record = json.loads((peers / "stages/distillation/stage.json").read_text())
    [soft] = json.loads((peers / "lineage.json").read_text())["systems"]["tsl"]["soft_labels"]
    assert list(record["rows"]) == ["taught"]
    assert record["start"] == ""
    assert (soft["teachers"], soft["voters"], soft["agreed_share"]) == (["ner"], [], None)


def test_unitrans_has_three_teachers_of_which_the_last_goes_on_from_the_first(peers):
    lineage = json.loads((peers / "lineage.json").read_text())
    [soft] = lineage["systems"]["unitrans"]["soft_labels"]
    assert soft["voters"] == ["ner+unitrans", "translated_ner_tr+unitrans", TUNED]
    assert soft["teachers"] == [TUNED]
    assert 0 < soft["agreed_share"] <= 1
    assert list(lineage["stages"]["translated_ner_tr+unitrans"]["rows"]) == ["translated"]
    assert lineage["stages"][TUNED]["hand_off"]["head_kept"]
    assert lineage["systems"]["unitrans"]["defaults"] == {"freeze_layers": 0, "decoding": "viterbi"}
    stored = json.loads((peers / "final" / "config.json").read_text())["tof_hf"]
    assert (stored["decoding"], stored["word_rule"]) == ("viterbi", "unicode")


def test_an_ensemble_learns_from_all_three(values, peers, tmp_path):
    config = values | {"output_dir": str(peers), "systems": ["unitrans"]}
    config["distillation"] = config["distillation"] | {"ensemble": True}
    run_tof(config)
    [soft] = json.loads((peers / "lineage.json").read_text())["systems"]["unitrans"]["soft_labels"]
    assert soft["teachers"] == soft["voters"]


def test_soft_labels_are_kept_and_a_second_run_trains_nothing(values, peers):
    actions = {action for _, action in planned(values, peers, "source_only", "tsl")}
    assert actions == {"reuse"}
    [file] = (peers / "stages/ner").glob("soft-*.parquet")
    before = file.stat().st_mtime_ns
    run_tof(values | {"output_dir": str(peers), "systems": ["source_only", "tsl"]})
    assert file.stat().st_mtime_ns == before
    row = Dataset.from_parquet(str(file), cache_dir=str(peers / "cache"))[0]
    assert [sum(word) for word in row["class_probabilities"]] == pytest.approx([1.0] * len(row["tokens"]), abs=1e-3)


def test_a_student_too_learns_a_text_that_is_too_many_of_the_entities_as_none(values, tmp_path, monkeypatch):
    monkeypatch.setattr("tof_hf.data.pseudo_labels.MIN_COUNT", 1)
    longer = values | {"ner": values["ner"] | {"num_train_epochs": 8}}  # a teacher that finds something
    run = {"output_dir": str(tmp_path), "systems": ["tsl"]}
    run_tof(longer | run)
    chosen = longer | {"labelling": {"max_text_share": 0.001}}
    assert planned(chosen, tmp_path, "tsl") == [("ner", "reuse"), ("distillation", "run")]
    run_tof(chosen | run)
    (record,) = json.loads((tmp_path / "lineage.json").read_text())["systems"]["tsl"]["soft_labels"]
    assert record["no_entities"] and planned(chosen, tmp_path, "tsl")[-1] == ("distillation", "reuse")
    assert "were too many to be names" in model_card(read_run(tmp_path), "user/student")


def test_a_plan_says_that_a_student_waits_for_its_teachers(values, tmp_path):
    config = load_config(values | {"output_dir": str(tmp_path), "systems": ["tsl"]})
    teacher, student = TofPipeline(config).plan()
    assert (teacher.foreseen, student.foreseen) == (False, True)
    assert student.why.endswith("starts from the encoder")


def test_the_teachers_of_unitrans_learn_the_whole_source_translated(values, tmp_path):
    few = values["ner"] | {"max_translated": 3}
    config = load_config(values | {"output_dir": str(tmp_path), "systems": ["unitrans"], "ner": few})
    rows = {stage.name: stage.stage.rows for stage in TofPipeline(config).plan()}
    translated = [rows[name]["translated"] for name in ("translated_ner_tr+unitrans", TUNED)]
    assert translated == [rows["ner+unitrans"]["source"]] * 2


def test_unitrans_without_a_dictionary_is_refused(values, tmp_path):
    without = {key: value for key, value in values.items() if key != "translation"}
    with pytest.raises(ConfigError, match=r"translation\.dictionary is missing: unitrans"):
        load_config(without | {"output_dir": str(tmp_path), "systems": ["unitrans"]})


def test_the_card_of_a_student_names_its_teachers_and_whom_the_recipe_follows(peers):
    card = model_card(read_run(peers), "user/student")
    assert f"probabilities of {TUNED}, and the labels of the" in card
    assert f"on which ner+unitrans, translated_ner_tr+unitrans, {TUNED} agree" in card
    assert "with `freeze_layers` = `0`, `decoding` = `viterbi` where its run file has no value" in card
    stages = [line.split(" | ")[0] for line in card.splitlines() if " | NER" in line or "probabilities |" in line]
    names = ("ner", "translated_ner_tr", "tuned_ner_tr", "distillation_tr")
    assert stages == [f"| {name}+unitrans" for name in names]
    assert "follows Wu et al. (2020), UniTrans" in card
