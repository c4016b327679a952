from __future__ import annotations

import json

import pytest

from tof_hf.report.page import make_report

DROP = {"stage": "mlm-ner-ner1", "f1": 0.8, "best_stage": "mlm-ner", "best_f1": 0.9}


def test_a_stage_that_forgot_is_among_the_alarms_with_its_f1_before_and_after(written, page):
    written.forgetting = [DROP | {"action": "warn", "mixed_f1": None, "kept": "mlm-ner-ner1"}]
    written.alarms = ("LOC grew",)
    text = page().text
    drop = "ner1 (tof) forgot: F1 on source validation fell to 80.00%, from 90.00% after ner."
    assert f"Alarms {drop} Labels by ner (tof), ner1 (tof): LOC grew." in text
    assert "Trained again" not in text


def test_each_alarm_is_shown_once(written, page):
    written.systems["same"] = written.systems["tof"]
    written.forgetting = [DROP | {"action": "warn", "mixed_f1": None, "kept": "mlm-ner-ner1"}]
    written.alarms = ("LOC grew", "LOC grew")
    text = page().text
    assert text.count("LOC grew") == text.count("forgot: F1") == 1
    assert "ner1 (tof, same) forgot" in text and "ner (tof, same), ner1 (tof, same): LOC grew" in text


def test_an_alarm_says_what_became_of_a_stage_that_was_trained_again(written, page):
    written.systems["tof"].append("mlm-ner-ner1_mix")
    written.tags["ner1_mix"] = written.tags["ner"]
    written.forgetting = [DROP | {"action": "mix", "mixed_f1": 0.85, "kept": "mlm-ner-ner1_mix"}]
    again = "Trained again with source sentences it has 85.00%; the run continues from ner1_mix."
    assert f"after ner. {again}" in page().text


def test_a_run_that_stops_where_it_forgets_shows_why(written, page):
    written.forgetting = [DROP | {"action": "stop", "mixed_f1": None}]
    assert "ner1 (tof) forgot" in page().text


@pytest.mark.parametrize(
    ("ratio", "reported"),
    [
        (1.4321, "1.4 × the source's"),
        (0.0312, "0.031 × the source's"),
        (1234.5, "1,234 × the source's"),
        (0.0, "0 × the source's"),
        (None, "none in the source"),
    ],
)
def test_entities_of_a_type_are_compared_with_the_source(written, page, ratio, reported):
    written.against_source = {"LOC": ratio, "PER": 1.0}
    assert f"2 {reported} 2 1 × the source's" in page().text


def test_an_old_record_without_these_numbers_gives_a_page(written, parsed):
    file = written.write() / "lineage.json"
    lineage = json.loads(file.read_text(encoding="utf-8"))
    history = lineage["systems"]["tof"]
    del history["forgetting"], history["pseudo_labels"][0]["health"]["against_source"]
    del history["pseudo_labels"][1]["health"]
    file.write_text(json.dumps(lineage), encoding="utf-8")
    found = parsed(make_report(written.folder).html)
    assert found.wrong == []
    assert "Alarms" not in found.text
    assert "the source's" not in found.text
