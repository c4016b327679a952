"""Bounds on what is read: refused by name before it takes memory, and set by the environment variable in the error."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from datasets import Dataset

from tof_hf.cli import main
from tof_hf.config import load_config
from tof_hf.config.yaml import parse_yaml
from tof_hf.data.readers.files import read_bytes
from tof_hf.data.readers.read import read_mrc, read_ner, read_text
from tof_hf.data.translation.dictionary import BilingualDictionary
from tof_hf.data.translation.induction.vectors import read_vectors
from tof_hf.errors import ConfigError, DataError, ModelError
from tof_hf.inference.tagger import load_tagger
from tof_hf.storage.files import read_object
from tof_hf.utils.outside import parse_json

TAGGER = Path(__file__).parents[1] / "released_run" / "run" / "stages" / "mlm-mrc-ner" / "model"


def test_a_compressed_file_that_unpacks_to_too_much_is_refused_before_it_is_stored(tmp_path, monkeypatch):
    file = tmp_path / "text.txt.gz"
    file.write_bytes(gzip.compress(b"a b\n" * 300_000))
    assert len(read_bytes(file)) == 1_200_000
    monkeypatch.setenv("TOF_MAX_UNPACKED", "1000000")
    monkeypatch.setattr("gzip.decompress", None)
    with pytest.raises(DataError, match=r"text\.txt\.gz: found more than 1,000,000 bytes.* variable TOF_MAX_UNPACKED"):
        read_text(file)


def test_a_table_with_more_rows_than_the_bound_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "rows.parquet"
    Dataset.from_dict({"tokens": [["a"]] * 30_000}).to_parquet(str(file))
    monkeypatch.setenv("TOF_MAX_UNPACKED", "20000")
    with pytest.raises(DataError, match="TOF_MAX_UNPACKED"):
        read_text(file)


def test_lines_sentences_and_fields_have_a_bound(tmp_path, monkeypatch):
    monkeypatch.setenv("TOF_MAX_TEXT", "100")
    long = {
        "lines.txt": "short .\n" + "word " * 30,
        "words.conll": "word O\n" * 30 + "\nword O\n",
        "rows.jsonl": json.dumps({"tokens": ["word"] * 30}),
        "words.vec": "word " + "1.0 " * 30,
        "pairs.tsv": "cat\tgato\ndog\t" + "perro " * 30,
        "questions.json": json.dumps([{"question": "Who?", "context": "word " * 30, "spans": []}]),
    }
    readers = {"words.conll": read_ner, "words.vec": read_vectors, "pairs.tsv": BilingualDictionary.from_file}
    readers["questions.json"] = read_mrc
    for name, text in long.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=rf"{name}.*more than 100 characters.*variable TOF_MAX_TEXT"):
            readers.get(name, read_text)(tmp_path / name)


def test_json_and_yaml_have_a_bound_on_depth(tmp_path, monkeypatch):
    for text in ("[" * 101 + "]" * 101, "[" * 100_000):
        with pytest.raises(DataError, match="more than 100 levels of nesting.*TOF_MAX_DEPTH"):
            parse_json(text)
    (tmp_path / "a.json").write_text("[" * 100_000)
    assert read_object(tmp_path / "a.json") is None
    assert parse_json("[" * 100 + "]" * 100) == parse_yaml("[" * 100 + "]" * 100, name="x")
    monkeypatch.setenv("TOF_MAX_DEPTH", "3")
    with pytest.raises(ConfigError, match="more than 3 levels"):
        parse_yaml("a: [[[1]]]", name="x")


@pytest.mark.parametrize("text", ['"\\ud800"', "9" * 5_000, "{", b"\xff", "[1] [2]"])
def test_what_json_cannot_hold_is_our_error(text):
    with pytest.raises(DataError, match="not JSON|not UTF-8"):
        parse_json(text)


def test_a_bound_that_is_no_number_is_our_error(monkeypatch):
    monkeypatch.setenv("TOF_MAX_DEPTH", "many")
    with pytest.raises(ConfigError, match="TOF_MAX_DEPTH='many': the environment variable needs a whole number"):
        parse_json("[" * 200 + "]" * 200)


def change(value, place, new):
    """Set a value deep in a JSON value."""
    for key in place[:-1]:
        value = value[key]
    value[place[-1]] = new


@pytest.mark.parametrize(
    ("file", "place", "new", "said"),
    [
        ("config.json", ["num_hidden_layers"], 500_000, "num_hidden_layers=500000, but there are only 23 tensors"),
        ("config.json", ["num_labels"], 999_999_999, "more than 4,000,000 .* variable TOF_MAX_MODEL_NUMBER"),
        ("config.json", ["pad_token_id"], 99_999, "no model can be loaded"),
        ("config.json", ["id2label"], [1], "no model can be loaded"),
        ("config.json", ["id2label", "1"], "Place", "the label 'Place', which is no tag"),
        ("config.json", ["id2label", "1"], "I-LOC", "labels that occur twice"),
        ("tokenizer.json", ["model", "vocab", "[UNK]"], 2**31 - 1, "more than 4,000,000 .* word piece"),
        ("tokenizer.json", ["model"], [], "no encoder with a tokenizer can be loaded"),
    ],
)
def test_model_files_that_would_take_all_memory_or_are_wrong_are_our_error(tmp_path, file, place, new, said):
    folder = Path(shutil.copytree(TAGGER, tmp_path / "model"))
    value = json.loads((folder / file).read_text())
    change(value, place, new)
    (folder / file).write_text(json.dumps(value))
    with pytest.raises(ModelError, match=said):
        load_tagger(folder)


@pytest.mark.parametrize("path", ["x" * 300, "x\0y", "\ud800", "a/" + "é" * 200])
def test_names_that_no_file_can_have_are_our_error(tmp_path, path):
    options = {"model": path, "output_dir": "out", "source": {"train": "a", "validation": "b"}, "target": {"text": "c"}}
    with pytest.raises(ConfigError, match="model is "):
        load_config(options)
    with pytest.raises(DataError):
        read_ner(path)
    with pytest.raises(ModelError):
        load_tagger(path)
    with pytest.raises(ConfigError):
        load_config(path)
    (tmp_path / "run.yaml").write_text(json.dumps({"base": path}))
    with pytest.raises(ConfigError, match="there is no file"):
        load_config(tmp_path / "run.yaml")


def test_a_command_with_such_a_name_ends_with_our_message(capsys):
    assert main(["report", "x" * 300]) == 2 and main(["predict", str(TAGGER), "x" * 300, "out.txt"]) == 2
    assert capsys.readouterr().err.count("What to do") == 2
