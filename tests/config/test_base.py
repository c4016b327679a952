"""`base`: a run file laid over others."""

from __future__ import annotations

import pytest

from tof_hf.config import DataFile, TofConfig, load_config
from tof_hf.config.loading import Layer
from tof_hf.config.yaml import dump_yaml
from tof_hf.errors import ConfigError

SMALLEST = {
    "model": "some/encoder",
    "output_dir": "runs/x",
    "source": {"train": {"path": "train.txt", "label_map": {"A": "B"}}, "validation": "valid.txt"},
    "target": {"text": ["one.txt", {"path": "two.txt", "encoding": "latin-1"}], "mrc": "qa.json"},
    "mrc": {"learning_rate": 1e-6, "max_ner_mrc": 7},
}


@pytest.fixture
def write(tmp_path):
    """Writes a run file, also into a folder of its own, and gives its path."""

    def write(name, **values):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump_yaml(values), encoding="utf-8")
        return path

    return write


@pytest.fixture
def over(write):
    """The config of a run file with these values, laid over SMALLEST."""
    write("base.yaml", **SMALLEST)
    return lambda *overrides, **values: load_config(write("run.yaml", base="base.yaml", **values), overrides)


def test_a_run_file_takes_from_its_base_what_it_does_not_say(over):
    config = over(seed=5, mrc={"learning_rate": 2e-5})
    assert (config.model, config.seed) == ("some/encoder", 5)
    assert (config.mrc.training["learning_rate"], config.mrc.max_ner_mrc) == (2e-5, 7)


def test_a_run_file_that_only_names_a_base_is_that_base(over, tmp_path):
    assert over() == load_config(tmp_path / "base.yaml")


def test_the_command_line_is_stronger_than_both_files(over):
    assert over("mrc.max_ner_mrc=9", mrc={"max_ner_mrc": 8}).mrc.max_ner_mrc == 9


def test_a_value_of_the_base_is_stronger_than_the_preset_that_the_run_file_names(over):
    config = over(preset="official_code")
    assert (config.mrc.max_ner_mrc, config.mrc.max_source_qa) == (7, 10_000)


def test_a_null_in_the_run_file_takes_a_value_of_the_base_away(over):
    assert over(mrc={"max_ner_mrc": None}).mrc.max_ner_mrc is None


def test_options_without_a_path_go_to_the_file_of_the_base(over):
    source = over(source={"train": {"limit": 3}, "validation": {"limit": 4}}).source
    assert source.train == DataFile(path="train.txt", label_map={"A": "B"}, limit=3)
    assert source.validation == DataFile(path="valid.txt", limit=4)


def test_options_without_a_path_go_to_every_file_of_a_list(over):
    target = over(target={"text": {"limit": 3}, "mrc": {"limit": 4}}).target
    assert target.text == [
        DataFile(path="one.txt", limit=3),
        DataFile(path="two.txt", encoding="latin-1", limit=3),
    ]
    assert target.mrc == [DataFile(path="qa.json", limit=4)]


def test_options_for_a_list_without_files_name_none(write):
    write("base.yaml", **SMALLEST | {"target": {"text": "t.txt", "mrc": []}})
    assert load_config(write("run.yaml", base="base.yaml", target={"mrc": {"limit": 3}})).target.mrc == []


def test_another_file_comes_without_the_options_of_the_one_before(over):
    assert over(source={"train": {"path": "other.txt", "limit": 3}}).source.train == DataFile(path="other.txt", limit=3)


def test_lists_and_mappings_that_are_no_section_are_replaced_whole(write):
    write("base.yaml", **SMALLEST, queries={"PER": "Who?"}, label_map="span", labels=["PER", "LOC"])
    changes = {"queries": {"LOC": "Where?"}, "label_map": {"X": "PER"}, "labels": ["PER"]}
    config = load_config(write("run.yaml", base="base.yaml", **changes, target={"text": ["new.txt"]}))
    assert {name: getattr(config, name) for name in changes} == changes
    assert config.target.text == [DataFile(path="new.txt")]


def test_of_several_bases_the_later_is_the_stronger(write):
    write("a.yaml", **SMALLEST, seed=1, rounds=2)
    write("b.yaml", seed=3, mrc={"max_ner_mrc": 8})
    config = load_config(write("run.yaml", base=["a.yaml", "b.yaml"]))
    assert (config.seed, config.rounds, config.mrc.max_ner_mrc) == (3, 2, 8)


def test_a_base_counts_from_the_folder_of_the_file_that_names_it(write, tmp_path, monkeypatch):
    write("far/base.yaml", **SMALLEST)
    write("far/middle.yaml", base="base.yaml", rounds=3)
    monkeypatch.setenv("FAR", str(tmp_path / "far"))
    for base in ("../far/middle.yaml", "$FAR/middle.yaml"):
        assert load_config(write("near/run.yaml", base=base)).rounds == 3


