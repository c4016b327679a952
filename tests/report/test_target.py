from __future__ import annotations

import json

import pytest

from tof_hf.data import read_ner
from tof_hf.report.page import make_report
from tof_hf.report.reading import Run
from tof_hf.report.sentences import Piece
from tof_hf.report.target import run_of_tagger, target_text

SURE = [[0.9, 0.6, 0.9, 0.9, 0.9], [0.9, 0.9, 0.9, 0.8], [0.4]]


def target_of(written):
    return target_text(Run.read(written.write()))


def with_mrc(written):
    written.systems = {"tof": ["mlm", "mlm-mrc", "mlm-mrc-ner", "mlm-mrc-ner-ner1"]}
    written.answers = [[[0, 2, "PER"], [4, 5, "LOC"]], [], []]
    written.probabilities = SURE
    return target_of(written)


def test_the_sentences_come_first_with_the_entities_of_the_last_tagger(written, page):
    found = page()
    assert [part["id"] for part in found.of("section")][:2] == ["target", "stages-part"]
    text = target_of(written)
    assert (text.system, text.tagger, text.teacher) == ("tof", "ner1", "ner")
    assert "They are also in report-to-label.conll beside this page, with the tags of ner1" in found.text
    assert [one["data-types"].split() for one in found.of("div", class_="sentence")[:3]] == [["1", "2"], ["2"], ["0"]]
    sentence = text.sentences(9)[0]
    assert [name for name, _ in sentence.lines] == ["ner1", "ner"]
    assert sentence.lines[0][1][0] == Piece("Ana Ruiz", "PER", "doubted")
    assert sentence.lines[1][1][0] == Piece("Ana", "PER", "other")


def test_where_most_models_disagree_comes_before_where_words_are_unsure(written):
    text = with_mrc(written)
    assert text.disagree.tolist() == [1, 2, 0]
    assert text.lowest.tolist() == pytest.approx([0.6, 0.8, 0.4])
    names = {sentence.id: [name for name, _ in sentence.lines] for sentence in text.sentences(9)}
    assert names == {"s-0": ["ner1", "ner"], "s-1": ["ner1", "ner", "MRC head"], "s-2": ["ner1"]}


def test_the_most_doubtful_are_chosen_in_that_order_and_each_text_once(written, monkeypatch):
    monkeypatch.setattr("tof_hf.report.target.TO_LABEL", 2)
    assert with_mrc(written).to_label == [0, 1]
    written.tags["ner"] = written.tags["ner1"]
    written.answers = None
    written.tokens[2] = ["x"]
    assert target_of(written).to_label == [0, 2], "of a single opinion, the least sure words decide"
    written.tokens += [["x"], ["line\nbreak"]]
    written.tags = {name: [*rows, ["O"], ["O"]] for name, rows in written.tags.items()}
    written.gold = [*written.gold, ["O"], ["O"]]
    written.probabilities = [*SURE, [0.1], [0.2]]
    assert target_of(written).to_label == [0, 3]


def test_the_file_to_label_is_read_as_gold_with_the_tags_of_the_tagger(written, tmp_path):
    written.tokens = [["Ana", "New York", "vive", "en", "Lima"], ["#Lima", "gana", "a", "Roma"], ["nada"]]
    file = tmp_path / "gold.conll"
    file.write_text(make_report(written.write()).to_label, encoding="utf-8")
    rows = read_ner(file)
    names = rows.features["ner_tags"].feature.names
    assert rows["tokens"][:] == written.tokens
    assert [[names[tag] for tag in row] for row in rows["ner_tags"]] == written.tags["ner1"]


def test_answers_of_a_replaced_or_damaged_file_are_no_opinion(written):
    assert with_mrc(written).answers is not None
    file = written.folder / "stages" / "mlm-mrc" / "answers-0.json"
    file.write_text("[[[0, 1]]]", encoding="utf-8")
    assert target_text(Run.read(written.folder)).answers is None
    file.write_text("[[]]", encoding="utf-8")
    assert target_text(Run.read(written.folder)).answers is None


def test_a_final_tagger_brings_its_target_and_texts_with_entities_of_most_types_first(written, tmp_path):
    written.tokens[0], written.tokens[1] = written.tokens[1], written.tokens[0]
    written.gold = [written.gold[1], written.gold[0], written.gold[2]]
    written.tags = {name: [rows[1], rows[0], rows[2]] for name, rows in written.tags.items()}
    examples = ["Ana Ruiz vive en Lima", "Lima gana a Roma"]
    assert run_of_tagger(written.write() / "final") == ("es", examples)
    assert run_of_tagger(tmp_path / "final") == run_of_tagger(tmp_path / "a" / "b") == ("", [])


def test_a_run_without_labelled_text_shows_the_scored_sentences_and_nothing_to_label(written, page):
    written.systems, written.tags = {"source_only": ["ner"]}, {"ner": written.tags["ner"]}
    folder = written.write()
    (folder / "stages" / "ner" / "pseudo-0.parquet").unlink()
    assert target_text(Run.read(folder)).tags == "predicted"
    report = make_report(folder)
    assert report.to_label == "" and "worth labelling" not in report.html.partition("<script>")[0]
    (folder / "stages" / "ner" / "predictions-target-0.parquet").unlink()
    assert target_text(Run.read(folder)) is None
    assert "No target sentences with labels of this run were kept." in make_report(folder).html


def test_a_students_teachers_label_the_text_of_a_run_without_pseudo_labels(written):
    from datasets import ClassLabel, Features, List, Value

    written.systems = {"tsl": ["ner"]}
    folder = written.write()
    soft = {"teachers": ["ner"], "voters": [], "file": "soft-0.parquet", "sentences": 3}
    lineage = json.loads((folder / "lineage.json").read_text())
    lineage["systems"]["tsl"] |= {"soft_labels": [soft], "pseudo_labels": []}
    (folder / "lineage.json").write_text(json.dumps(lineage))
    names = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    features = {"id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=names))}
    features |= {"class_probabilities": List(List(Value("float32")))}
    classes = [[[1 - one, one, 0, 0, 0] for one in row] for row in SURE]
    columns = {"tokens": written.tokens, "ner_tags": written.tags["ner"], "class_probabilities": classes}
    written._table("ner", "soft-0", columns, Features(features))
    text = target_text(Run.read(folder))
    assert (text.tagger, text.lowest.tolist()) == ("ner", pytest.approx([0.6, 0.8, 0.6]))
    assert text.to_label == [0, 1, 2]
