"""Each finding, provoked by one change of the toy run file."""

from __future__ import annotations

import json

import pytest

from tof_hf.check import cost
from tof_hf.config.yaml import parse_yaml
from tof_hf.data import read_ner
from tof_hf.utils.disks import cache_folder

pytestmark = pytest.mark.slow

QUICK = "systems=[source_only]"


def only(report):
    (finding,) = report.findings
    return finding


@pytest.fixture
def conll(tmp_path):
    """Writes a column file of (word, tag) lines; an empty text ends a sentence."""

    def write(name, *lines):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    return write


def test_types_that_the_source_lacks_are_an_error_with_both_lists(report_on, conll):
    gold = conll("gold.conll", "Ana B-PERSON", "vive O", "en O", "Lima B-LOC")
    found = report_on(QUICK, f"target.gold={gold}").of_level("error")
    assert [finding.subject for finding in found] == ["target.gold"]
    assert "entity types PERSON, which are not among those of source.train: LOC, MISC, ORG, PER" in found[0].found
    file = {"path": gold, "label_map": {"PERSON": "PER"}}
    assert parse_yaml(found[0].lines, name="lines") == {"target": {"gold": file}}
    labels = f"target.labels=[{{path: {gold}, name: a}}, {{path: {gold}, name: b}}]"
    found = report_on(QUICK, labels).of_level("error")
    assert [finding.subject for finding in found[:2]] == ["target.labels.0", "target.labels.1"]
    entries = parse_yaml(found[1].lines, name="lines")["target"]["labels"]  # all of them, to paste as they are
    assert [(entry["name"], entry["label_map"]) for entry in entries] == [(one, {"PERSON": "PER"}) for one in "ab"]


def test_types_that_the_test_data_does_not_label_are_a_warning(report_on):
    found = only(report_on(QUICK, "target.gold.label_map={MISC: O}"))
    assert (found.level, found.subject) == ("warning", "target.gold")
    assert "no entity of the types MISC" in found.found


def test_a_file_without_an_entity_is_an_error(report_on):
    found = only(report_on(QUICK, "source.train.label_map={LOC: O, PER: O, ORG: O, MISC: O}"))
    assert (found.level, found.subject) == ("error", "source.train")


def test_a_label_map_that_maps_nothing_is_a_warning(report_on):
    found = only(report_on(QUICK, "source.validation.label_map={OTHER: MISC}"))
    assert found.subject == "source.validation.label_map" and "renames OTHER" in found.found
    found = only(report_on(QUICK, "label_map={OTHER: MISC}"))
    assert found.subject == "label_map" and "the files have LOC, MISC, ORG, PER" in found.found
    assert report_on(QUICK, "label_map={MISC: EVENT}").findings == ()


def test_types_without_a_query_are_named_together_where_questions_are_asked(report_on):
    renamed = "label_map={MISC: EVENT, ORG: FIRM}"
    found = only(report_on(renamed))
    assert (found.level, found.subject) == ("error", "queries")
    assert "no query for the entity types EVENT, FIRM" in found.found
    lines = parse_yaml(found.lines, name="lines")
    assert lines == {"label_map": {"MISC": "MISC", "ORG": "ORG", "EVENT": "MISC", "FIRM": "ORG"}}
    assert report_on(renamed, QUICK).findings == ()


def test_queries_that_are_the_same_but_for_a_letter_are_a_warning(report_on):
    alike = "queries={LOC: 'Which name is meant here?', PER: which name is meant here}"
    found = only(report_on(alike))
    assert (found.level, found.subject) == ("warning", "queries") and "of LOC and PER are" in found.found
    same = only(report_on("queries={LOC: 'What is named?', ORG: 'what is named?'}"))
    assert "of LOC and ORG are the same" in same.found


def test_words_without_a_piece_are_counted_and_shown(report_on, tmp_path):
    column = tmp_path / "text.conll"
    column.write_text("Ana O\n\u00ad O\nvive O\n\nLima O\n\u00ad O\n", encoding="utf-8")
    report = report_on(QUICK, f"target.text={column}")
    found = only(report)
    assert (found.level, found.subject) == ("warning", "target.text")
    assert "2 of 5 words become no piece at all, e.g. '\\xad'" in found.found
    assert report.languages[1].lost_words == 2


