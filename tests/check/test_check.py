"""The whole check on the toy world: what it says, what it leaves as it was, and its exit status."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tof_hf.check import check
from tof_hf.cli import main
from tof_hf.config.yaml import read_yaml
from tof_hf.data import Gazetteer, mark_names, read_ner, read_text
from tof_hf.data.writing import write_rows
from tof_hf.pipeline import run_tof

pytestmark = pytest.mark.slow

QUICK = "systems=[source_only]"
STAGES = [
    "mlm", "mlm-mrc", "mlm-mrc-ner", "mlm-mrc-ner-pseudo_ner", "mlm-mrc-ner-pseudo_ner-mrc1",
    "mlm-mrc-ner-pseudo_ner-mrc1-ner1",
]  # fmt: skip


@pytest.fixture
def run_file(config_of, tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(config_of().to_yaml(), encoding="utf-8")
    return str(path)


def test_a_run_without_mistakes_has_no_finding_and_all_facts(report_on):
    report = report_on()
    assert (report.findings, report.exit_status) == ((), 0)
    assert [stage.name for stage in report.stages] == STAGES
    assert [stage.foreseen for stage in report.stages] == [False, False, False, True, True, True]
    assert {stage.action for stage in report.stages} == {"run"}
    assert {(side.side, side.sentences) for side in report.languages} == {("source", 40), ("target", 40)}
    assert report.disk.needed > 0 and report.memory.parameters > 10_000
    assert {stage.minutes for stage in report.stages} == {None}


def test_labels_from_elsewhere_are_counted_and_those_of_other_text_reported(report_on, toy, problems_of, tmp_path):
    text = read_text(toy["target"]["text"]).select(range(10))
    first = text[0]["tokens"][0]
    write_rows(mark_names(text, Gazetteer([(first, "LOC")])), tmp_path / "list.jsonl")
    with (tmp_path / "list.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "x", "tokens": ["Not", "there"], "ner_tags": ["B-LOC", "O"]}\n')
    report = report_on(f"target.labels={tmp_path / 'list.jsonl'}")
    assert problems_of(report) == [("warning", "target.labels"), ("note", "target.labels")]
    warning, note = report.findings
    assert "1 of its 11 sentences are not in target.text" in warning.found
    assert note.found.startswith("'list' labels 10 of 40 target sentences (LOC ") and "not gold" in note.found


def test_timed_stages_have_minutes_and_nothing_is_written(config_of, toy, tmp_path):
    encoder = {name: os.stat(os.path.join(toy["model"], name)) for name in os.listdir(toy["model"])}
    report = check(config_of())
    assert all(stage.minutes > 0 for stage in report.stages)
    assert sum(stage.minutes for stage in report.stages) < 10
    assert list(tmp_path.iterdir()) == []
    assert encoder == {name: os.stat(os.path.join(toy["model"], name)) for name in os.listdir(toy["model"])}


def test_every_mistake_is_reported_at_once(report_on, problems_of, tmp_path):
    (tmp_path / "questions.json").write_text("{", encoding="utf-8")
    (tmp_path / "file").write_text("")
    report = report_on(
        f"source.train={tmp_path / 'missing.conll'}",
        f"target.mrc={tmp_path / 'questions.json'}",
        f"output_dir={tmp_path / 'file' / 'run'}",
        f"translation.dictionary={tmp_path / 'missing.txt'}",
        "mlm.max_length=4000",
        "mrc.fp16=true",
        "mrc.bf16=true",
    )
    subjects = [subject for _, subject in problems_of(report)]
    wrong = ["source.train", "target.mrc", "output_dir", "translation.dictionary", "mlm.max_length", "mrc"]
    assert set(wrong) <= set(subjects) and report.exit_status == 2
    assert len(report.files) == 4, "what can be read is shown"
    assert report.stages == ()


def test_an_encoder_that_cannot_be_loaded_is_an_error(report_on, problems_of, tmp_path):
    report = report_on(f"model={tmp_path / 'nothing'}", QUICK)
    assert problems_of(report) == [("error", "model")]
    assert report.languages == () and len(report.files) == 6


def test_a_given_dataset_is_read_like_a_file(report_on, toy):
    rows = read_ner(toy["source"]["train"])
    report = report_on("source.train=mine", QUICK, datasets={"mine": rows})
    assert report.exit_status == 0
    assert report.files[0].path == "mine" and report.files[0].understood.startswith(
        "words in 'tokens', tags in 'ner_tags'; "
    )


def test_a_finished_stage_is_reused_and_the_steps_are_those_of_the_trainer(config_of):
    overrides = [QUICK, "ner.num_train_epochs=1", "ner.gradient_accumulation_steps=2", "ner.bf16=false"]
    config = config_of(*overrides)
    foreseen = check(config, timing=False).stages[0]
    result = run_tof(config)
    record = json.loads((result.folder / "stages" / "ner" / "stage.json").read_text(encoding="utf-8"))
    assert (foreseen.steps, foreseen.windows, foreseen.rows) == (record["steps"], record["windows"], record["rows"])
    report = check(config)
    assert [(stage.action, stage.minutes) for stage in report.stages] == [("reuse", None)]
    assert report.disk is None


def test_json_and_the_screen_tell_the_same(run_file, capsys, tmp_path):
    arguments = [run_file, "--no-timing", "queries={LOC: Where is it named, PER: where is it named}", QUICK]
    overlap = "source.validation=" + read_yaml(Path(run_file))["source"]["train"]["path"]
    arguments += [overlap, "systems=[tof]"]
    assert main(["check", *arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert main(["check", *arguments]) == 0
    shown = capsys.readouterr().out
    assert {finding["subject"] for finding in report["findings"]} == {"queries", "source.validation"}
    for finding in report["findings"]:
        assert f"{finding['level']:8} {finding['subject']}: {finding['found'][:20]}" in shown
    for file in report["files"]:
        assert any(line.split()[:2] == [file["option"], str(file["rows"])] for line in shown.splitlines())
    for stage in report["stages"]:
        about = "~" if stage["foreseen"] else ""
        row = [stage["name"], stage["action"], f"{about}{stage['windows']}", f"{about}{stage['steps']}"]
        assert any(line.split()[:4] == row for line in shown.splitlines())
    assert report["exit_status"] == 0
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("json_too", [False, True])
def test_a_run_file_that_cannot_be_loaded_is_an_error_like_any_other(json_too, run_file, capsys):
    assert main(["check", run_file, "modle=x", *(["--json"] if json_too else [])]) == 2
    printed = capsys.readouterr().out
    assert "unknown key 'modle'. Did you mean 'model'?" in printed and "?." not in printed
    if json_too:
        assert json.loads(printed)["findings"][0]["subject"] == "config"


def test_every_mistake_of_a_run_file_is_an_error_of_its_own(run_file, capsys):
    assert main(["check", run_file, "modle=x", "ner.epochs=3"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(": 2 errors, 0 warnings, 0 notes")
    assert lines[1:3] == [
        "error    config: command line: unknown key 'modle'. Did you mean 'model'?",
        "error    config: command line: ner.epochs cannot be set: write num_train_epochs.",
    ]


def test_the_screen_has_errors_first_and_fits(report_on, toy):
    report = report_on("systems=[source_only, adaptabert, tof]", "ner.max_length=24", "ner.stride=4")
    lines = report.as_text().splitlines()
    assert len(lines) <= 48 and max(map(len, lines)) <= 120
    wrong = report_on(f"target.gold={toy['source']['train']}", "target.mrc=nowhere.json", "ner.max_length=24")
    levels = [line.split()[0] for line in wrong.as_text().splitlines()[1:] if line.startswith(("err", "warn", "note"))]
    assert levels == sorted(levels, key=["error", "warning", "note"].index) and levels[0] == "error"


def test_only_the_first_process_of_a_launch_prints(run_file, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert main(["check", run_file, "modle=x"]) == 2
    assert capsys.readouterr().out == ""
