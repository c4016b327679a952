"""A search chooses on source validation alone, reuses what it has in common, and goes on where it was stopped."""

from __future__ import annotations

import csv
import json
import os

import pytest
from nightly import nightly_only
from transformers import Trainer

from examples.toy_world.encoder import train_encoder
from examples.toy_world.world import make_world, write_world
from tof_hf.cli import main
from tof_hf.config import load_config
from tof_hf.config.yaml import dump_yaml, parse_yaml
from tof_hf.errors import ConfigError, TofError
from tof_hf.experiments.ablation.rows import override
from tof_hf.experiments.runs import SharedInputs
from tof_hf.experiments.search.table import markdown
from tof_hf.experiments.search.trials import (
    LEARNING_RATES,
    Dimension,
    Trial,
    best_of,
    name_of,
    parse_dimension,
    pipeline_of,
    set_up,
    try_all,
)
from tof_hf.pipeline import TofPipeline
from tof_hf.run.inputs import Inputs
from tof_hf.storage.lock import FolderInUse, only_run_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    world = make_world(seed=0, size="tiny")
    paths = {name: str(path) for name, path in write_world(world, folder / "data").items()}
    return paths | {"encoder": str(train_encoder(world, folder / "encoder", steps=0, layers=1, hidden=32))}


def written(files, folder):
    """A run file whose gold is not there: whoever opens it fails."""
    once = {"num_train_epochs": 1, "bf16": False}
    values = {
        "model": files["encoder"],
        "output_dir": str(folder / "run"),
        "source": {"train": {"path": files["source_train"], "limit": 30}, "validation": files["source_validation"]},
        "target": {"text": [files["target_text"]], "gold": str(folder / "missing-gold.conll")},
        "mlm": once | {"maskings": 1},
        "mrc": once | {"learning_rate": 1e-5, "max_length": 96, "stride": 16, "max_validation": 5, "max_ner_mrc": 10},
        "ner": once | {"num_train_epochs": 8, "learning_rate": 1e-2, "per_device_train_batch_size": 8},
        "pseudo_ner": {"num_train_epochs": 1},
    }
    (folder / "run.yaml").write_text(dump_yaml(values), encoding="utf-8")
    return str(folder / "run.yaml")


@pytest.fixture
def run_file(files, tmp_path):
    return written(files, tmp_path)


@pytest.fixture(scope="module")
def stages(files, tmp_path_factory):
    """A folder with the stages mlm, mlm-mrc and mlm-mrc-ner of the run file."""
    folder = tmp_path_factory.mktemp("stages")
    search = set_up(written(files, folder), stage="ner", stages=folder / "stages")
    (trial,) = try_all(search, [["ner.learning_rate=1e-2"]])
    assert trial.error is None
    return folder / "stages"


def planned(search, settings):
    """The stages of a trial, with a mark if they have translations, without training them."""
    return [one.name for one in pipeline_of(search, settings, SharedInputs()).plan()]


@pytest.fixture
def trained(monkeypatch):
    """The stages that are trained from here on."""
    found, train = [], Trainer.train

    def noted(self, *args, **kwargs):
        found.append(self.args.output_dir.split(os.sep)[-2].rpartition("-")[0])
        return train(self, *args, **kwargs)

    monkeypatch.setattr(Trainer, "train", noted)
    return found


@nightly_only
def test_learning_rates_of_mrc_are_compared_by_the_tagger_after_it(run_file, stages, trained, capsys, tmp_path):
    command = ["search", run_file, "--stage", "mrc", "--values", "1e-5", "1e-3", "--stages", str(stages)]
    assert main(command) == 0
    # The first trial and MLM are there already; nothing after the tagger that decides.
    assert trained == ["mlm-mrc", "mlm-mrc-ner"]
    printed = capsys.readouterr().out
    best = printed.splitlines()[-1]
    assert best in ("mrc.learning_rate=1e-05", "mrc.learning_rate=0.001")
    assert load_config(run_file, [best]).mrc.training["learning_rate"] in (1e-5, 1e-3)
    folder = tmp_path / "run" / "search" / "mrc"
    reported = json.loads((folder / "table.json").read_text())
    scores = {trial["settings"][0]: trial["score"] for trial in reported["trials"]}
    assert scores[best] == max(scores.values()) > 0 and (reported["stage"], reported["by"]) == ("mrc", "ner")
    assert (folder / "table.md").read_text() in printed and "No label of the target is read." in printed
    rows = list(csv.DictReader((folder / "table.csv").open()))
    assert [float(row["source_validation_f1"]) for row in rows] == list(scores.values())
    splits = [json.loads(file.read_text())["rows"] for file in folder.glob("*/results.json")]
    assert {row["split"] for rows in splits for row in rows} == {"source_validation", "source_validation_mrc"}

    trained.clear()
    assert main(command) == 0 and trained == []
    assert capsys.readouterr().out == printed


