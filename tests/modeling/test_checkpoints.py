"""An encoder is known by what is loaded of it, and one from the Hub by its commit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from tof_hf.modeling.checkpoints import encoder_key, hub_commit, weight_files

COMMIT, OTHER = "1" * 40, "2" * 40


@pytest.fixture
def encoder(checkpoint, tmp_path):
    return shutil.copytree(checkpoint("bert", "encoder"), tmp_path / "encoder")


@pytest.fixture
def cached(checkpoint, tmp_path, monkeypatch):
    """Puts an encoder into an empty cache, as a download of this commit would."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    repo = tmp_path / "cache" / "models--some--encoder"

    def put(commit):
        shutil.copytree(checkpoint("bert", "encoder"), repo / "snapshots" / commit)
        (repo / "refs").mkdir(exist_ok=True)
        (repo / "refs" / "main").write_text(commit)

    return put


def changed(file, **values):
    config = json.loads(file.read_text()) | values
    file.write_text(json.dumps(dict(reversed(config.items()))))


def test_who_wrote_the_config_and_files_beside_the_weights_make_no_other_encoder(encoder):
    key = encoder_key(str(encoder))
    changed(encoder / "config.json", transformers_version="9.9", _name_or_path="/elsewhere", dtype="bfloat16")
    (encoder / "training_args.bin").write_bytes(b"x")
    (encoder / "pytorch_model.bin").write_bytes(b"the same in another format")
    (encoder / "tokenizer.json").write_text("{}")
    assert encoder_key(str(encoder)) == key


def test_other_weights_or_another_config_are_another_encoder(encoder):
    keys = {encoder_key(str(encoder))}
    changed(encoder / "config.json", layer_norm_eps=1e-5)
    keys.add(encoder_key(str(encoder)))
    tensors = load_file(encoder / "model.safetensors")
    tensors["embeddings.word_embeddings.weight"][0, 0] += 1
    save_file(tensors, encoder / "model.safetensors", metadata={"format": "pt"})
    keys.add(encoder_key(str(encoder)))
    assert len(keys) == 3


def test_weights_in_several_files_all_count(encoder, tmp_path):
    split = tmp_path / "split"
    AutoModel.from_pretrained(encoder, trust_remote_code=False).save_pretrained(split, max_shard_size="10KB")
    shards = weight_files(split)
    assert len(shards) > 1 and {file.suffix for file in shards} == {".safetensors"}
    key = encoder_key(str(split))
    shards[-1].write_bytes(shards[-1].read_bytes() + b" ")
    assert encoder_key(str(split)) != key


def test_weights_of_an_older_format_count_where_there_are_no_others(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"one")
    key = encoder_key(str(tmp_path))
    (tmp_path / "pytorch_model.bin").write_bytes(b"two")
    assert encoder_key(str(tmp_path)) != key


def test_an_encoder_of_the_hub_is_known_by_its_commit(cached):
    assert (encoder_key("some/encoder"), hub_commit("some/encoder")) == ("some/encoder", None)
    cached(COMMIT)
    assert (encoder_key("some/encoder"), hub_commit("some/encoder")) == (f"some/encoder@{COMMIT}", COMMIT)
    cached(OTHER)
    assert encoder_key("some/encoder") == f"some/encoder@{OTHER}"


def test_a_folder_has_no_commit(encoder):
    assert hub_commit(str(encoder)) is None and hub_commit("no/such/folder/here") is None


def test_an_encoder_that_is_not_there_yet_is_asked_for(hub, checkpoint):
    for file in Path(checkpoint("bert", "encoder")).iterdir():
        hub_file(hub, "tester/encoder", file)
    assert hub_commit("tester/encoder") is None
    commit = encoder_key("tester/encoder").partition("@")[2]
    assert commit == hub_commit("tester/encoder") and len(commit) == 40


def hub_file(hub, repo, file):
    from huggingface_hub import HfApi

    api = HfApi(endpoint=hub.url, token=hub.token)
    api.create_repo(repo, exist_ok=True)
    api.upload_file(path_or_fileobj=file, path_in_repo=file.name, repo_id=repo)
