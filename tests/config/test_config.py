from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from tof_hf.config import (
    DataFile,
    LabellingConfig,
    MlmConfig,
    MrcConfig,
    NerConfig,
    SourceConfig,
    TargetConfig,
    TofConfig,
    load_config,
)
from tof_hf.config.presets import INHERITS_FROM, settings
from tof_hf.config.stage_values import stage_values
from tof_hf.config.yaml import dump_yaml
from tof_hf.errors import ConfigError

ROOT = Path(__file__).parents[2]
SMALLEST = {
    "model": "some/encoder",
    "output_dir": "runs/x",
    "source": {"train": "train.txt", "validation": "valid.txt"},
    "target": {"text": "target.txt"},
}


def load(*overrides, **sections):
    return load_config(SMALLEST | sections, overrides)


def problem(*overrides, **sections):
    with pytest.raises(ConfigError) as caught:
        load(*overrides, **sections)
    return str(caught.value)


def written(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def run_file(tmp_path):
    return written(tmp_path, dump_yaml(SMALLEST))


# Values and where they come from


def test_plain_text_is_a_data_file_and_one_entry_is_a_list():
    assert load().target.text == [DataFile(path="target.txt")]


def test_the_default_preset_has_the_values_of_the_paper():
    config = load()
    assert (config.preset, config.seed, config.rounds, config.order) == ("paper", 2019, 1, "mlm_mrc")
    assert (config.mlm.maskings, config.mlm.training["learning_rate"]) == (10, 5e-5)
    assert (config.mrc.max_length, config.mrc.training["per_device_train_batch_size"]) == (160, 16)
    assert (config.ner.use_source, config.ner.use_pseudo) == (True, False)
    assert (config.pseudo_ner.use_source, config.pseudo_ner.use_pseudo) == (False, True)
    assert config.continual_mrc.training["learning_rate"] == 5e-5


def test_a_stage_made_in_python_takes_training_arguments_among_its_own_options():
    stage = NerConfig(max_length=64, learning_rate=1, report_to="none")
    assert (stage.max_length, stage.training) == (64, {"learning_rate": 1.0, "report_to": "none"})
    assert stage.replace(learning_rate=2).to_dict() == stage.to_dict() | {"learning_rate": 2.0}


def test_a_config_made_in_python_equals_the_loaded_one():
    config = load()
    assert config == TofConfig(model="some/encoder", output_dir="runs/x", source=config.source, target=config.target)


@pytest.mark.parametrize("setting", settings("paper"), ids=lambda setting: setting.key)
def test_every_paper_setting_reaches_the_config(setting):
    assert _value(load(), setting.key) == setting.value


@pytest.mark.parametrize("setting", settings("official_code"), ids=lambda setting: setting.key)
def test_every_official_setting_reaches_the_config(setting):
    assert _value(load("preset=official_code"), setting.key) == setting.value


@pytest.mark.parametrize("setting", settings("small"), ids=lambda setting: setting.key)
def test_every_small_setting_reaches_the_config_and_differs_from_the_paper(setting):
    small = load("preset=small")
    assert _value(small, setting.key) == setting.value != _value(load(), setting.key)


def test_the_small_preset_is_weaker_than_the_run_file_and_has_the_rest_from_the_paper():
    config = load("labelling.max_sentences=7", "ner.num_train_epochs=9", preset="small")
    assert (config.labelling.max_sentences, config.labelling.max_text_share) == (7, 0.05)
    assert (config.ner.training["num_train_epochs"], config.ner.training["weight_decay"]) == (9, 0.01)
    assert load("labelling=null", preset="small").labelling.max_sentences == 1000


def test_continual_mrc_keeps_all_sources_in_official_code():
    stage = load(preset="official_code").continual_mrc
    assert stage.use_target_qa and stage.use_source_qa and stage.use_ner_mrc and stage.use_pseudo_mrc
    assert (stage.seed, stage.lr_decay_per_epoch) == (2333, 0.95)


def test_the_file_is_stronger_than_the_preset_and_the_command_line_than_the_file():
    assert load(mrc={"learning_rate": 1e-5}).mrc.training["learning_rate"] == 1e-5
    assert load("mrc.learning_rate=3e-5", mrc={"learning_rate": 1e-5}).mrc.training["learning_rate"] == 3e-5


def test_a_later_stage_inherits_what_nobody_set_for_it():
    config = load(ner={"max_length": 64, "bf16": True, "learning_rate": 1e-4})
    assert (config.pseudo_ner.max_length, config.continual_ner.training["bf16"]) == (64, True)
    assert config.pseudo_ner.training["learning_rate"] == 2e-5  # the preset sets it for this stage


def test_which_data_a_stage_uses_and_whether_it_runs_are_never_inherited():
    config = load(mrc={"enabled": False, "use_target_qa": False})
    assert config.continual_mrc.enabled and config.continual_mrc.use_target_qa


def test_overrides_reach_into_short_forms_and_lists():
    config = load("source.train.limit=100", "target.text.0.encoding=latin-1", "labels=[PER, LOC]")
    assert config.source.train == DataFile(path="train.txt", limit=100)
    assert config.target.text == [DataFile(path="target.txt", encoding="latin-1")]
    assert config.labels == ["PER", "LOC"]


def test_an_override_without_the_number_of_an_entry_is_for_all_files_of_the_list():
    config = load("target.text=[a.txt, {path: b.txt, limit: 5}]", "target.text.encoding=latin-1")
    files = [DataFile(path="a.txt", encoding="latin-1"), DataFile(path="b.txt", limit=5, encoding="latin-1")]
    assert config.target.text == files


def test_an_override_inside_a_mapping_keeps_the_rest_of_it():
    config = load(
        "label_map.C=D", "ner.lr_scheduler_kwargs.b=2", label_map={"A": "B"}, ner={"lr_scheduler_kwargs": {"a": 1}}
    )
    assert config.label_map == {"A": "B", "C": "D"}
    assert config.ner.training["lr_scheduler_kwargs"] == {"a": 1, "b": 2}


def test_an_override_of_a_section_is_merged_into_it_as_a_run_file_is_into_its_base():
    config = load("source.train={limit: 3}", "mrc={stride: 8}", mrc={"max_length": 64})
    assert (config.source.train, config.mrc.max_length) == (DataFile(path="train.txt", limit=3), 64)


def test_an_override_of_a_path_keeps_the_other_options_of_the_file():
    config = load("source.train.path=b.txt", source={"train": {"path": "a.txt", "limit": 3}, "validation": "v"})
    assert config.source.train == DataFile(path="b.txt", limit=3)


def test_an_override_inside_a_value_that_has_no_inside_is_an_error():
    assert "seed needs a section (key: value lines), found 3 (a number)." in problem("seed.x=1", seed=3)


def test_an_override_may_be_a_mapping():
    assert load("source.train.label_map={OTHER: MISC}").source.train.label_map == {"OTHER": "MISC"}


def test_numbers_take_the_type_of_their_option():
    config = load("mlm.source_ratio=2", "ner.max_source=1e4", "mlm.num_train_epochs=1")
    assert [type(value) for value in (config.mlm.source_ratio, config.ner.max_source)] == [float, int]
    assert type(config.mlm.training["num_train_epochs"]) is float


def test_variables_and_the_home_folder_are_expanded_in_paths(monkeypatch):
    monkeypatch.setenv("CORPORA", "/corpora")
    monkeypatch.setenv("HOME", "/home/ana")
    config = load("source.train=$CORPORA/en.txt", "model=~/encoder", "target.mrc=[{path: '${CORPORA}/qa.json'}]")
    assert (config.source.train.path, config.model) == ("/corpora/en.txt", "/home/ana/encoder")
    assert config.target.mrc == [DataFile(path="/corpora/qa.json")]


def test_loading_leaves_the_given_mapping_alone():
    given = {**SMALLEST, "source": dict(SMALLEST["source"])}
    load_config(given, ["source.train.limit=3", "seed=1"])
    assert given == SMALLEST


# Round trips


@pytest.mark.parametrize("preset", ["paper", "official_code", "small"])
def test_a_saved_config_loads_to_an_equal_one(preset, tmp_path):
    tricky = ("label_map={NO: 'yes', A: 2e-6x}", "target.name=no", "queries={PER: 'Who? #1: ä'}")
    config = load("ner.bf16=true", *tricky, preset=preset)
    path = written(tmp_path, config.to_yaml())
    assert load_config(path) == config
    assert load_config(path).to_yaml() == config.to_yaml()


def test_a_config_survives_its_dict():
    config = load("ner.lr_scheduler_kwargs={num_cycles: 2}", "source.mrc=[a.json, b.json]")
    assert TofConfig.from_dict(config.to_dict()) == config


def test_a_config_with_other_values_than_any_preset_survives_its_dict():
    config = load().replace(mlm=MlmConfig(maskings=3), pseudo_ner=NerConfig(use_pseudo=True))
    assert TofConfig.from_dict(config.to_dict()) == config


# Mistakes


def test_an_unknown_key_names_file_and_full_key_and_suggests(run_file):
    with pytest.raises(ConfigError, match=r"run\.yaml:8: unknown key 'mrc\.learnig_rate'.*'mrc\.learning_rate'"):
        load_config(written(run_file.parent, run_file.read_text() + "mrc: {learnig_rate: 1}\n"))


def test_a_mistake_on_the_command_line_is_blamed_on_it(run_file):
    with pytest.raises(ConfigError, match="^command line: unknown key 'modle'. Did you mean 'model'"):
        load_config(run_file, ["modle=x"])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("source.train.limt=3", "Did you mean 'source.train.limit'?"),
        ("mrc.learning_rate=fast", "mrc.learning_rate needs a number, found 'fast' (text)"),
        ("rounds=1.5", "rounds needs a whole number, found 1.5"),
        ("seed=true", "seed needs a whole number, found true."),
        ("preset=papper", "Did you mean 'paper'?"),
        ("systems=[tof, adaptaber]", "Did you mean 'adaptabert'?"),
        ("systems=[tof, tof]", "at least one system, and each only once"),
        ("label_map=spam", "Did you mean 'span'?"),
        ("mlm=3", "mlm needs a section"),
        ("mlm.mlm_probability=0", "it must be above 0"),
        ("mlm.maskings=0", "it must be at least 1"),
        ("mrc.negative_windows=1.5", "it must be at most 1"),
        ("ner.stride=128", "it must be below max_length (128)"),
        ("mrc.max_length=15", "it must be at least 16"),
        ("ner.enabled=false", "ner.enabled must be true"),
        ("mlm.num_train_epochs=0", "it must be above 0. To leave the stage out write enabled: false."),
        ("ner.per_device_train_batch_size=0", "it must be above 0"),
        ("ner.use_source=false", "ner has nothing to train on"),
        ("ner.use_pseudo=true", "no pseudo-labels exist before"),
        ("mrc.lr_decay_per_epoch=0.9", "two schedules at once"),
        ("mrc.lr_scheduler_type=linar", "Did you mean 'linear'?"),
        ("mrc.training={}", "without 'training'"),
        ("labels=[B-PER]", "found the tag 'B-PER'"),
        ("target.text=[]", "target.text is empty"),
        ("target.labels=[a.jsonl, b/a.jsonl]", "target.labels has several files named 'a'"),
        ("target.labels={path: a.jsonl, weight: 0}", "target.labels.0.weight is 0, it must be above 0"),
        ("target.labels={path: a.jsonl, wieght: 1}", "Did you mean 'target.labels.0.weight'?"),
        ("source.train=null", "source.train needs a data file, found null."),
        ("source.mrc.2.limit=3", "source.mrc is a list with 0 entries"),
        ("target.text.limit=many", "command line: target.text.0.limit needs a whole number"),
        ("seed", "'seed' is not key=value"),
        ("seed=[1", "not valid YAML"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_needed(override, said):
    assert said in problem(override)


def test_labels_from_elsewhere_join_no_class_probabilities():
    with pytest.raises(ConfigError, match="labelling.targets is soft, but target.labels join hard labels alone"):
        load("target.labels=a.jsonl", "labelling.targets=soft")


@pytest.mark.parametrize("field", ["output_dir", "data_seed", "metric_for_best_model", "push_to_hub"])
def test_a_training_argument_that_the_run_owns_is_refused_with_a_reason(field):
    assert f"mrc.{field} cannot be set: " in problem(f"mrc.{field}=x")


def test_a_name_of_an_older_release_is_refused_with_its_replacement():
    assert "write warmup_steps: 0.1" in problem("ner.warmup_ratio=0.1")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("ner.learning_rat=1e-5", "unknown key 'ner.learning_rat'. Did you mean 'ner.learning_rate'?"),
        ("ner.num_train_epochs=three", "ner.num_train_epochs needs a number, found 'three' (text)."),
        ("ner.epochs=3", "ner.epochs cannot be set: write num_train_epochs."),
    ],
)
def test_a_mistake_that_later_stages_inherit_is_reported_once_where_it_was_written(override, said):
    assert problem(override, continual_ner={"seed": 1}) == f"command line: {said}"