def test_stages_lie_where_an_ablation_finds_them(run_file, files, trained, tmp_path):
    list(try_all(set_up(run_file, stage="ner", system="source_only"), [["ner.learning_rate=1e-2"]]))
    assert trained == ["ner"]
    gold = f"target.gold={files['target_gold']}"
    assert main(["ablate", run_file, gold, "--rows", "source_only", "--seeds", "1"]) == 0
    assert trained == ["ner"]


def test_no_gold_is_read_although_it_is_named(run_file, stages, monkeypatch):
    asked, gold = [], Inputs.gold
    monkeypatch.setattr(Inputs, "gold", lambda self, names: asked.append(gold(self, names)) or asked[-1])
    (trial,) = try_all(set_up(run_file, stage="ner", stages=stages), [["ner.learning_rate=1e-2"]])
    assert trial.score is not None and asked and not any(asked)


@pytest.mark.parametrize(
    ("stage", "by", "last"),
    [
        ("mrc", "stage", "mlm-mrc"),
        ("pseudo_ner", "ner", "mlm-mrc-ner-pseudo_ner"),
        ("continual_mrc", "ner", "mlm-mrc-ner-pseudo_ner-mrc1-ner1"),
    ],
)
def test_a_trial_ends_with_what_decides(run_file, stages, stage, by, last):
    search = set_up(run_file, stage=stage, by=by, stages=stages)
    (trial,) = try_all(search, [[f"{stage}.weight_decay=0.02"]])
    assert trial.error is None and trial.score is not None
    (record,) = search.out.glob("*/lineage.json")
    lineage = json.loads(record.read_text())
    assert lineage["final"]["stage"] == last and max(lineage["stages"], key=len) == last


def test_the_other_order_and_other_systems_can_be_searched(run_file):
    search = set_up(run_file, ["order=mrc_mlm"], stage="mrc")
    assert planned(search, ["mrc.learning_rate=1e-3"]) == ["mrc", "mrc-mlm", "mrc-mlm-ner"]
    search = set_up(run_file, stage="ner", system="adaptabert")
    assert planned(search, ["ner.num_train_epochs=1"]) == ["mlm", "mlm-ner"]


def test_the_students_of_the_peers_can_be_searched(run_file, trained):
    set_here = ["distillation.learning_rate=1e-2", "distillation.num_train_epochs=1"]
    (trial,) = try_all(set_up(run_file, stage="distillation", system="tsl"), [set_here])
    assert trial.score is not None and trained == ["ner", "distillation"]


def test_a_recipe_that_leaves_the_translations_out_for_one_teacher_has_them_for_the_next(run_file, tmp_path):
    (tmp_path / "en-es.tsv").write_text("the\tel\n", encoding="utf-8")
    dictionary = f"translation.dictionary={tmp_path / 'en-es.tsv'}"
    with pytest.raises(ConfigError, match="unitrans never reaches mrc"):
        list(try_all(set_up(run_file, [dictionary], stage="mrc", system="unitrans"), [["mrc.learning_rate=1e-3"]]))
    set_here = [dictionary, "distillation.num_train_epochs=1"]
    search = set_up(run_file, set_here, stage="distillation", system="unitrans")
    names = [
        "ner+unitrans",
        "translated_ner_tr+unitrans",
        "ner+unitrans-tuned_ner_tr+unitrans",
        "distillation_tr+unitrans",
    ]
    assert planned(search, ["distillation.seed=1"]) == names


