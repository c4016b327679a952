"""Selection of pseudo-labels and the forgetting alarm in whole runs: what is trained, recorded, planned and reused."""

from __future__ import annotations

import copy
import io
import json
import logging
import shutil
from collections import Counter

import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from transformers import Trainer

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf.algorithm.history import SourceF1Alarm
from tof_hf.config import load_config
from tof_hf.data import Gazetteer, mark_names, read_text
from tof_hf.data.fingerprint import content_hash
from tof_hf.data.label_selection import select_labels
from tof_hf.data.pseudo_labels import UNSURE, entity_texts, without_texts
from tof_hf.data.tokenizers import load_encoder_tokenizer
from tof_hf.data.windows import encode_ner
from tof_hf.data.writing import write_rows
from tof_hf.errors import DataError, TofError
from tof_hf.hub.card import model_card
from tof_hf.hub.dataset_release import pseudo_label_bundle
from tof_hf.hub.released_run import read_released_run as read_run
from tof_hf.inference.words import WordPredictor
from tof_hf.pipeline import TofPipeline, run_tof
from tof_hf.report.reading import Run, learned_from
from tof_hf.storage.cache import cache_json
from tof_hf.storage.files import read_json

pytestmark = pytest.mark.slow

TAGGER = "mrc-ner"
PSEUDO = "mrc-ner-pseudo_ner"


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """The run file of mrc, ner and pseudo_ner on tiny data."""
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(size="tiny")
    data = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    encoder = train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)
    once = {"num_train_epochs": 1, "bf16": False, "learning_rate": 1e-3}
    return {
        "model": str(encoder),
        "rounds": 0,
        "source": {"train": data["source_train"], "validation": data["source_validation"]},
        "target": {"name": "es", "text": data["target_text"]},
        "mlm": {"enabled": False},
        "mrc": once | {"max_validation": 5, "max_ner_mrc": 10},
        "ner": once | {"num_train_epochs": 4, "learning_rate": 1e-2, "per_device_train_batch_size": 8},
        "pseudo_ner": {"num_train_epochs": 1, "learning_rate": 1e-2},
    }


@pytest.fixture(scope="module")
def run(options, tmp_path_factory):
    """A run with labels of all words, whose tagger all tests go on from."""
    return run_tof(options | {"output_dir": str(tmp_path_factory.mktemp("run"))})


@pytest.fixture
def changed(options, run):
    """The config of the same run with another labelling or forgetting section, in the same folder."""

    def make(folder=run.folder, **sections):
        return load_config(copy.deepcopy(options) | {"output_dir": str(folder)} | sections)

    return make


def history_of(result):
    return read_json(result.folder / "lineage.json")["systems"]["tof"]


def stage(result, name):
    return read_json(result.folder / "stages" / name / "stage.json")


def all_labels(result):
    return Dataset.from_parquet(str(result.folder / history_of(result)["pseudo_labels"][0]["file"]))


def published(result):
    """The labels as a data set for the Hub, were the text free."""
    run = read_run(result.folder)
    run.lineage.data[:] = [item.model_copy(update={"license": "cc0-1.0"}) for item in run.lineage.data]
    return pseudo_label_bundle(run, "tester/pseudo")


@pytest.fixture
def predicted(monkeypatch):
    """How often something is predicted from here on."""
    calls = []
    for kind, name in ((Trainer, "predict"), (WordPredictor, "probabilities")):
        predict = getattr(kind, name)
        monkeypatch.setattr(kind, name, lambda self, rows, do=predict: calls.append(len(rows)) or do(self, rows))
    return calls


def planned(config):
    return {one.name: one.action for one in TofPipeline(config).plan()}


def test_the_rows_trained_on_are_the_plain_labels_unless_a_selection_is_asked_for(run, changed):
    config = changed()
    plain = all_labels(run).select_columns(["id", "tokens", "ner_tags"])
    window = {"max_length": config.pseudo_ner.max_length, "stride": config.pseudo_ner.stride}
    encoded = encode_ner(plain, load_encoder_tokenizer(config.model), **window)
    assert stage(run, PSEUDO)["recipe"]["train"] == content_hash(encoded)
    assert history_of(run)["pseudo_labels"][0]["selection"] is None


