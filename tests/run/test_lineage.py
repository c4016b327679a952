"""The record of a run says what made it, and nothing about the machine it was made on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf import load_config, run_tof
from tof_hf.config import DataFile
from tof_hf.data.fingerprint import content_hash
from tof_hf.data.licences import find_license, may_share
from tof_hf.data.mixing import cap
from tof_hf.pipeline import TofPipeline
from tof_hf.run.inputs import Inputs
from tof_hf.run.leakage import mlm_text
from tof_hf.run.lineage import changed_options
from tof_hf.storage.publishing import public, public_name

pytestmark = pytest.mark.slow

SMALLEST = {
    "model": "some/encoder",
    "output_dir": "runs/x",
    "source": {"train": "train.txt", "validation": "valid.txt"},
    "target": {"text": ["target.txt"]},
}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(size="tiny")
    data = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    encoder = train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)
    once = {"num_train_epochs": 1, "bf16": False}
    return {
        "model": str(encoder),
        "systems": ["source_only"],
        "source": {"train": {"path": data["source_train"], "limit": 30}, "validation": data["source_validation"]},
        "target": {"text": data["target_text"]},
        "mlm": once | {"maskings": 1},
        "ner": once,
    }


def record_of(folder):
    return json.loads((folder / "lineage.json").read_text())


def test_options_that_differ_are_named_without_the_folders_of_this_machine(tmp_path):
    secret = tmp_path / "customer"
    secret.mkdir()
    (secret / "dict.txt").write_text("a b\n")
    (secret / "ds.json").write_text("{}")
    changes = [
        f"translation.dictionary={secret}/dict.txt",
        f"ner.deepspeed={secret}/ds.json",
        "mlm.max_sentences=5",
        "queries={PER: 'who / what?'}",
        "mrc.run_name=../customer/name",
        "mrc.project=customer",
        "mrc.report_to=wandb",
        "mrc.trackio_space_id=customer/logs",
    ]
    reported = changed_options(load_config(SMALLEST, changes))
    assert reported["translation.dictionary"] == "dict.txt" and reported["ner.deepspeed"] == "ds.json"
    assert reported["mlm.max_sentences"] == 5 and reported["queries.PER"] == "who / what?"
    assert "customer" not in json.dumps(reported) and "wandb" not in json.dumps(reported)


def test_a_name_is_cut_to_its_last_part_in_every_form_that_has_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/customer")
    monkeypatch.setenv("USERPROFILE", "/home/customer")
    folder = tmp_path / "cust omer" / "set"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder.parent)
    forms = {
        f"{folder}": "set",
        f"{folder}:es": "set:es",
        "set:es": "set:es",
        "../cust omer/set": "set",
        "~/customer/x.txt": "x.txt",
        "/home/customer": "~",
        "/gone/customer/x.conll": "x.conll",
        "C:\\Users\\customer\\x.conll": "x.conll",
        "zip://x.txt::/data/customer/x.zip": "zip://x.txt::x.zip",
        "https://customer:pass@host.org/x.txt?token=customer": "https://host.org/x.txt",
        "file:///data/customer/x.txt": "x.txt",
        "--cache=/data/customer/x": "--cache=x",
        "google-bert/bert-base-multilingual-cased": "google-bert/bert-base-multilingual-cased",
        "unimelb-nlp/wikiann:es": "unimelb-nlp/wikiann:es",
        "Who, what and/or where / why?": "Who, what and/or where / why?",
    }
    assert {form: public_name(form) for form in forms} == forms
    assert public({"a": [f"{folder}:es", {"/data/customer/x": ("~/customer/y", 1, None)}]}) == {
        "a": ["set:es", {"x": ["y", 1, None]}]
    }


def test_data_of_a_folder_with_its_config_is_recorded_without_the_folder(tmp_path):
    folder = tmp_path / "customer" / "set"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text('{"tokens": ["Ana", "vino"], "ner_tags": ["B-PER", "O"]}\n')
    (folder / "README.md").write_text(
        "---\nlicense: mit\nconfigs:\n- config_name: es\n  data_files: train.jsonl\n---\n"
    )
    inputs = Inputs(load_config(SMALLEST))
    inputs.one("source.train", DataFile(path=f"{folder}:es", label_map={"PER": "MISC"}), "ner")
    (record,) = inputs.records
    assert (record.name, record.hub, record.license) == ("set:es", False, "mit")
    assert "customer" not in record.model_dump_json()


def test_a_run_tells_how_its_data_was_read_and_what_chose_its_checkpoints(toy, tmp_path):
    run_tof(toy | {"output_dir": str(tmp_path)})
    record = record_of(tmp_path)
    train = next(data for data in record["data"] if data["option"] == "source.train")
    assert (train["rows"], train["options"]) == (30, {"limit": 30})
    assert record["stages"]["ner"]["validation_rows"] == {"source": 20}
    assert record["stages"]["ner"]["start"] is None


def test_labels_are_recorded_with_the_stages_that_learned_from_them(toy, tmp_path):
    def with_a_teacher(do):
        labels = do.label(do.ner(do.pretrained))
        return do.pseudo_ner(do.ner(do.mlm(do.pretrained)), labels.select(range(10)))

    config = load_config(toy | {"output_dir": str(tmp_path)})
    TofPipeline(config, recipes={"taught": with_a_teacher}).run()
    (entry,) = record_of(tmp_path)["systems"]["taught"]["pseudo_labels"]
    assert (entry["tagger"], entry["used_by"]) == ("ner", ["mlm-ner-pseudo_ner"])


def overlaps_of(folder):
    pairs = record_of(folder)["zero_resource"]["overlaps"]
    return {(pair["of"], pair["within"]): (pair["shared"], pair["total"]) for pair in pairs}


def test_scored_sentences_that_training_saw_are_counted_and_warned_of_and_stay(toy, tmp_path, caplog):
    known = Path(toy["source"]["train"]["path"]).read_text().split("\n\n")
    new = [f"Wort{number} O\nOrt{number} B-LOC" for number in range(8)]
    gold, text = tmp_path / "gold.conll", tmp_path / "text.txt"
    gold.write_text("\n\n".join(known[:2] + new) + "\n")
    text.write_text("Wort0 Ort0\nWort1 Ort1\nein anderer Satz\n")
    test = tmp_path / "test.txt"
    test.write_text("Wort2 Ort2\n")
    changes = {
        "output_dir": str(tmp_path / "run"),
        "systems": ["adaptabert"],
        "source": toy["source"] | {"train": toy["source"]["train"]["path"]},
        "target": {"text": str(text), "test_text": str(test), "gold": str(gold)},
        "mlm": toy["mlm"] | {"include_target_test": True},
    }
    run_tof(toy | changes)
    assert overlaps_of(tmp_path / "run") == {
        ("target.gold", "target.text"): (2, 10),
        ("target.gold", "target.test_text"): (1, 10),
        ("target.gold", "source.train"): (2, 10),
        ("target.gold", "source.validation"): (0, 10),
        ("source.validation", "source.train"): (0, 20),
    }
    for within, shared in (("target.text", 2), ("source.train", 2)):
        assert f"target.gold: {shared} of 10 sentences ({10.0 * shared} %) are also in {within}" in caplog.text
    mlm = record_of(tmp_path / "run")["stages"]["mlm"]
    assert mlm["rows"]["target"] == 4
    seen = mlm["target_text"]
    assert (seen["sentences"], seen["test_sentences"], seen["gold_sentences"]) == (3, 1, 3)
    assert seen["fingerprint"] != seen["test_fingerprint"]


def test_a_capped_mlm_stage_tells_the_sentences_that_it_drew(toy, tmp_path):
    config = load_config(toy | {"output_dir": str(tmp_path), "systems": ["adaptabert"]}, ["mlm.max_sentences=7"])
    data = Inputs(config).training()
    drawn = cap(data.target, 7, seed=config.seed)
    seen = mlm_text(config, data, data.validation)
    assert (seen.sentences, seen.fingerprint) == (7, content_hash(drawn))
    assert (seen.test_sentences, seen.test_fingerprint, seen.gold_sentences) == (0, None, 0)


def test_a_licence_is_read_from_the_data_card_and_from_no_other_page(tmp_path):
    data = tmp_path / "project" / "data"
    data.mkdir(parents=True)
    (data / "x.parquet").write_bytes(b"")
    page = tmp_path / "project" / "README.md"
    page.write_text("---\nlicense: mit\n---\n# A program\n")
    assert find_license(data / "x.parquet") is None
    page.write_text("---\nlicense: cc-by-4.0\nconfigs:\n- config_name: data\n---\n# Data\n")
    assert find_license(data / "x.parquet") == find_license(data) == "cc-by-4.0"
    (data / "x.conll").write_text("")
    assert find_license(data / "x.conll") is None
    for header in ("license: [mit", "title: a: b", "1: a", "license: 5", "- a"):
        (data / "README.md").write_text(f"---\n{header}\n---\n")
        assert find_license(data / "x.parquet") is None


def test_only_licences_that_allow_changed_copies_let_data_be_published():
    assert may_share("cc-by-4.0") and may_share("CC-BY-SA-4.0")
    assert not any(may_share(name) for name in (None, "other", "cc", "cc-by-nd-4.0", "unknown", ""))
