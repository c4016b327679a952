"""Rows of the paper's tables and of your own become runs; those that a config cannot have are left out, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tof_hf.algorithm.recipes import RECIPES
from tof_hf.cli import main
from tof_hf.errors import ConfigError
from tof_hf.experiments.ablation import rows as rows_module
from tof_hf.experiments.ablation.rows import (
    MRC_ENHANCING,
    OWN,
    Row,
    baseline_of,
    check_names,
    chosen,
    rows_from,
    rows_of,
)
from tof_hf.experiments.ablation.runs import config_of, set_up
from tof_hf.experiments.ablation.sweep import ablate, plan

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[3] / "examples" / "rows"


def test_every_row_of_the_paper_that_has_a_number_can_be_run():
    rows = [row for table in (1, 2, 3, 4) for row in rows_of(table, swap_model="span/bert")]
    assert {row.name for row in rows if row.name in RECIPES and not row.published} == {"self_training"}
    check_names([row for table in (1, 2, 3, 4) for row in rows_of(table, swap_model="span/bert")])


def test_rows_that_need_translations_are_left_out_without_a_dictionary(run_file, toy_files, tmp_path):
    system = rows_module.MRC_ENHANCING
    everything = [*rows_of(1), *rows_of(2)]
    source = run_file()
    without = set_up(source, rows=everything)
    reasons = {row.name: why for row, why in without.left_out}
    for name in ("adaptabert_translation", "without_translated_ner_mrc", "without_translated_source_mrc"):
        assert name not in without.names
        assert reasons[name] == "translation.dictionary names no file"
    assert reasons["without_target_mrc"] == "the mrc stage has no target_qa rows anyway"
    assert without.names[:2] == ["source_only", "adaptabert"]
    assert "without_ner_mrc" not in without.names  # nothing would be left

    extras = [f"translation.dictionary={toy_files['dictionary']}", f"target.mrc={toy_files['target_qa']}"]
    extras.append(f"source.mrc={toy_files['source_qa']}")
    full = set_up(source, extras, rows=everything)
    assert {row.name for row, _ in full.left_out} == {"cofee"}  # without target.labels
    row = full.row("without_translated_source_mrc")
    config = config_of(full, row, 7)
    assert (config.systems, config.seed, config.mrc.use_translated_qa) == ([system], 7, False)
    assert config.output_dir == str(tmp_path / "run" / "ablation" / "seed-7" / "without_translated_source_mrc")


def test_a_row_without_what_is_off_anyway_is_left_out_and_no_other(run_file, toy_files):
    extras = [f"translation.dictionary={toy_files['dictionary']}", f"target.mrc={toy_files['target_qa']}"]
    extras += [f"source.mrc={toy_files['source_qa']}", "mrc.use_source_qa=false", "mrc.use_translated_ner_mrc=false"]
    ablation = set_up(run_file(), extras, rows=rows_of(2))
    assert {row.name for row, _ in ablation.left_out} == {"without_source_mrc", "without_translated_ner_mrc"}


def test_rows_that_would_all_be_the_same_run_are_left_out(run_file):
    rows = [*rows_of(2), *rows_of(3)]
    assert set_up(run_file(), ["mrc.enabled=false"], rows=rows).names == ["tof_wo_pseudo", "order_mlm_mrc"]
    assert set_up(run_file(), ["mlm.enabled=false"], rows=rows_of(3)).names == ["order_mlm_mrc"]


def test_a_row_without_one_kind_of_questions_trains_mrc_anew_and_the_rest_is_shared(run_file, toy_files, trained):
    source = run_file()
    extras = [f"target.mrc={toy_files['target_qa']}", f"source.mrc={toy_files['source_qa']}"]
    ablation = set_up(source, extras, rows=rows_of(2), seeds=[5])
    results, outcomes = ablate(ablation, benchmark="es")
    assert len(outcomes) == 4 and not any(one.error for one in outcomes)
    assert [stage for _, stage in trained] == ["mlm", *4 * ["mlm-mrc", "mlm-mrc-ner"]]
    first, *others = results.lines
    assert first.baseline is None and {one.baseline for one in others} == {first.row.name}
    assert [one.p for one in others] == [one.p_worse for one in others]
    assert [one.paper.change for one in others] == [-0.34, -1.82, -3.69]


def test_the_other_order_is_a_row(run_file):
    planned = plan(set_up(run_file(), rows=rows_of(3), seeds=[5]))
    for stages, row in (("mlm mlm-mrc mlm-mrc-ner", "order_mlm_mrc"), ("mrc mrc-mlm mrc-mlm-ner", "order_mrc_mlm")):
        for stage in stages.split():
            assert f"seed-5 {stage}: {row}" in planned
    assert planned.endswith("0 to reuse, 0 to resume, 6 to run")


def test_the_other_encoder_has_rows_of_its_own(run_file, toy_files, trained):
    rows = [row for row in rows_of(4, swap_model=toy_files["other"]) if row.system == "adaptabert"]
    results, outcomes = ablate(set_up(run_file(), rows=rows, seeds=[5]), baseline="adaptabert")
    assert not any(one.error for one in outcomes)
    assert [stage for _, stage in trained] == 2 * ["mlm", "mlm-ner"]
    assert [line.row.title for line in results.lines] == ["AdaptaBERT", "other-encoder"]
    assert results.lines[1].baseline == "adaptabert"


def test_rows_of_your_own_come_from_a_file(run_file, tmp_path, trained, capsys):
    (tmp_path / "rows.yaml").write_text(
        "- {name: plain, system: source_only}\n"
        "- name: longer\n  title: Twice as long | more\n  system: source_only\n"
        "  set: {ner: {num_train_epochs: 4}, ner.warmup_steps: 0.2, target.name: 'no'}\n"
    )
    assert main(["ablate", run_file(), "--rows-file", str(tmp_path / "rows.yaml"), "--seeds", "1"]) == 0
    assert trained == [("seed-2019", "ner")] * 2
    printed = capsys.readouterr().out
    assert "## Rows of your own" in printed and r"Twice as long \| more" in printed and "plain" in printed


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("name: x", "needs a list of rows"),
        ("[]", "needs a list of rows"),
        ("- {name: x}", "row 1 needs name and system"),
        ("- {name: x, system: tof, sets: {}}", "nothing else"),
        ("- {name: 3, system: tof}", "need to be strings"),
        ("- {name: a/b, system: tof}", "cannot be a folder's"),
        ("- {name: stages, system: tof}", "cannot be a folder's"),
        ("- {name: x, system: tof, set: [a]}", "set needs options"),
        ("- {name: x, system: tof, set: {seed: 1}}", "row 1: a row cannot set seed"),
        ("- {name: x, system: tof, set: {output_dir: x}}", "a row cannot set output_dir"),
        ("- {name: x, system: tof, set: {systems: [tsl]}}", "a row cannot set systems"),
        ("- {name: x, system: tof, set: {systems.0: tsl}}", "a row cannot set systems"),
        ("- {name: x, system: tof, set: {push_to_hub: true}}", "a row cannot set push_to_hub"),
        ("- {name: x, system: tof, set: {target.gold: null}}", "a row cannot set target.gold to null"),
        ("- {name: x, system: tof, set: {target: {gold: }}}", "a row cannot set target.gold to null"),
    ],
)
def test_a_mistake_in_a_file_of_rows_is_an_error(tmp_path, text, reported):
    (tmp_path / "rows.yaml").write_text(text)
    with pytest.raises(ConfigError, match=reported):
        rows_from(tmp_path / "rows.yaml")


def test_a_row_of_your_own_that_cannot_be_had_is_an_error_not_left_out(run_file):
    for row, reported in [
        (Row(0, "x", "x", "toff"), "row x: there is no system toff"),
        (Row(0, "x", "x", "tof", ("mrc.learning_rat=1",)), "row x: .*Did you mean 'mrc.learning_rate'"),
        (Row(0, "x", "x", "tof", ("target.gold=~",)), "row x: a row cannot set target.gold to null"),
    ]:
        with pytest.raises(ConfigError, match=reported):
            set_up(run_file(), rows=[row])


def test_what_cannot_be_a_sweep_is_an_error(run_file):
    two = [Row(0, "x", "x", "tof"), Row(1, "x", "x", "tof", ("rounds=0",))]
    with pytest.raises(ConfigError, match="two rows are called x, with different options"):
        set_up(run_file(), rows=two)
    with pytest.raises(ConfigError, match="two rows of one table are called x"):
        set_up(run_file(), rows=[two[0], two[0]])
    with pytest.raises(ConfigError, match="no row can be run with this config"):
        set_up(run_file(), rows=[row for row in rows_of(1) if row.name == "adaptabert_translation"])
    with pytest.raises(ConfigError, match="at least one seed, and each once"):
        set_up(run_file(), rows=rows_of(1), seeds=[1, 1])
    with pytest.raises(ConfigError, match="Did you mean .adaptabert"):
        chosen(rows_of(1), ["adaptbert"])
    with pytest.raises(ConfigError, match="--swap-model"):
        rows_of(4)
    with pytest.raises(ConfigError, match="no Table 5"):
        rows_of(5)


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["--baseline", "tsla"], "--baseline tsla is none of the rows"),
        (["--benchmark", "fr"], "--benchmark fr is none of"),
        (["--rows", "tof", "rounds=1"], "--rows took rounds=1 as well. Put options of the run file right after CONFIG"),
        (["--jobs", "0"], "--jobs must be at least 1"),
        (["--seeds", "0"], "at least one seed"),
        (["--tables", "4"], "--swap-model"),
        (["--into", "results.txt", "--plan"], "--into results.txt: name a Markdown page"),
        (["--tables", "1", "2", "--swap-model", "other/encoder"], "Add 4 to --tables"),
    ],
)
def test_the_command_says_what_cannot_be(run_file, capsys, arguments, reported):
    assert main(["ablate", run_file(), *arguments]) == 2
    assert reported in capsys.readouterr().err


def test_a_plan_is_printed_and_nothing_is_made(run_file, trained, tmp_path, capsys):
    assert main(["ablate", run_file(), "--rows", "source_only", "adaptabert", "--seeds", "3", "--plan"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "run     seed-2019 ner: source_only (never trained)" and lines[-1].endswith("9 to run")
    assert trained == [] and not (tmp_path / "run").exists()


def test_the_systems_of_tables_2_to_4_are_recipes():
    rows = [row for table in (2, 3, 4) for row in rows_of(table, swap_model="span/bert")]
    assert {row.system for row in rows} == {"adaptabert", MRC_ENHANCING} <= set(RECIPES)


def test_the_last_recipe_marked_as_a_baseline_is_the_one_of_table_1_and_of_rows_of_your_own():
    for table in (1, OWN):
        assert baseline_of(table, ["source_only", "adaptabert", "adaptabert_translation"]) == "adaptabert_translation"
        assert baseline_of(table, ["source_only", "adaptabert"]) == "adaptabert"
        assert baseline_of(table, ["tof", "source_only"]) == "tof"


def test_the_rows_of_the_examples_can_be_run(run_file):
    rows = [row for file in EXAMPLES.glob("*.yaml") for row in rows_from(file)]
    assert rows and set_up(run_file(), rows=rows).names == [row.name for row in rows]
