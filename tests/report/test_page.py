from __future__ import annotations

import base64
import hashlib
import json
import os
import re

import pytest

from tof_hf.config import load_config
from tof_hf.errors import DataError
from tof_hf.report.figures import f1_figures, short_names
from tof_hf.report.page import make_report, mistakes_of
from tof_hf.report.reading import Run
from tof_hf.run.lineage import changed_options
from tof_hf.utils.text import printable

EVIL = "<script>alert(1)</script>"


def test_the_page_is_whole_and_loads_nothing(written, parsed):
    html = make_report(written.write()).html
    found = parsed(html)
    assert found.wrong == []
    for tag, attributes in found.elements:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            value = attributes.get(name) or "#"
            assert value.startswith("#") or value == "data:,", (tag, value)
    [script] = re.findall("<script>(.*?)</script>", html, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{allowed}'; style-src 'unsafe-inline'; img-src data:"
    assert found.of("meta", content=policy)


def test_ids_are_unique_and_links_lead_to_them(page):
    found = page()
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {link["href"][1:] for link in found.of("a")} <= set(ids)


def test_every_part_is_there(page):
    text = page().text
    for part in ("Stages", "Scores", "Mistakes", "Learning curves", "Pseudo-labels", "Changed sentences"):
        assert part in text
    assert "Time and memory" in text
    assert "tof (final)" in text
    assert "What is missing" not in text


def test_a_changed_sentence_is_highlighted(page):
    found = page()
    assert found.of("mark", class_="gone", title="only in the first")
    assert found.of("mark", class_="new", title="only in the second")
    assert found.of("mark", class_="right", title="right")
    assert "tof: ner → ner1, 2 of 3 sentences changed" in found.text


def test_no_page_is_larger_than_two_megabytes(written):
    written.tokens = [[f"{'w' * 70}{row}-{word}" for word in range(90)] for row in range(40)]
    written.gold = [["B-LOC", "O"] * 45] * 40
    written.tags = {"ner": [["O", "B-LOC"] * 45] * 40, "ner1": [["B-PER", "O"] * 45] * 40}
    size = len(make_report(written.write(), sentences=40).html.encode())
    assert 1_000_000 < size < 2_000_000


def test_a_matrix_has_the_most_frequent_types(written, page):
    written.types = (*(f"TYPE-{number}" for number in range(30)), "LOC", "PER")
    assert "matrices about its most frequent types" in page().text
    assert "as LOC" in make_report(written.folder).html


def test_words_and_names_of_the_data_are_only_text(written, page):
    written.tokens[0][0] = written.tokens[1][0] = EVIL
    kind = "<img/src=x>"
    written.types = ("LOC", kind)
    rename = {"B-PER": f"B-{kind}", "I-PER": f"I-{kind}"}
    written.tags = {n: [[rename.get(t, t) for t in row] for row in rows] for n, rows in written.tags.items()}
    written.gold = [[rename.get(tag, tag) for tag in row] for row in written.gold]
    written.systems = {f"{EVIL}tof": written.systems["tof"]}
    written.alarms = (f"{EVIL} \x1b[31m\u202e grew",)
    found = page()
    html = make_report(written.folder).html
    assert printable(html) == html and "\ufffd[31m\ufffd grew" in html
    assert found.wrong == []
    assert len(found.of("script")) == 1
    assert not found.of("img")
    assert f"{EVIL}tof" in found.text
    assert f"{EVIL} \ufffd[31m\ufffd grew" in found.text


def test_sentences_take_the_direction_of_their_letters(written, page):
    written.tokens[0][:2] = ["שלום", "ירושלים"]
    found = page()
    assert len(found.of("dd", dir="auto")) == 3 + 2 + 2 * 3 + 2 * 2


def test_an_unfinished_run_says_what_is_missing(written, page):
    written.unfinished = ("mlm-ner-ner1",)
    text = page().text
    assert "The run is not finished" in text
    assert "Systems not begun: later." in text
    assert "Stages not finished: ner1." in text
    assert "Last tagger so far: ner of tof." in text


def test_a_run_that_only_began_can_be_shown(written, page):
    written.unfinished = ("mlm", "mlm-ner", "mlm-ner-ner1")
    found = page()
    assert found.wrong == []
    assert "No tagger has been scored yet." in found.text


def test_without_target_gold_only_source_numbers_are_shown_and_it_says_so(written, page):
    written.splits = ("source_validation",)
    text = page().text
    assert "how good the taggers are on the target is not known" in text
    assert "F1 target" not in text
    assert "F1 source validation" in text


def test_a_run_that_kept_no_tags_says_so(written, page):
    written.keep_tags = False
    text = page().text
    assert "For 4 of 4 scores the tags were not kept" in text
    assert "The tags of the scored taggers were not kept in this run." in text


def test_a_single_system_of_one_tagger_and_type_can_be_shown(written, page):
    written.systems, written.types = {"source_only": ["ner"]}, ("PER",)
    written.gold = [[tag.replace("LOC", "PER") for tag in row] for row in written.gold]
    written.tags = {"ner": written.gold}
    found = page()
    assert found.wrong == []
    assert "100.00 %" in found.text
    assert "There are no two taggers of one system" in found.text


def test_many_types_and_systems_of_long_names_can_be_shown(written, page):
    name = "a_recipe_of_my_own_with_a_name_that_does_not_end"
    written.systems = {f"{name}_{number}": ["mlm", "mlm-ner", "mlm-ner-ner1"] for number in range(9)}
    written.systems |= {"a b": ["mlm", "mlm-ner"], "a_b": ["mlm", "mlm-ner"]}
    written.types = ("LOC", "PER", *(f"A_LONG_TYPE_OF_ENTITIES_{number}" for number in range(20)))
    found = page()
    assert found.wrong == []
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)