def test_a_trial_that_fails_is_reported_and_the_others_continue(run_file, stages, monkeypatch, capsys):
    train = Trainer.train

    def failing(self, *args, **kwargs):
        if self.args.learning_rate == 1e-3:
            raise OSError(28, "No space left on device")
        return train(self, *args, **kwargs)

    monkeypatch.setattr(Trainer, "train", failing)
    assert main(["search", run_file, "--stage", "ner", "--values", "1e-3", "1e-2", "--stages", str(stages)]) == 0
    out = capsys.readouterr().out
    assert "failed" in out and "is full" in out and out.splitlines()[-1] == "ner.learning_rate=0.01"


def test_everything_is_checked_before_the_first_trial(run_file, trained):
    with pytest.raises(ConfigError, match="learning_rate"):
        list(try_all(set_up(run_file, stage="ner"), [[f"ner.learning_rate={value}"] for value in ("1e-3", "many")]))
    with pytest.raises(ConfigError, match="adaptabert never reaches mrc"):
        list(try_all(set_up(run_file, stage="mrc", system="adaptabert"), [["mrc.learning_rate=1e-3"]]))
    assert trained == []


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["--stage", "mcr"], "no stage 'mcr'"),
        (["--stage", "mrc", "--system", "foo"], "no system 'foo'"),
        (["--stage", "mlm", "--by", "stage"], "mlm has no score of its own"),
        (["--stage", "mrc", "--field", "weight_decay"], "--field weight_decay needs --values"),
        (["--stage", "mrc", "--values", "1e-5", "mrc.max_length=64"], "--values took mrc.max_length=64 as well"),
        (["--stage", "mrc", "--space", "learning_rate=1:2"], "--space is for optuna"),
        (["mrc.enabled=false", "--stage", "mrc"], "mrc.enabled is false"),
        (["--stage", "mrc", "--trials", "0"], "--trials 0 draws nothing"),
    ],
)
def test_what_cannot_be_searched_is_an_error(run_file, capsys, arguments, reported):
    assert main(["search", run_file, *arguments]) == 2
    assert reported in capsys.readouterr().err


def test_trials_that_are_scored_on_other_sentences_are_not_compared(run_file, trained):
    search = set_up(run_file, stage="ner")
    with pytest.raises(ConfigError, match=r"source.validation.limit=5 is scored on other sentences .* than .*limit=9"):
        list(try_all(search, [["source.validation.limit=9"], ["source.validation.limit=5"]]))
    assert trained == []


def test_a_folder_that_cannot_be_made_is_named_with_its_option(run_file, capsys):
    for arguments, reported in [
        (["--stage", "ner", "--out", f"{run_file}/table"], f"--out: nothing can be written to {run_file}/table ("),
        ([f"output_dir={run_file}", "--stage", "ner"], f"output_dir: nothing can be written to {run_file}/search/ner"),
    ]:
        assert main(["search", run_file, *arguments]) == 2
        assert reported in capsys.readouterr().err


def test_a_search_ends_where_another_run_works_in_its_stages(run_file):
    search = set_up(run_file, stage="ner")
    with only_run_in(search.stages), pytest.raises(FolderInUse):
        list(try_all(search, [["ner.learning_rate=1e-2"]]))