def test_a_mapping_may_have_a_base_too_and_stays_as_it_was(write):
    given = {"base": str(write("base.yaml", **SMALLEST)), "source": {"train": {"limit": 3}}}
    assert load_config(given, ["source.train.limit=5"]).source.train.limit == 5
    assert given["source"] == {"train": {"limit": 3}} and "base" in given


def test_a_saved_config_needs_no_base(over, tmp_path):
    config = over(seed=4)
    (tmp_path / "saved.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert "base" not in config.to_dict() and load_config(tmp_path / "saved.yaml") == config


def test_what_is_merged_shares_nothing_with_the_layers():
    layer = Layer("config", SMALLEST)
    layer.over({}, TofConfig)["mrc"]["learning_rate"] = 0
    assert layer.values["mrc"]["learning_rate"] == 1e-6


# Mistakes


def problem(path, *overrides):
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value)


def test_a_missing_base_is_named_with_the_file_that_wants_it(write, tmp_path):
    said = problem(write("deep/run.yaml", base="no_such.yaml"))
    assert f"run.yaml:1: base is 'no_such.yaml', but there is no file {tmp_path / 'deep' / 'no_such.yaml'}" in said
    assert "starts at the folder of the file that names it" in said


@pytest.mark.parametrize("name", [".", "", "$NOT_SET_ANYWHERE/a.yaml", "\0"])
def test_what_is_no_file_cannot_be_a_base(write, name):
    assert "there is no file" in problem(write("run.yaml", base=name))


def test_files_that_are_each_others_base_are_an_error_that_shows_the_way(write):
    write("a.yaml", base="deep/b.yaml")
    write("deep/b.yaml", base="../a.yaml")
    said = problem(write("run.yaml", base="a.yaml"))
    assert said.startswith(str(write("deep/b.yaml", base="../a.yaml")))
    assert "base leads back to where it started: " in said and said.count(" -> ") == 3
    assert "leads back" in problem(write("self.yaml", base="self.yaml"))


def test_the_same_base_on_two_ways_is_no_mistake(write):
    write("root.yaml", **SMALLEST)
    write("a.yaml", base="root.yaml", rounds=2)
    write("b.yaml", base="root.yaml", seed=3)
    config = load_config(write("run.yaml", base=["a.yaml", "b.yaml"]))
    assert (config.rounds, config.seed) == (2, 3)


@pytest.mark.parametrize("base", [3, {"a": "b"}, ["a.yaml", 3], None, [["a.yaml"]]])
def test_a_base_that_is_no_name_is_an_error(write, base):
    assert "base needs a run file or a list of them" in problem(write("run.yaml", base=base))


def test_a_base_that_holds_no_run_file_is_named(write, tmp_path):
    (tmp_path / "list.yaml").write_text("[1, 2]", encoding="utf-8")
    said = problem(write("run.yaml", base="list.yaml"))
    assert said.startswith(str(tmp_path / "list.yaml")) and "the run file needs a section" in said


def test_a_mistake_is_blamed_on_the_file_that_holds_it(write, tmp_path):
    good, bad = {"mrc": {"max_length": 99}}, {"mrc": {"learnig_rate": 1}}
    write("base.yaml", **SMALLEST | bad)
    assert problem(write("run.yaml", base="base.yaml", **good)).startswith(f"{tmp_path / 'base.yaml'}:16: unknown key")
    write("base.yaml", **SMALLEST | good)
    assert problem(write("run.yaml", base="base.yaml", **bad)).startswith(f"{tmp_path / 'run.yaml'}:3: unknown key")


def test_a_missing_variable_is_blamed_on_the_file_with_the_path(write, tmp_path, monkeypatch):
    monkeypatch.delenv("CORPORA", raising=False)
    write("base.yaml", **SMALLEST | {"target": {"text": "$CORPORA/t.txt"}})
    said = problem(write("run.yaml", base="base.yaml", target={"name": "t"}))
    assert said.startswith(f"{tmp_path / 'base.yaml'}:10: target.text.0.path is '$CORPORA/t.txt'")


def test_what_no_file_holds_is_missing_in_the_run_file(write, tmp_path):
    write("base.yaml", model="m")
    assert problem(write("run.yaml", base="base.yaml")).startswith(f"{tmp_path / 'run.yaml'}: 'output_dir' is missing")


def test_base_cannot_be_set_on_the_command_line(over, tmp_path):
    over()
    assert problem(tmp_path / "run.yaml", "base=x.yaml").startswith("command line: base cannot be set here")