def test_a_translation_is_described(written, parsed):
    written.dictionary = "en-es.tsv"
    entities = {"LOC": {"total": 4, "changed": 3, "survived": 1, "grew": 0}}
    reported = {"rows": 5, "words": 10, "distinct_words": 7, "coverage": 0.5, "distinct_coverage": 0.25, "copied": 2}
    reported |= {"recased": None, "unknown": {"the": 3}, "entities": entities, "samples": [["a dog", EVIL]]}
    (written.write() / "translation").mkdir()
    (written.folder / "translation" / "source.json").write_text(json.dumps(reported), encoding="utf-8")
    (written.folder / "translation" / "torn.json").write_text('{"rows"', encoding="utf-8")
    found = parsed(make_report(written.folder).html)
    assert "Most frequent words without a translation: the (3)." in found.text
    assert len(found.of("script")) == 1

    written.dictionary = None  # the same folder without a dictionary: the files are of the run before
    assert "without a translation" not in parsed(make_report(written.write()).html).text


def test_the_record_names_a_dictionary_that_stands_in_a_base(tmp_path):
    (tmp_path / "base.yaml").write_text("translation: {dictionary: /data/en-es.tsv}\n", encoding="utf-8")
    values = {"base": str(tmp_path / "base.yaml"), "model": "m", "output_dir": "o"}
    values |= {"source": {"train": "t", "validation": "v"}, "target": {"text": "x"}}
    assert changed_options(load_config(values))["translation.dictionary"] == "en-es.tsv"
    values["translation"] = {"dictionary": None}
    assert "translation.dictionary" not in changed_options(load_config(values))