def test_searches_of_one_stage_have_tables_of_their_own_also_where_every_trial_fails(
    run_file, monkeypatch, capsys, tmp_path
):
    def lacks(self):
        raise ImportError("no bitsandbytes")

    monkeypatch.setattr(TofPipeline, "run", lacks)
    for arguments in (
        ["--values", "1e-3"],
        ["--field", "weight_decay", "--values", "0.1"],
        ["--values", "1e-3", "--system", "adaptabert", "--by", "stage"],
    ):
        assert main(["search", run_file, "--stage", "ner", *arguments]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error == "tof-hf: every trial failed. The first error: ImportError: no bitsandbytes"
    folders = {file.parent.name for file in (tmp_path / "run" / "search").glob("*/table.md")}
    assert folders == {"ner", "ner-weight_decay", "ner-adaptabert-by_stage"}


def test_a_folder_of_a_search_is_called_after_what_is_not_the_default():
    assert name_of("distillation", "ner", "tsl", []) == "distillation-tsl"
    keys = ["ner.learning_rate", "ner.num_train_epochs", "mrc.x/y"]
    assert name_of("ner", "ner", "tof", keys) == "ner-learning_rate-num_train_epochs-mrc.x_y"


def test_the_values_are_the_papers_unless_others_are_given():
    assert LEARNING_RATES == (1e-6, 2e-6, 5e-6, 8e-6, 1e-5, 2e-5, 3e-5, 5e-5, 8e-5)


def test_the_error_of_a_trial_is_shown_as_it_is_and_becomes_no_markup(run_file):
    error = "no label `<img src=x>` in\n# [here](http://x)\x1b[2J"
    lines = markdown(set_up(run_file, stage="ner"), [Trial(("a=1",), error=error)]).splitlines()
    shown = r"- a=1: no label \`&#60;img src=x> in # \[here\](http&#58;//x)" + "\ufffd" + r"\[2J"
    assert lines[-1] == shown.replace("src=x> in", r"src=x>\` in")


def test_the_first_of_equal_trials_is_the_best_and_none_of_those_without_a_score():
    trials = [Trial(("a=1",), 0.1), Trial(("a=2",), 0.5), Trial(("a=3",), 0.5), Trial(("a=4",), error="x")]
    assert best_of(trials).settings == ("a=2",)
    with pytest.raises(TofError, match="every trial failed. The first error: x"):
        best_of([Trial(("a=1",), error="x"), Trial(("a=2",), error="y")])
    with pytest.raises(TofError, match="no trial got one span right"):
        best_of([Trial(("a=1",), 0.0), Trial(("a=2",), error="x")])


def test_a_setting_is_written_plainly_and_read_back():
    for value, text in [("cosine", "cosine"), ("a/b", "a/b"), ("1e-3", '"1e-3"'), ("null", '"null"'), ("", '""')]:
        assert override("x.y", value) == f"x.y={text}" and parse_yaml(text, name="x") == value
    assert override("x.y", [1, 2e-6]) == "x.y=[1, 2e-06]" and override("x.y", None) == "x.y=null"


def test_spaces_are_read_from_texts():
    assert parse_dimension("learning_rate=1e-6:1e-4:log", "mrc") == Dimension("mrc.learning_rate", (), 1e-6, 1e-4, True)
    assert parse_dimension("ner.num_train_epochs=2:6", "mrc") == Dimension("ner.num_train_epochs", (), 2, 6)
    assert parse_dimension("lr_scheduler_type=linear,cosine", "mrc").choices == ("linear", "cosine")
    for text in ("learning_rate", "x=2:1", "x=a:b", "x=0:1:log", "x=1:2:lag", "=1:2"):
        with pytest.raises(ConfigError, match="--space"):
            parse_dimension(text, "mrc")


def test_optuna_draws_the_same_again_and_reuses_it(run_file, stages, trained, capsys):
    pytest.importorskip("optuna", reason="needs tof-hf[search]")
    command = ["search", run_file, "--stage", "ner", "--stages", str(stages), "--trials"]
    space = ["--space", "learning_rate=1e-3:1e-2:log", "num_train_epochs=7:8", "lr_scheduler_type=linear,constant"]
    assert main([*command, "2", *space]) == 0
    first = capsys.readouterr().out
    taggers = trained.count("mlm-mrc-ner")
    assert 1 <= taggers <= 2 and taggers == len(trained)
    trained.clear()
    assert main([*command, "3", *space]) == 0
    again = capsys.readouterr().out
    assert trained in ([], ["mlm-mrc-ner"])
    drawn = [[line.split("|")[1] for line in text.splitlines() if "|" in line][2:] for text in (first, again)]
    assert drawn[1][:2] == drawn[0] and len(drawn[1]) == 3
    best = first.splitlines()[-1].split()
    load_config(run_file, best)
    assert [setting.partition("=")[0] for setting in best] == [
        "ner.learning_rate", "ner.num_train_epochs", "ner.lr_scheduler_type",
    ]  # fmt: skip


def test_without_optuna_trials_say_what_to_install(run_file, capsys, monkeypatch):
    monkeypatch.setattr("tof_hf.utils.extras.find_spec", lambda name: None)
    assert main(["search", run_file, "--stage", "ner", "--trials", "2"]) == 2
    assert 'pip install ".[search]"' in capsys.readouterr().err
