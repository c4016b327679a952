"""The tables say the same in Markdown, CSV, LaTeX and JSON, and every one of them can be read by machines."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from pathlib import Path

import pytest

from tof_hf.evaluation.significance import entity_counts
from tof_hf.experiments.ablation import table as table_module
from tof_hf.experiments.ablation.formats import as_json, comma_separated, latex, markdown, write
from tof_hf.experiments.ablation.rows import OWN, Row, rows_of
from tof_hf.experiments.ablation.runs import Ablation, Outcome
from tof_hf.experiments.ablation.table import TableBuilder, failures
from tof_hf.utils.markdown import escape

STRANGE = "50 % of R&D_{x} ~ 3 < 4 ^ # $ \\ | ñ"
GOLD = [["B-PER", "O"], ["B-LOC", "O"], ["B-PER", "B-LOC"], ["O", "O"]]


@pytest.fixture
def counts(monkeypatch):
    """Predictions by name instead of files: `3/1` has three of the four entities right, `4/2` of another seed all."""

    def found(name):
        right = int(name.partition("/")[0])
        flat = iter(range(10))
        tags = [[tag if tag == "O" or next(flat) < right else "O" for tag in row] for row in GOLD]
        return entity_counts(GOLD, tags)

    monkeypatch.setattr(table_module, "_counts", found)
    return found


@pytest.fixture
def ablation(tmp_path):
    own = Row(OWN, "mine", STRANGE, "tof", ("mrc.learning_rate=1e-05", "order=mrc_mlm"))
    rows = [row for row in rows_of(1) if row.name in ("source_only", "adaptabert", "tof")]
    rows += [row for row in rows_of(2) if row.name in ("tof_wo_pseudo", "without_ner_mrc")]
    left = ((Row(1, "tsl", "TSL", "tsl"), "there is no system tsl in this release"),)
    return Ablation("run.yaml", ("a=b",), (*rows, own), left, (1, 2), Path(tmp_path), "es", "target", ("mrc",))


@pytest.fixture
def results(ablation, counts):
    tables = TableBuilder(ablation, benchmark="es", samples=500)
    right = {"source_only": (1, 1), "adaptabert": (2, 2), "tof": (4, 3)}
    right |= {"tof_wo_pseudo": (3, 3), "without_ner_mrc": (2, 1)}
    for name, found in right.items():
        for seed, number in zip((1, 2), found, strict=True):
            file = f"{number}/{seed}"
            tables.add(Outcome(name, seed, counts(file).f1, file, 60))
    tables.add(Outcome("mine", 1, counts("4/1").f1, "4/1", 60))
    tables.add(Outcome("mine", 2, error="the disk is full | 100 %"))
    return tables.results()


def cells(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_has_a_table_for_each_table_with_the_same_number_of_cells(results):
    text = markdown(results)
    assert re.findall("^## (.*)$", text, re.MULTILINE) == [
        "Table 1: systems", "Table 2: MRC-enhancing without one kind of data", "Rows of your own",
    ]  # fmt: skip
    rows = [cells(line) for line in text.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {6}
    reported = {row[0]: row[1:] for row in rows}
    assert reported["AdaptaBERT"] == ["66.67 ± 0.00", "2", "", "", "75.30 ± 0.30"]
    assert reported["TOF"][:3] == ["92.86 ± 10.10", "2", "+26.19"] and reported["TOF"][4] == "80.35 ± 0.29"
    assert reported["w/o NER-MRC data"][2].startswith("-") and reported["w/o NER-MRC data"][4] == "-3.69"
    assert reported[escape(STRANGE).replace("\\|", "|")][:2] == ["100.00", "1 of 2"]


def test_p_values_are_of_what_a_row_is_there_to_show(results):
    lines = {line.row.name: line for line in results.lines}
    assert lines["tof"].p == lines["tof"].p_better < 0.5
    assert lines["without_ner_mrc"].p == lines["without_ner_mrc"].p_worse < 0.5 < lines["without_ner_mrc"].p_better
    assert lines["source_only"].p == lines["source_only"].p_better > 0.5
    assert lines["adaptabert"].p is None and lines["without_ner_mrc"].baseline == "tof_wo_pseudo"


def noted(ablation, counts, **options):
    tables = TableBuilder(ablation, benchmark="twitter", samples=100, **options)
    for number, name in enumerate(ablation.names):
        for seed in ablation.seeds:
            tables.add(Outcome(name, seed, counts(f"{number}/{seed}").f1, f"{number}/{seed}", 60))
    return tables.results()


def test_rows_that_show_one_change_are_compared_with_the_unchanged_row_or_with_none(ablation, counts):
    some = [row for row in rows_of(2) if row.name in ("without_target_mrc", "without_ner_mrc")]
    found = noted(dataclasses.replace(ablation, rows=(*some, *rows_of(3)[1:])), counts)
    assert {line.baseline for line in found.lines} == {None}
    assert {(line.difference, line.p) for line in found.lines} == {(None, None)}
    assert "with a sign the change against MRC-enhancing" in markdown(found)
    found = noted(dataclasses.replace(ablation, rows=(rows_of(2)[0], *some, *rows_of(3))), counts)
    assert [line.baseline for line in found.lines] == [None, "tof_wo_pseudo", "tof_wo_pseudo", None, "order_mlm_mrc"]


@pytest.mark.parametrize(("encoder", "papers"), [("x/spanbert-base-cased", 2), ("x/roberta-base", 0)])
def test_the_papers_other_encoder_is_spanbert_and_no_other(ablation, counts, encoder, papers):
    rows = rows_of(4, swap_model=encoder)
    found = noted(dataclasses.replace(ablation, rows=tuple(rows)), counts)
    assert sum(line.paper is not None for line in found.lines) == 2 + papers
    assert ("SpanBERT-base in the rows that name it" in markdown(found)) == bool(papers)


def test_the_papers_scores_of_the_target_do_not_stand_beside_scores_of_source_validation(ablation, counts):
    found = noted(dataclasses.replace(ablation, split="source_validation"), counts)
    assert not any(line.paper for line in found.lines) and "paper" not in markdown(found).lower()


def test_csv_has_a_line_for_each_row_and_numbers_in_full(results):
    rows = list(csv.DictReader(io.StringIO(comma_separated(results))))
    assert [row["row"] for row in rows] == [line.row.name for line in results.lines]
    mine = rows[-1]
    assert mine["title"] == STRANGE and mine["options"] == "mrc.learning_rate=1e-05 order=mrc_mlm"
    assert (mine["table"], mine["seeds_done"], mine["f1_seed_1"], mine["f1_seed_2"]) == ("", "1", "100.0", "")
    assert float(rows[2]["mean_f1"]) == results.lines[2].mean and rows[2]["paper_f1"] == "80.35"


def test_latex_has_its_own_characters_escaped_and_as_many_cells_as_columns(results):
    text = latex(results)
    tables = re.findall(r"\\begin\{tabular\}\{(l+r+)\}\n(.*?)\\end\{tabular\}", text, re.DOTALL)
    assert len(tables) == 3
    for columns, body in tables:
        rows = [line for line in body.splitlines() if line != r"\hline"]
        assert all(line.endswith(r" \\") for line in rows)
        for line in rows:
            assert len(re.findall(r"(?<!\\)&", line)) == len(columns) - 1
            assert not re.search(r"(?<!\\)[%#_]", line)
            plain = re.sub(r"\\[&%$#_{}]", "", line)
            assert plain.count("$") % 2 == 0 and plain.count("{") == plain.count("}")
    assert r"92.86 $\pm$ 10.10" in text
    assert all(line.startswith("%") for line in text.rpartition(r"\end{tabular}")[2].split("\n") if line)


def test_an_error_of_several_lines_stays_a_comment_in_latex(ablation):
    tables = TableBuilder(ablation)
    tables.add(Outcome("mine", 1, error="first\n\\second\nthird"))
    reported = latex(tables.results()).rpartition(r"\end{tabular}")[2].splitlines()
    assert any("first \\second third" in line for line in reported) and all(
        line.startswith("%") for line in reported if line
    )


def test_what_latex_takes_for_its_own_is_escaped(ablation):
    def title(text):
        rows = (Row(OWN, "x", text, "tof"),)
        text = latex(TableBuilder(dataclasses.replace(ablation, rows=rows)).results())
        return text.splitlines()[5].partition(" &")[0].strip()

    assert title("R&D 5% $x_1$ #2 {a} ~^") == r"R\&D 5\% \$x\_1\$ \#2 \{a\} \textasciitilde{}\^{}"
    assert title("a\\b") == r"a\textbackslash{}b" and title("MLM → MRC ± 1") == r"MLM $\rightarrow$ MRC $\pm$ 1"


def test_json_has_everything_and_comes_back(results):
    reported = json.loads(json.dumps(as_json(results)))
    assert reported["seeds"] == [1, 2] and reported["benchmark"] == "es" and reported["bootstrap_samples"] == 500
    assert reported["left_out"] == [{"table": 1, "name": "tsl", "why": "there is no system tsl in this release"}]
    tof = next(row for row in reported["rows"] if row["row"]["name"] == "tof")
    assert tof["scores"] == {"1": 100.0, "2": pytest.approx(600 / 7)} and tof["paper"]["deviation"] == 0.29
    assert 0 < tof["p_better"] <= 1 and tof["seeds_done"] == 2


def test_the_notes_tell_what_a_reader_must_know(results):
    notes = "\n".join(as_json(results)["notes"])
    for reported in (
        "mean ± sample standard deviation over the seeds 1, 2",
        "Some seeds are not finished yet for mine.",
        "adaptabert in Table 1; tof_wo_pseudo in Table 2",
        "500 samples",
        "The config sets the seed of mrc",
        "multilingual BERT",
        "Left out: TSL: there is no system tsl",
        "Failed: 50 % of R&D",
    ):
        assert reported in notes


def test_all_four_are_written_and_without_a_benchmark_the_papers_column_is_left_out(ablation, counts):
    tables = TableBuilder(ablation, samples=10)
    tables.add(Outcome("tof", 1, counts("4/1").f1, "4/1", 60))
    write(tables.results())
    names = {path.name for path in ablation.out.iterdir()}
    assert names == {"table.md", "table.csv", "table.tex", "table.json"}
    text = (ablation.out / "table.md").read_text(encoding="utf-8")
    assert "paper" not in text and "1 of 2" in text and "0 of 2" in text
    rules = [line for line in text.splitlines() if re.fullmatch(r"[|:\- ]+", line)]
    assert len(rules) == 3 and all(re.fullmatch(r":?-+:?", cell) for rule in rules for cell in cells(rule))


def test_a_row_with_gold_of_its_own_has_a_score_but_no_difference(ablation, monkeypatch):
    gold = {"typed": [["B-PER", "O"], ["B-LOC", "O"]], "spans": [["B-ENT", "O"], ["B-ENT", "O"]]}
    monkeypatch.setattr(table_module, "_counts", lambda name: entity_counts(gold[name], gold[name]))
    tables = TableBuilder(ablation, baseline="adaptabert", samples=10)
    for name, file in [("adaptabert", "typed"), ("tof", "typed"), ("mine", "spans")]:
        tables.add(Outcome(name, 1, 0.5, file))
    lines = {line.row.name: line for line in tables.results().lines}
    assert (lines["mine"].mean, lines["mine"].difference, lines["mine"].p) == (50.0, None, None)
    assert lines["tof"].difference == 0.0 and lines["tof"].comparable and not lines["mine"].comparable
    assert any("other sentences or entity types than adaptabert" in note for note in as_json(tables.results())["notes"])


def test_a_baseline_that_is_named_is_that_of_all_tables(ablation, counts):
    tables = TableBuilder(ablation, baseline="source_only", samples=10)
    for name in ("source_only", "tof", "tof_wo_pseudo"):
        tables.add(Outcome(name, 1, counts("4/1").f1, "4/1"))
    bases = {line.row.name: line.baseline for line in tables.results().lines}
    assert bases.pop("source_only") is None and set(bases.values()) == {"source_only"}


def test_each_error_is_reported_once_with_its_runs():
    outcomes = [Outcome("a", 1, error="full"), Outcome("b", 1, error="full")]
    outcomes += [Outcome("a", 2, 0.5), Outcome("c", 2, error="x")]
    assert failures(outcomes) == ["a (seed 1), b (seed 1): full", "c (seed 2): x"]