def test_mistakes_are_counted_in_the_file_that_the_scores_name(written):
    folder = written.write()
    columns = {"tokens": written.tokens, "gold": written.gold, "predicted": written.gold}
    written._table("mlm-ner", "predictions-target-1", columns)  # of other gold, which was scored meanwhile
    os.utime(folder / "stages" / "mlm-ner" / "predictions-target-1.parquet", (9e9, 9e9))

    def counted():
        return mistakes_of(Run.read(folder))["mlm-ner", "target"].kinds["boundary"]

    assert counted() == 0, "a record of an older release names no file: the newest is read"
    rows = json.loads((folder / "results.json").read_text(encoding="utf-8"))["rows"]
    rows = [row | {"predictions": f"predictions-{row['split']}-0.parquet"} for row in rows]
    (folder / "results.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
    assert counted() == 1


def test_damaged_tags_are_tags_that_were_not_kept(written, parsed):
    folder = written.write()
    whole = (folder / "stages" / "mlm-ner" / "predictions-target-0.parquet").read_bytes()
    for damaged in (b"PAR1 torn", whole[:-40], b"x" * 40 + whole[40:]):
        (folder / "stages" / "mlm-ner" / "predictions-target-0.parquet").write_bytes(damaged)
        found = parsed(make_report(folder).html)
        assert "For 1 of 4 scores the tags were not kept" in found.text
        assert "first tagger and last" not in found.text
    written._table("mlm-ner", "predictions-target-0", {"tokens": written.tokens, "predicted": written.gold})
    assert "For 1 of 4 scores the tags were not kept" in parsed(make_report(folder).html).text


def test_stages_of_one_label_have_points_of_their_own_in_the_f1_chart(written):
    written.systems = {"own": ["ner", "ner-mlm", "ner-mlm-ner"], "short": ["ner"]}
    run = Run.read(written.write())
    labels = [(score.system, run.label(score)) for score in run.scores if score.split == "target"]
    assert labels == [("own", "ner"), ("own", "ner (2)"), ("short", "ner")]
    assert "ner (2)" in next(f1_figures(run)).svg


def test_a_stage_without_its_record_has_no_curve_and_the_rest_is_there(written, parsed):
    folder = written.write()
    (folder / "stages" / "mlm" / "stage.json").write_text("{", encoding="utf-8")
    found = parsed(make_report(folder).html)
    assert "For some stages no learning curve was kept." in found.text
    assert "ner1: loss" in found.text


def test_a_loss_that_is_no_number_is_reported_and_left_out_of_the_curve(written, parsed):
    folder = written.write()
    log = [{"step": 1, "loss": float("nan")}, {"step": 2, "loss": float("inf")}, {"step": 3, "loss": 2.0}]
    (folder / "stages" / "mlm" / "stage.json").write_text(json.dumps({"log": log}), encoding="utf-8")
    found = parsed(make_report(folder).html)
    assert "At some steps the loss was infinite or not a number: mlm." in found.text
    assert "nan" not in found.text


def test_a_tagger_that_was_left_because_it_forgot_is_not_the_end_of_its_system(written):
    written.systems = {"tof": ["mlm", "mlm-ner", "mlm-ner1", "mlm-ner1_mix"]}
    written.tags["ner1_mix"] = written.tags["ner"]
    drop = {"stage": "mlm-ner1", "f1": 0.8, "best_stage": "mlm-ner", "best_f1": 0.9, "kept": "mlm-ner1"}
    written.forgetting = [drop]
    assert Run.read(written.write()).ends == {"tof": "mlm-ner1"}


def test_stages_with_the_same_last_part_get_different_names(written):
    written.systems = {"a": ["ner"], "b": ["mlm", "mlm-ner"], "c": ["mlm", "mlm-mrc", "mlm-mrc-ner"]}
    names = short_names(Run.read(written.write()))
    assert names == {"ner": "ner", "mlm": "mlm", "mlm-ner": "mlm-ner", "mlm-mrc": "mrc", "mlm-mrc-ner": "mrc-ner"}


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda folder: None, "nothing of that name"),
        (lambda folder: folder.mkdir(), "in an empty folder"),
        (lambda folder: (folder / "weights").mkdir(parents=True), "no lineage.json, but weights"),
        (lambda folder: folder.write_text(""), "a file"),
    ],
)
def test_what_is_no_run_is_an_error_that_says_what_to_name(make, found, tmp_path):
    make(tmp_path / "run")
    with pytest.raises(DataError, match=found) as error:
        make_report(tmp_path / "run")
    assert error.value.fix == "name the folder of a run (output_dir)."


def test_a_damaged_or_newer_record_is_an_error(written):
    file = written.write() / "lineage.json"
    file.write_text('{"format": 99}', encoding="utf-8")
    with pytest.raises(DataError, match="newer release"):
        make_report(written.folder)
    file.write_text('{"format": 1}', encoding="utf-8")
    with pytest.raises(DataError, match=r"damaged record \(\w+: Field required"):
        make_report(written.folder)
    file.write_text('{"format"', encoding="utf-8")
    with pytest.raises(DataError, match="damaged record"):
        make_report(written.folder)


def test_a_student_is_shown_with_its_teachers(written, parsed):
    folder = written.write()
    lineage = json.loads((folder / "lineage.json").read_text())
    soft = {"teachers": ["ner"], "voters": ["ner", f"x-{EVIL}"], "file": "f", "sentences": 1200, "words": 9}
    lineage["systems"]["tof"] |= {"soft_labels": [soft | {"agreed_share": 0.5, "used_by": ["distillation"]}]}
    (folder / "lineage.json").write_text(json.dumps(lineage))
    found = parsed(make_report(folder).html)
    assert "distillation learned from the class probabilities that ner gave 1,200 sentences" in found.text
    assert "agree, 50.00 % of the words" in found.text and len(found.of("script")) == 1