def test_health_is_recorded_and_agreement_asks_the_mrc_stage_once(run, changed, predicted):
    health = history_of(run)["pseudo_labels"][0]["health"]
    assert sum(health["confidence"]) == sum(history_of(run)["pseudo_labels"][0]["entities"].values())
    assert health["agreement_sentences"] == 40 and health["words_changed"] is None
    assert len(list((run.folder / "stages" / "mrc").glob("answers-*.json"))) == 1
    again = run_tof(changed())
    assert predicted == [] and history_of(again) == history_of(run)
    off = run_tof(changed(labelling={"agreement_sentences": 0}))
    assert history_of(off)["pseudo_labels"][0]["health"]["agreement_sentences"] == 0


@pytest.mark.parametrize(
    "labelling",
    [
        {"selection": "threshold", "selection_level": "token"},
        {"selection": "threshold", "selection_level": "sentence"},
        {"selection": "per_type_quota", "selection_level": "token", "quota": 0.5},
        {"selection": "agreement", "selection_level": "token"},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_a_selection_changes_the_rows_of_the_next_stage_and_is_planned_by_its_own_file(run, changed, labelling):
    labels = all_labels(run)
    if labelling["selection"] == "threshold":  # one that keeps some sentences and not others
        least = sorted(min(row) for row in labels["ner_probabilities"])
        labelling = labelling | {"threshold": round(least[len(least) // 2], 6)}
    config = changed(labelling=labelling)
    assert planned(config) == {"mrc": "reuse", TAGGER: "reuse", PSEUDO: "run"}
    result = run_tof(config)
    record = history_of(result)["pseudo_labels"][0]
    chosen = Dataset.from_parquet(str(result.folder / record["selection"]["file"]))
    assert record["selection"]["file"] != record["file"] and len(labels) == record["sentences"] == 40
    assert stage(result, PSEUDO)["rows"] == {"pseudo": len(chosen)} and len(chosen) <= 40
    assert record["selection"]["sentences"] == len(chosen)
    if labelling["selection"] != "agreement":
        numbers = {name: labelling[name] for name in ("threshold", "quota") if name in labelling}
        expected = select_labels(labels, labelling["selection"], level=labelling["selection_level"], **numbers)
        assert chosen[:] == expected[:]
    if labelling["selection"] == "per_type_quota":
        every = record["entities"]
        assert record["selection"]["entities"] == {label: -(-count // 2) for label, count in every.items()}
        assert record["selection"]["unsure_words"] > 0
    assert (UNSURE in chosen.column_names) == (labelling["selection_level"] == "token")
    assert planned(config) == {"mrc": "reuse", TAGGER: "reuse", PSEUDO: "reuse"}
    assert planned(changed())[PSEUDO] == "run"  # the labels of all words are there still, the stage is another's now


def test_a_text_that_is_too_many_of_the_entities_is_learned_as_no_entity_and_recorded(run, changed, monkeypatch):
    monkeypatch.setattr("tof_hf.data.pseudo_labels.MIN_COUNT", 1)
    texts = Counter(text for row in entity_texts(all_labels(run)) for text in row)
    often = max(texts.values())
    most = {text for text, count in texts.items() if count == often}
    share = (often - 0.5) / texts.total()
    config = changed(labelling={"max_text_share": share})
    assert planned(config) == {"mrc": "reuse", TAGGER: "reuse", PSEUDO: "run"}
    result = run_tof(config)
    record = history_of(result)["pseudo_labels"][0]
    chosen = Dataset.from_parquet(str(result.folder / record["selection"]["file"]))
    assert record["selection"]["no_entities"] == dict.fromkeys(most, often) and len(chosen) == record["sentences"]
    assert chosen[:] == without_texts(all_labels(run), most)[:]
    assert sum(record["selection"]["entities"].values()) == texts.total() - often * len(most)
    learned = learned_from(Run.read(result.folder).labellings[0][1])
    assert learned.startswith("40, ") and learned.endswith(" as no entity") and all(text in learned for text in most)
    assert planned(config)[PSEUDO] == "reuse"
    card = published(result).files["README.md"].decode()
    assert all(f"{text} ({often})" in card for text in most) and "Only labels that were sure" not in card


def test_a_share_that_no_text_reaches_changes_nothing(run, changed):
    plain = run_tof(changed())
    again = run_tof(changed(labelling={"max_text_share": 0.99}))
    assert {one.action for one in TofPipeline(changed(labelling={"max_text_share": 0.98})).plan()} == {"reuse"}
    assert history_of(again) == history_of(plain) and history_of(again)["pseudo_labels"][0]["selection"] is None


def test_another_threshold_does_not_reuse_the_labels_of_the_first(run, changed):
    files = set()
    for threshold in (0.0, 0.00001):
        labelling = {"selection": "threshold", "threshold": threshold}
        files.add(history_of(run_tof(changed(labelling=labelling)))["pseudo_labels"][0]["selection"]["file"])
    assert len(files) == 2


def test_agreement_without_a_reading_stage_is_an_error_that_says_so(options, changed, tmp_path):
    def self_training(do):
        return do.pseudo_ner(tagger := do.ner(do.pretrained), do.label(tagger))

    config = changed(tmp_path, labelling={"selection": "agreement"}, ner=options["ner"] | {"num_train_epochs": 1})
    with pytest.raises(TofError, match="no MRC stage came before this tagger"):
        TofPipeline(config, recipes={"self_training": self_training}).run()


# Forgetting


@pytest.fixture
def forgetful(monkeypatch):
    """Source validation F1 as if pseudo_ner had forgotten much, and its second training `mixed`."""
    from tof_hf.algorithm import scoring

    scored = {"mrc-ner": 0.9, PSEUDO: 0.8, f"{PSEUDO}_mix": 0.85}
    real = scoring.Scorer._scores

    def scores(self, checkpoint, config, split, dataset):
        found = real(self, checkpoint, config, split, dataset)
        return found.model_copy(update={"f1": scored[checkpoint.name]})

    monkeypatch.setattr(scoring.Scorer, "_scores", scores)
    return scored


def test_a_drop_is_measured_against_the_best_stage_that_the_run_went_on_from():
    memory = SourceF1Alarm(0.05)
    assert memory.check("a", 0.1) is None
    for name, f1 in (("a", 0.7), ("b", 0.9), ("c", 0.86)):
        assert memory.check(name, f1) is None
        memory.keep(name, f1)
    drop = memory.check("d", 0.84)
    assert (drop.stage, drop.f1, drop.best_stage, drop.best_f1) == ("d", 0.84, "b", 0.9)


def test_a_stage_that_forgets_is_warned_of_and_recorded(changed, forgetful, caplog):
    with caplog.at_level(logging.WARNING, "tof_hf"):
        result = run_tof(changed())
    assert "mrc-ner-pseudo_ner: F1 on source validation fell to 0.8000, 0.1000 below mrc-ner (0.9000)" in caplog.text
    assert history_of(result)["forgetting"] == [
        {"stage": PSEUDO, "f1": 0.8, "best_stage": TAGGER, "best_f1": 0.9, "action": "warn", "mixed_f1": None,
         "kept": PSEUDO}
    ]  # fmt: skip
    assert "pseudo_ner fell to 80.00 F1 on source validation, from 90.00 after ner" in model_card(
        read_run(result.folder), "tester/es"
    )
    calm = run_tof(changed(forgetting={"max_drop": 0.2}))
    assert history_of(calm)["forgetting"] == []


def test_a_run_stops_where_the_config_says_so_and_continues_when_it_is_changed(changed, forgetful):
    with pytest.raises(TofError, match="fell to 0.8000.*forgetting.action=warn"):
        run_tof(changed(forgetting={"action": "stop"}))
    assert planned(changed()) == {"mrc": "reuse", TAGGER: "reuse", PSEUDO: "reuse"}


@pytest.mark.parametrize("mixed_f1", [0.85, 0.75])
def test_mixing_trains_the_stage_again_with_source_and_the_better_one_goes_on(changed, forgetful, mixed_f1):
    forgetful[f"{PSEUDO}_mix"] = mixed_f1
    result = run_tof(changed(forgetting={"action": "mix"}))
    assert stage(result, PSEUDO)["rows"] == {"pseudo": 40}  # nothing is overwritten
    assert stage(result, f"{PSEUDO}_mix")["rows"] == {"source": 40, "pseudo": 40}
    kept = f"{PSEUDO}_mix" if mixed_f1 > 0.8 else PSEUDO
    (record,) = history_of(result)["forgetting"]
    assert (record["mixed_f1"], record["kept"]) == (mixed_f1, kept)
    lineage = json.loads((result.folder / "lineage.json").read_text())
    assert lineage["final"]["stage"] == kept and f"{PSEUDO}_mix" in lineage["stages"]
    assert "trained again with source sentences" in model_card(read_run(result.folder), "t/es") or kept == PSEUDO


@pytest.mark.parametrize("level", ["sentence", "token"])
def test_labels_that_were_chosen_are_the_ones_published(changed, level):
    result = run_tof(changed(labelling={"selection": "per_type_quota", "selection_level": level, "quota": 0.3}))
    bundle = published(result)
    rows = pq.read_table(io.BytesIO(bundle.files["train.parquet"]))
    selection = history_of(result)["pseudo_labels"][0]["selection"]
    assert len(rows) == selection["sentences"] == stage(result, PSEUDO)["rows"]["pseudo"]
    assert (UNSURE in rows.column_names) is (level == "token")
    card = bundle.files["README.md"].decode()
    assert f"{len(rows)} of 40 sentences, by per_type_quota 0.3, level {level}" in card
    (result.folder / selection["file"]).write_bytes(b"another file")
    with pytest.raises(DataError, match="not those that the run made"):
        published(result)


def test_a_stage_that_has_source_sentences_already_is_warned_of_alone(changed, forgetful, options):
    pseudo = options["pseudo_ner"] | {"use_source": True}
    result = run_tof(changed(forgetting={"action": "mix"}, pseudo_ner=pseudo))
    assert [record["kept"] for record in history_of(result)["forgetting"]] == [PSEUDO]
    assert history_of(result)["stages"] == ["mrc", TAGGER, PSEUDO]


def test_the_plan_follows_a_run_that_was_mixed(changed, tmp_path, run):
    def score(stage, f1):
        (file,) = (folder / "stages" / stage).glob("scores-source_validation-*.json")
        cache_json(file, json.loads(file.read_text()) | {"f1": f1})

    folder = shutil.copytree(run.folder, tmp_path / "run")
    shutil.rmtree(folder / "stages" / f"{PSEUDO}_mix", ignore_errors=True)  # of another test
    run_tof(changed(folder))  # pseudo_ner as it is without a selection
    score(TAGGER, 0.9)
    score(PSEUDO, 0.8)
    config = changed(folder, forgetting={"action": "mix"})
    finished = {"mrc": "reuse", TAGGER: "reuse", PSEUDO: "reuse"}
    assert planned(config) == finished | {f"{PSEUDO}_mix": "run"}
    run_tof(config)
    score(f"{PSEUDO}_mix", 0.85)
    assert planned(config) == finished | {f"{PSEUDO}_mix": "reuse"}
    assert history_of(run_tof(config))["forgetting"][0]["kept"] == f"{PSEUDO}_mix"


def test_labels_from_elsewhere_join_those_of_the_tagger(options, run, changed, tmp_path):
    text = read_text(options["target"]["text"])
    found = mark_names(text, Gazetteer([(text[0]["tokens"][0], "LOC")]))
    others = tmp_path / "list.jsonl"
    write_rows(found.select(range(30)), others)
    with others.open("a", encoding="utf-8") as file:
        file.write('{"id": "x", "tokens": ["Not", "there"], "ner_tags": ["B-LOC", "O"]}\n')
    target = options["target"] | {"labels": {"path": str(others), "name": "places", "weight": 2}}
    folder = shutil.copytree(run.folder, tmp_path / "run")
    config = changed(folder, target=target, labelling={"combine": "union"})
    assert planned(config)[PSEUDO] == "run"
    result = run_tof(config)
    (labelled,) = history_of(result)["pseudo_labels"]
    assert labelled["joined"]["rule"] == "union" and labelled["joined"]["sentences"] == {"places": 30}
    rows = all_labels(result)
    assert labelled["joined"]["added"] > 0 and labelled["entities"]["LOC"] >= found["ner_tags"][0].count(1)
    names = rows.features["ner_tags"].feature.names
    assert names[rows[0]["ner_tags"][0]] == "B-LOC"
    lineage = read_json(result.folder / "lineage.json")
    (record,) = lineage["other_labels"]
    assert (record["name"], record["sentences"], record["not_in_target"]) == ("places", 31, 1)
    (file,) = (one for one in lineage["data"] if one["option"] == "target.labels")
    assert file["rows"] == 31 and file["options"]["weight"] == 2
    card = model_card(read_run(result.folder), "user/tagger")
    assert "made by machines and are not gold" in card and "| places |" in card
    assert planned(config)[PSEUDO] == "reuse" and planned(changed(folder))[PSEUDO] == "run"
    others.write_text(others.read_text(encoding="utf-8").replace("B-LOC", "B-ORG"), encoding="utf-8")
    assert planned(config)[PSEUDO] == "run"