@pytest.mark.parametrize("stage", ["mrc", "ner"])
def test_the_folder_name_of_a_stage_in_a_round_hints_at_its_section(stage):
    said = f"unknown key '{stage}1'. Did you mean 'continual_{stage}'? It sets the stages of all rounds."
    assert said in problem(f"{stage}1.learning_rate=1e-5")
    assert said in problem(**{f"{stage}1": {"learning_rate": 1e-5}})


def test_all_mistakes_are_reported_at_once_with_their_lines(tmp_path):
    path = written(
        tmp_path,
        """\
model: some/encoder
modle: 1
output_dir: runs/x
source:
  trian: a.txt
  validation: 3
target: {text: [a.txt, {path: b.txt, limit: 0}], mrc: null}
ner:
  epochs: 3
  max_length: long
  lr_scheduler_kwargs: 3
label_map:
  A: B
  C: [D]
mlm:
  maskings: 0
  mlm_probability: 2
  stride: 500
""",
    )
    with pytest.raises(ConfigError) as caught:
        load_config(path, ["sed=3", "source.mrc.2.limit=3", "systems=[tof, tf]"])
    assert str(caught.value).splitlines() == [
        f"{path}:2: unknown key 'modle'. Did you mean 'model'?",
        f"{path}:5: unknown key 'source.trian'. Did you mean 'source.train'?",
        f"{path}:6: source.validation needs a data file, found 3 (a number).",
        f"{path}:7: target.text.1.limit is 0, it must be at least 1.",
        f"{path}:7: target.mrc needs a list, found null. Write [] for an empty list.",
        f"{path}:9: ner.epochs cannot be set: write num_train_epochs.",
        f"{path}:10: ner.max_length needs a whole number, found 'long' (text).",
        f"{path}:11: ner.lr_scheduler_kwargs needs a mapping or text, found 3 (a number).",
        f"{path}:14: label_map.C needs text, found ['D'] (a list).",
        f"{path}:16: mlm.maskings is 0, it must be at least 1.",
        f"{path}:17: mlm.mlm_probability is 2, it must be at most 0.9.",
        "command line: unknown key 'sed'. Did you mean 'seed'?",
        "command line: source.mrc is a list with 0 entries, counted from 0: there is no source.mrc.2.",
        "command line: systems.1 needs one of source_only, adaptabert, adaptabert_translation, tsl, unitrans, "
        "cofee, self_training, tof_wo_pseudo, tof_wo_continual, tof, found 'tf'. Did you mean 'tof'?",
    ]


