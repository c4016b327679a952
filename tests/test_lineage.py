"""The record of a run says what made it, and nothing about the machine it was made on."""

from __future__ import annotations

import json

import pytest

from tof_hf import load_config, run_tof
from tof_hf.licences import license_beside, may_share
from tof_hf.lineage import changed_options, section_of
from tof_hf.pipeline import TofPipeline
from tof_hf.toy.encoder import train_encoder
from tof_hf.toy.world import make_world, write_world

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
    ]
    told = changed_options(load_config(SMALLEST, changes))
    assert told["translation.dictionary"] == "dict.txt" and told["ner.deepspeed"] == "ds.json"
    assert told["mlm.max_sentences"] == 5 and told["queries.PER"] == "who / what?"
    assert "customer" not in json.dumps(told)


def test_a_run_tells_how_its_data_was_read_and_what_chose_its_checkpoints(toy, tmp_path):
    run_tof(toy | {"output_dir": str(tmp_path)})
    record = record_of(tmp_path)
    train = next(data for data in record["data"] if data["option"] == "source.train")
    assert (train["rows"], train["options"]) == (30, {"limit": 30})
    assert record["stages"]["ner"]["validation_rows"] == {"source": 20}
    assert record["stages"]["ner"]["start"] is None


def test_labels_are_told_with_the_stages_that_learned_from_them(toy, tmp_path):
    def with_a_teacher(do):
        labels = do.label(do.ner(do.pretrained))
        return do.pseudo_ner(do.ner(do.mlm(do.pretrained)), labels.select(range(10)))

    config = load_config(toy | {"output_dir": str(tmp_path)})
    TofPipeline(config, recipes={"taught": with_a_teacher}).run()
    (entry,) = record_of(tmp_path)["systems"]["taught"]["pseudo_labels"]
    assert (entry["tagger"], entry["used_by"]) == ("ner", ["mlm-ner-pseudo_ner"])


def test_options_of_a_stage_are_found_by_its_name():
    for name, section in (
        ("mlm", "mlm"), ("mlm_tr", "mlm"), ("mlm-mrc1", "continual_mrc"), ("a-ner12_tr", "continual_ner"),
        ("a-pseudo_ner_mix", "pseudo_ner"), ("a-ner1_tr_mix", "continual_ner"),
    ):  # fmt: skip
        assert section_of(name) == section


def test_a_licence_is_read_from_the_data_card_and_from_no_other_page(tmp_path):
    data = tmp_path / "project" / "data"
    data.mkdir(parents=True)
    (data / "x.parquet").write_bytes(b"")
    page = tmp_path / "project" / "README.md"
    page.write_text("---\nlicense: mit\n---\n# A program\n")
    assert license_beside(data / "x.parquet") is None
    page.write_text("---\nlicense: cc-by-4.0\nconfigs:\n- config_name: data\n---\n# Data\n")
    assert license_beside(data / "x.parquet") == license_beside(data) == "cc-by-4.0"
    (data / "x.conll").write_text("")
    assert license_beside(data / "x.conll") is None
    for header in ("license: [mit", "title: a: b", "1: a", "license: 5", "- a"):
        (data / "README.md").write_text(f"---\n{header}\n---\n")
        assert license_beside(data / "x.parquet") is None


def test_only_licences_that_allow_changed_copies_let_data_be_published():
    assert may_share("cc-by-4.0") and may_share("CC-BY-SA-4.0")
    assert not any(may_share(name) for name in (None, "other", "cc", "cc-by-nd-4.0", "unknown", ""))