def test_letters_that_the_tokenizer_does_not_know_are_a_warning(report_on, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("彼 は 東京 に いる\n東京 は 町\n彼 は いる\n", encoding="utf-8")
    found = only(report_on(QUICK, f"target.text={text}"))
    assert (found.level, found.subject) == ("warning", "target.text") and "unknown to the tokenizer" in found.found


def test_sentences_over_a_window_are_a_note_with_their_number(report_on):
    report = report_on("ner.max_length=16", "ner.stride=4")
    assert {(finding.level, finding.subject) for finding in report.findings} == {
        ("note", "source.train"), ("note", "target.text")}  # fmt: skip
    assert report.languages[0].over_window["ner"] > report.languages[0].over_window["mlm"] == 0
    windows = {stage.name: stage.windows for stage in report.stages}
    assert windows["mlm-mrc-ner"] > 40


def test_test_sentences_in_the_target_text_are_a_warning_with_their_share(report_on, toy):
    report = report_on(QUICK, f"target.text=[{toy['target']['text']}, {toy['target']['gold']}]")
    found = only(report)
    assert (found.level, found.subject) == ("warning", "target.gold")
    assert found.found.startswith("20 of 20 sentences (100.0 %) are also in target.text, such as '")
    assert ("target.gold", "target.text", 20, 20) in [(o.of, o.within, o.shared, o.total) for o in report.overlaps]


def test_test_sentences_that_were_asked_for_are_a_note(report_on, toy):
    found = only(report_on(f"target.test_text={toy['target']['gold']}", "mlm.include_target_test=true"))
    assert (found.level, found.subject) == ("note", "target.gold")


def test_test_sentences_in_the_source_are_an_error_over_half_and_a_warning_below(report_on, conll, toy, problems_of):
    rows = read_ner(toy["target"]["gold"])
    names = rows.features["ner_tags"].feature.names

    def source_with(count):
        lines = [open(toy["source"]["train"], encoding="utf-8").read().rstrip("\n")]
        for row in rows.select(range(count)):
            lines += ["", *(f"{word} {names[tag]}" for word, tag in zip(row["tokens"], row["ner_tags"], strict=True))]
        return f"source.train={conll('mixed.conll', *lines)}"

    assert problems_of(report_on(QUICK, source_with(10))) == [("warning", "target.gold")]
    assert problems_of(report_on(QUICK, source_with(11))) == [("error", "target.gold")]


def test_questions_about_the_entities_of_the_test_are_an_error(report_on, toy, tmp_path):
    ask = {"question": "Which person is named?", "spans": [], "label": "PER"}
    rows = [ask | {"context": " ".join(tokens)} for tokens in read_ner(toy["target"]["gold"])["tokens"]]
    (tmp_path / "questions.json").write_text(json.dumps(rows), encoding="utf-8")
    found = only(report_on(f"target.mrc={tmp_path / 'questions.json'}"))
    assert (found.level, found.subject) == ("error", "target.mrc")
    assert f"asks for the entities of {len(rows)} sentences of target.gold" in found.found


def test_validation_sentences_in_the_training_data_are_a_warning(report_on, toy, problems_of):
    report = report_on(QUICK, f"source.validation={toy['source']['train']}")
    assert problems_of(report) == [("warning", "source.validation")]
    assert "40 of 40 sentences" in report.findings[0].found


def test_full_disks_are_named_before_the_run(report_on, monkeypatch, tmp_path):
    monkeypatch.setattr(cost.shutil, "disk_usage", lambda place: cost.shutil._ntuple_diskusage(1, 1, 1000))
    found = report_on(QUICK).findings
    assert [(one.level, one.subject) for one in found] == [("error", "output_dir"), ("error", "HF_DATASETS_CACHE")]
    places = (tmp_path, cache_folder())
    for one, place in zip(found, places, strict=True):
        assert f"on the disk of {place}, 1000 bytes are free" in one.found


def test_too_little_memory_is_a_warning(report_on, monkeypatch):
    monkeypatch.setattr(cost, "available_memory", lambda args: ("a small machine", 10_000))
    found = only(report_on(QUICK))
    assert (found.level, found.subject) == ("warning", "memory")
    assert "10 KiB are free on a small machine" in found.found


def test_a_batch_that_does_not_fit_is_an_error(report_on, monkeypatch):
    def too_large(task, encoder):
        raise cost.torch.OutOfMemoryError("CUDA out of memory.\nmore")

    monkeypatch.setattr(cost, "measure", too_large)
    found = only(report_on(QUICK, timing=True))
    assert (found.level, found.subject) == ("error", "ner")
    assert "a batch does not fit in memory: CUDA out of memory." in found.found


def test_what_stops_a_run_before_training_is_an_error_of_the_check(report_on, problems_of):
    assert problems_of(report_on("mlm.eval_strategy=epoch")) == [("error", "mlm.eval_strategy")]
    report = report_on("source.mrc=[]", "target.mrc=[]", "mrc.use_ner_mrc=false")
    assert problems_of(report) == [("error", "mrc")]
    assert "mrc has nothing to train on" in report.findings[0].found


def test_an_output_folder_below_a_file_is_an_error(report_on, problems_of, tmp_path):
    (tmp_path / "file").write_text("")
    assert problems_of(report_on(QUICK, f"output_dir={tmp_path / 'file' / 'run'}")) == [("error", "output_dir")]