def test_options_that_do_not_fit_together_are_reported_at_once_too():
    said = problem("ner.stride=500", labelling={"selection_level": "token", "quota": 0.5})
    assert [line.split(" is ")[0] for line in said.splitlines()] == [
        "config: labelling.quota", "config: labelling.selection_level", "command line: ner.stride"
    ]  # fmt: skip


def test_an_option_of_the_stages_at_the_top_names_the_sections_that_have_it():
    said = problem("learning_rate=1e-4")
    assert said.startswith("command line: unknown key 'learning_rate' at this place. Write mlm.learning_rate or mrc.")
    assert "ner.learning_rate" in said and "source" not in said
    assert problem("maskings=3") == "command line: unknown key 'maskings' at this place. Write mlm.maskings."


@pytest.mark.parametrize("section", ["mlm", "labelling", "release", "translation"])
def test_a_section_with_nothing_in_it_is_as_if_it_were_not_there(section):
    assert load(**{section: None}) == load()


def test_what_may_follow_from_a_wrong_value_is_not_reported_as_well():
    said = problem(labelling={"selection": "treshold", "threshold": 0.5})
    assert "Did you mean 'threshold'?" in said and "\n" not in said


def test_a_missing_section_is_named():
    assert "'source.validation' is missing" in problem(source={"train": "a.txt"})


