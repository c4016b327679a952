"""`tof-hf init` writes a run file that passes the check, from the files that it is given."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf import load_config
from tof_hf.cli import main
from tof_hf.config.yaml import parse_yaml
from tof_hf.errors import DataError
from tof_hf.run import new_run_file as module
from tof_hf.run.new_run_file import Wishes, new_run_file

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(size="tiny")
    data = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    return Wishes(
        train=data["source_train"],
        validation=data["source_validation"],
        text=[data["target_text"]],
        questions=[data["target_qa"]],
        model=str(train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32)),
        target_language="es",
    )


@pytest.fixture
def with_types(tmp_path):
    """Writes a copy of a column file with other names of its types."""

    def write(path, **names):
        text = open(path, encoding="utf-8").read()
        for old, new in names.items():
            text = text.replace(f"-{old}\n", f"-{new}\n")
        copy = tmp_path / f"{len(list(tmp_path.iterdir()))}.conll"
        copy.write_text(text, encoding="utf-8")
        return str(copy)

    return write


@pytest.fixture(scope="module")
def scored(toy):
    return str(Path(toy.train).with_name("target_gold.conll"))


def read(text):
    return parse_yaml(text, name="new")


def arguments(toy, *others):
    named = ["--train", toy.train, "--validation", toy.validation, "--text", *toy.text, "--model", toy.model]
    return ["init", *others, *named, "--questions", *toy.questions, "--target-language", "es"]


def test_from_files_to_a_tagger_with_three_commands(toy, scored, with_types, tmp_path, capsys):
    gold = with_types(scored, PER="Person", LOC="geo-loc")
    out, folder = tmp_path / "new" / "mine.yaml", tmp_path / "run"
    assert main(arguments(toy, str(out), "--gold", gold, "--output-dir", str(folder))) == 0
    assert capsys.readouterr().out.endswith(f"Next:\n  tof-hf check {out}\n  tof-hf run {out}\n")
    assert load_config(out).target.gold.label_map == {"Person": "PER", "geo-loc": "LOC"}
    assert main(["check", str(out), "--no-timing"]) == 0
    fast = [f"{stage}.num_train_epochs=1" for stage in ("mlm", "mrc", "ner", "pseudo_ner", "continual_ner")]
    fast += [f"{stage}.bf16=false" for stage in ("mlm", "mrc", "ner")]
    assert main(["run", str(out), "systems=[tof]", "rounds=0", *fast]) == 0
    assert (folder / "final" / "model.safetensors").is_file()


def test_a_file_that_is_there_is_never_replaced(toy, tmp_path, capsys):
    out = tmp_path / "mine.yaml"
    out.write_text("mine", encoding="utf-8")
    assert main(arguments(toy, str(out))) == 2
    assert "name a new file" in capsys.readouterr().err and out.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    "name, said", [("gold", "source.train holds"), ("dictionary", "words with tags"), ("output_dir", "is not a folder")]
)
def test_a_file_in_the_wrong_place_is_an_error_before_anything_is_written(name, said, toy, tmp_path, capsys):
    out = tmp_path / "mine.yaml"
    assert main([*arguments(toy, str(out)), f"--{name.replace('_', '-')}", toy.train]) == 2
    assert said in capsys.readouterr().err and not out.exists()


def test_what_is_missing_is_an_error_without_a_terminal_and_asked_for_in_one(toy, tmp_path, capsys, monkeypatch):
    out = tmp_path / "mine.yaml"
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert main(["init", str(out), "--train", toy.train]) == 2
    assert "--validation FILE (labelled sentences" in capsys.readouterr().err and not out.exists()
    typed = io.StringIO(f"{toy.validation}\n{toy.text[0]}\nes\n\n\n\n{toy.model}\n")
    typed.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", typed)
    assert main(["init", str(out), "--train", toy.train]) == 0
    assert "unlabelled text of the target: " in capsys.readouterr().out
    assert load_config(out).target.text[0].path == toy.text[0]


def test_few_sentences_have_more_epochs_than_the_preset_and_the_comment_says_why(toy):
    text = new_run_file(toy, "runs/x")
    values = read(text)
    assert values["preset"] == "small" and values["ner"] == {"num_train_epochs": 30}
    assert values["continual_ner"] == values["pseudo_ner"] and values["systems"] == ["tof"]
    assert "40 labelled sentences are few" in text.replace("\n# ", " ")


def test_enough_sentences_have_the_sizes_of_the_paper_and_much_text_a_cap(toy, monkeypatch):
    monkeypatch.setattr(module, "FEW", 39)
    monkeypatch.setattr(module, "MANY", 39)
    values = read(new_run_file(toy, "runs/x"))
    assert (values["preset"], values["continual_ner"]) == ("paper", {"use_source": True})
    assert values["mlm"] == values["labelling"] == {"max_sentences": 39}


def test_types_are_renamed_so_that_each_has_a_query_in_all_files(toy, scored, with_types):
    source = with_types(toy.train, PER="Person", LOC="Location")
    values = read(new_run_file(replace(toy, train=source, gold=scored), "runs/x"))
    assert values["label_map"] == {"Location": "LOC", "Person": "PER"}
    assert values["target"]["gold"] == scored and "queries" not in values


def test_types_without_a_query_have_those_of_the_package_or_one_to_correct(toy, with_types):
    names = {"PER": "PERSON", "LOC": "GPE", "MISC": "NORP"}
    files = {"train": with_types(toy.train, **names), "validation": with_types(toy.validation, **names)}
    assert read(new_run_file(replace(toy, **files), "runs/x"))["queries"] == "ontonotes"
    files = {name: with_types(path, NORP="ALLERGEN") for name, path in files.items()}
    values = read(new_run_file(replace(toy, **files), "runs/x"))
    assert values["queries"] == {"ALLERGEN": "ALLERGEN entities are names of the type ALLERGEN."}
    assert values["label_map"] == {"GPE": "LOC", "PERSON": "PER"}
    spanish = read(new_run_file(replace(toy, source_language="es"), "runs/x"))
    assert spanish["queries"] == "es"


def test_types_that_resemble_none_of_the_source_are_dropped_unless_nothing_is_left(toy, scored, with_types):
    gold = with_types(scored, PER="ALLERGEN", LOC="per")
    values = read(new_run_file(replace(toy, gold=gold), "runs/x"))
    assert values["target"]["gold"]["label_map"] == {"ALLERGEN": "O", "per": "PER"}
    gold = with_types(scored, PER="A", LOC="B", ORG="C", MISC="D")
    with pytest.raises(DataError, match="none of which has a name like those of the source") as caught:
        new_run_file(replace(toy, gold=gold), "runs/x")
    assert "label_map: {A: LOC}" in caught.value.fix


def test_a_file_may_have_options_and_a_dictionary_either_direction(toy, tmp_path):
    forwards, backwards = tmp_path / "forwards.txt", tmp_path / "backwards.txt"
    words = {word for line in open(toy.train, encoding="utf-8") for word in line.split()[:1] if word.isalpha()}
    forwards.write_text("".join(f"{word} x{word}x\n" for word in words), encoding="utf-8")
    backwards.write_text("".join(f"x{word}x {word}\n" for word in words), encoding="utf-8")
    train = f"{{path: {toy.train}, limit: 30}}"
    wishes = replace(toy, train=train, dictionary=str(forwards), target_language="de")
    values = read(new_run_file(wishes, "runs/x"))
    assert values["source"]["train"] == {"path": toy.train, "limit": 30}
    assert values["translation"] == {"dictionary": str(forwards), "choice": "most_frequent", "casing": "target"}
    values = read(new_run_file(replace(toy, dictionary=str(backwards)), "runs/x"))
    assert values["translation"]["reverse"] is True


def test_windows_are_as_long_as_the_encoder_takes_them(toy, monkeypatch):
    monkeypatch.setattr(module, "load_encoder_tokenizer", lambda model: type("T", (), {"model_max_length": 64}))
    config = load_config(read(new_run_file(toy, "runs/x")))
    assert {stage.max_length for stage in config.stages().values() if stage is not config.distillation} == {64}
