"""A run takes data in the forms that people have, replaces no file that no run made, and none that it reads."""

from __future__ import annotations

import os
import shutil

import pytest
from huggingface_hub import HfApi
from nightly import nightly
from transformers import Trainer

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf import load_config, load_tagger, run_tof
from tof_hf.data.convert import convert_file
from tof_hf.errors import ConfigError
from tof_hf.storage.own_folder import LEDGER

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(size="tiny")
    data = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    return {
        "model": str(train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)),
        "systems": ["source_only"],
        "source": {"train": {"path": data["source_train"], "limit": 30}, "validation": data["source_validation"]},
        "target": {"text": data["target_text"]},
        "ner": {"num_train_epochs": 1, "bf16": False},
    }


@pytest.fixture
def no_training(monkeypatch):
    def began(*args, **kwargs):
        raise AssertionError("training began")

    monkeypatch.setattr(Trainer, "train", began)


def start(toy, folder, *changes):
    return run_tof(load_config(toy | {"output_dir": str(folder)}, changes))


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def put(file, text="mine"):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def as_form(toy, part, out, **options):
    """The toy's labelled file in another form, and how a run file names it."""
    given = toy["source"][part]
    convert_file(given["path"] if isinstance(given, dict) else given, out, **options)
    return {"path": str(out), "limit": 30}


def tags_after_training_on(toy, folder, train, validation, *changes):
    """The words and tags of a sentence, by the tagger of a run on these sources and raw text."""
    result = start(toy | {"source": {"train": train, "validation": validation}}, folder, *changes)
    (tagged,) = load_tagger(str(result.final)).stream(["Maria visited Valdoro."])
    return dict(zip(tagged.words, tagged.tags, strict=True))


@pytest.mark.parametrize(
    ("train", "validation", "options"),
    [
        ("train.jsonl", "valid.csv", {"form": "spans"}),
        *nightly(
            ("train.csv", "valid.csv.gz", {}),
            ("train.jsonl", "valid.jsonl", {"form": "doccano"}),
            ("train.json", "valid.json", {"form": "label-studio"}),
            ("train.conll", "valid.tsv.gz", {"scheme": "BILOU"}),
            ("train.parquet", "valid.jsonl.gz", {}),
        ),
    ],
)
def test_labelled_files_of_every_form_and_raw_text_lead_to_a_tagger(toy, tmp_path, train, validation, options):
    sources = [
        as_form(toy, part, tmp_path / name, **(options if name.split(".")[1] == train.split(".")[1] else {}))
        for part, name in (("train", train), ("validation", validation))
    ]
    assert list(tags_after_training_on(toy, tmp_path / "run", *sources)) == ["Maria", "visited", "Valdoro", "."]


def test_a_data_set_of_the_hub_leads_to_a_tagger(toy, tmp_path, hub):
    api = HfApi(endpoint=hub.url, token=hub.token)
    api.create_repo("tester/toy", repo_type="dataset")
    for part in ("train", "validation"):
        as_form(toy, part, tmp_path / f"{part}.parquet")
        api.upload_file(
            repo_id="tester/toy",
            repo_type="dataset",
            path_or_fileobj=str(tmp_path / f"{part}.parquet"),
            path_in_repo=f"data/{part}-00000-of-00001.parquet",
        )
    train, validation = ({"path": "tester/toy", "split": part, "limit": 30} for part in ("train", "validation"))
    assert tags_after_training_on(toy, tmp_path / "run", train, validation).keys() >= {"Maria", "Valdoro"}


def test_files_of_the_user_stay_from_run_to_run(toy, tmp_path):
    names = ("final/thesis.tex", "stages/ner/data.txt", "stages/ner/model/notes.md", "stages/ner/trainer/log", "a.part")
    for name in names:
        put(tmp_path / name)
    start(toy, tmp_path)
    put(tmp_path / "final" / "quantized.safetensors")
    start(toy, tmp_path, "ner.learning_rate=1e-3")
    for name in (*names, "final/quantized.safetensors"):
        assert (tmp_path / name).read_text() == "mine", name
    assert (tmp_path / "final" / "model.safetensors").is_file()
    assert not (tmp_path / "final" / "notes.md").exists()
    assert not list(tmp_path.rglob(".tof-tmp-*")) and not list(tmp_path.rglob("checkpoint-*"))


@pytest.mark.parametrize(
    "name",
    [
        *("config.yaml", "results.json", "lineage.json", "run.owner.json", "translation/source.md"),
        *("final/config.json", "final/model.safetensors", "final"),
        *("stages/ner/stage.json", "stages/ner/model/config.json", "stages/mlm/trainer/checkpoint-7/state"),
    ],
)
def test_a_file_of_the_user_where_a_run_writes_is_refused_before_training(toy, tmp_path, no_training, name):
    put(tmp_path / name)
    with pytest.raises(ConfigError, match="was not made by tof-hf.*What to do: move it away"):
        start(toy, tmp_path)
    assert contents(tmp_path) == {name: b"mine"}


@pytest.mark.parametrize("name", ["final", "config.yaml", "stages/ner", "stages/ner/model"])
def test_a_link_where_a_run_writes_is_refused_before_training(toy, tmp_path, no_training, name):
    put(tmp_path / "behind" / "file")
    (tmp_path / "run" / name).parent.mkdir(parents=True)
    (tmp_path / "run" / name).symlink_to(tmp_path / "behind")
    with pytest.raises(ConfigError, match="is a link"):
        start(toy, tmp_path / "run")
    assert contents(tmp_path / "behind") == {"file": b"mine"} and (tmp_path / "run" / name).is_symlink()


def test_an_encoder_in_what_the_run_replaces_is_refused_before_anything(toy, tmp_path, no_training):
    for place in ("final", "stages/ner/model"):
        encoder = tmp_path / place / "enc"
        shutil.copytree(toy["model"], encoder)
        before = contents(tmp_path)
        for name in (str(encoder), os.path.relpath(encoder)):
            with pytest.raises(ConfigError, match="model: .* which this run replaces"):
                start(toy, tmp_path, f"model={name}")
        assert contents(tmp_path) == before
        shutil.rmtree(encoder)
    shutil.copytree(toy["model"], tmp_path / "own" / "final")
    with pytest.raises(ConfigError, match="final/config.json .*was not made by tof-hf"):
        start(toy, tmp_path / "own", f"model={tmp_path}/own/final")


@pytest.mark.parametrize("option", ["source.train", "target.text", "target.mrc", "translation.dictionary", "queries"])
def test_data_in_what_the_run_replaces_is_refused_before_anything(toy, tmp_path, no_training, option):
    put(tmp_path / "run" / "stages" / "data.txt")
    (tmp_path / "link.txt").symlink_to(tmp_path / "run" / "stages" / "data.txt")
    with pytest.raises(ConfigError, match=f"{option}: .*link.txt is in .*stages, which this run replaces"):
        start(toy, tmp_path / "run", f"{option}={tmp_path / 'link.txt'}")
    assert contents(tmp_path / "run") == {"stages/data.txt": b"mine"}


def test_the_folder_of_a_run_of_an_earlier_release_is_used_again(toy, tmp_path, monkeypatch):
    start(toy, tmp_path)
    for ledger in tmp_path.rglob(LEDGER):
        ledger.unlink()
    put(tmp_path / "final" / "notes.md")
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train", None)
        start(toy, tmp_path)
    for ledger in tmp_path.rglob(LEDGER):
        ledger.unlink()
    start(toy, tmp_path, "ner.learning_rate=1e-3")
    assert (tmp_path / "final" / "notes.md").read_text() == "mine"