def test_an_unset_variable_in_a_path_is_named(monkeypatch):
    monkeypatch.delenv("CORPORA", raising=False)
    assert "environment variable CORPORA is not set" in problem("source.train=$CORPORA/en.txt")


def test_a_key_given_twice_is_an_error_with_its_line(run_file):
    path = written(run_file.parent, "model: a\nmodel: b\n")
    with pytest.raises(ConfigError, match=r"run\.yaml:2: not valid YAML: the key 'model' is written twice"):
        load_config(path)


def test_a_missing_run_file_is_named():
    with pytest.raises(ConfigError, match="no_such.yaml: there is no such file"):
        load_config("no_such.yaml")


def test_an_empty_run_file_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="the run file needs a section"):
        load_config(written(tmp_path, ""))


def test_a_config_made_in_python_is_checked_too():
    config = load()
    with pytest.raises(ConfigError, match="mlm.maskings is 0"):
        config.replace(mlm={"maskings": 0})
    with pytest.raises(ConfigError, match="ner.enabled must be true"):
        config.replace(ner=NerConfig(enabled=False))
    with pytest.raises(ConfigError, match="learning_rate needs a number"):
        NerConfig(learning_rate="fast")


def test_the_config_is_imported_without_torch_and_transformers():
    code = "import sys, tof_hf.config; sys.exit(bool({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# The page


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("generate_config", ROOT / "docs" / "generate_config.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_page_equals_the_generated_one(generator):
    assert generator.PAGE.read_text(encoding="utf-8") == generator.page(), "run `make pages`"


def test_every_option_has_a_help_text():
    kinds = (
        TofConfig,
        SourceConfig,
        TargetConfig,
        DataFile,
        MlmConfig,
        MrcConfig,
        NerConfig,
        LabellingConfig,
    )
    for name, field in itertools.chain.from_iterable(kind.model_fields.items() for kind in kinds):
        assert field.description.endswith("."), name


@pytest.mark.parametrize("setting", settings("official_code"), ids=lambda setting: setting.key)
def test_every_official_setting_differs_from_the_paper_or_from_what_it_would_inherit(setting):
    stage, _, option = setting.key.partition(".")
    parent = INHERITS_FROM.get(stage, stage)
    others = (_value(load(), setting.key), stage_values("official_code", {})[parent].get(option))
    assert any(setting.value != other for other in others)


def _value(config, key):
    stage, _, option = key.partition(".")
    return config.to_dict()[stage][option]


@pytest.mark.parametrize(
    ("labelling", "said"),
    [
        ({"selection": "threshold"}, "labelling.threshold is missing"),
        ({"selection": "per_type_quota", "threshold": 0.5}, "labelling.threshold is given, but"),
        ({"selection": "per_type_quota"}, "labelling.quota is missing"),
        ({"selection": "per_type_quota", "quota": 0}, "labelling.quota is 0, it must be above 0"),
        ({"selection": "threshold", "threshold": 1.5}, "it must be at most 1"),
        ({"threshold": 0.5}, "labelling.threshold is given, but selection is all"),
        ({"selection_level": "token"}, "no word is unsure"),
        ({"selection": "best"}, "'agreement'"),
    ],
)
def test_a_selection_of_labels_needs_its_own_number_and_no_other(labelling, said):
    assert said in problem(labelling=labelling)


def test_the_forgetting_alarm_takes_a_drop_in_f1_and_one_of_three_actions():
    assert (load().forgetting.max_drop, load().forgetting.action) == (0.05, "warn")
    assert "it must be at most 1" in problem(forgetting={"max_drop": 5})
    assert "'stop'" in problem(forgetting={"action": "halt"})
