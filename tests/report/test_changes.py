from __future__ import annotations

import json

import pytest

from tof_hf.report.changes import prediction_changes, pseudo_label_changes
from tof_hf.report.reading import Run
from tof_hf.report.sentences import Piece, evenly


def labels_of(written, limit=10):
    return pseudo_label_changes(Run.read(written.write()), limit)


def test_only_sentences_with_other_labels_count_as_changed(written):
    [changes] = labels_of(written)
    assert (changes.system, changes.before, changes.after) == ("tof", "ner", "ner1")
    assert (changes.changed, changes.sentences) == (2, 3)
    assert [sentence.id for sentence in changes.shown] == ["s-0", "s-1"]


def test_entities_are_marked_as_gone_new_or_the_same(written):
    sentence = labels_of(written)[0].shown[0]
    rest = (Piece("vive en"), Piece("Lima", "LOC", "same"))
    assert sentence.before == (Piece("Ana", "PER", "gone"), Piece("Ruiz vive en"), rest[1])
    assert sentence.after == (Piece("Ana Ruiz", "PER", "new"), *rest)
    assert sentence.gold == ()


def test_scored_sentences_are_marked_as_right_or_wrong_with_the_truth_beside_them(written):
    [changes] = prediction_changes(Run.read(written.write()), "target", 10)
    assert (changes.mended, changes.broken, changes.changed) == (1, 1, 2)
    sentence = changes.shown[0]
    assert sentence.before[0] == Piece("Ana", "PER", "wrong")
    assert sentence.after[0] == Piece("Ana Ruiz", "PER", "right")
    assert sentence.gold[0] == Piece("Ana Ruiz", "PER", "gold")


def test_other_tags_of_the_same_entities_are_no_change(written):
    written.tags = {"ner": [["I-PER"], ["O"]], "ner1": [["B-PER"], ["O"]]}
    written.tokens, written.gold = [["Ana"], ["gana"]], [["B-PER"], ["O"]]
    [changes] = prediction_changes(Run.read(written.write()), "target", 10)
    assert (changes.changed, changes.shown) == (0, [])


@pytest.mark.parametrize(("limit", "shown"), [(0, []), (1, ["s-0"]), (9, ["s-0", "s-1"])])
def test_no_more_sentences_are_shown_than_asked_for(written, limit, shown):
    [changes] = labels_of(written, limit)
    assert [sentence.id for sentence in changes.shown] == shown
    assert changes.changed == 2


def test_labels_that_stay_as_they_are_are_no_change(written):
    written.tags["ner1"] = written.tags["ner"]
    [changes] = labels_of(written)
    assert (changes.changed, changes.shown) == (0, [])


def test_the_shown_sentences_are_spread_over_all():
    assert evenly(range(10), 3) == [0, 3, 6]
    assert evenly(range(2), 3) == [0, 1]


def test_of_a_long_sentence_the_part_with_the_change_is_shown(written):
    words, place = [f"w{number}" for number in range(500)], 300
    written.tokens, written.gold = [words], [["O"] * 500]
    written.tags = {"ner": [["O"] * 500], "ner1": [["O"] * place + ["B-PER"] + ["O"] * (499 - place)]}
    sentence = labels_of(written)[0].shown[0]
    assert [piece.text for piece in sentence.after[::4]] == ["…", "…"]
    assert sentence.after[2] == Piece("w300", "PER", "new")
    assert sum(len(piece.text.split()) for piece in sentence.after) < 50


def test_systems_that_share_their_labellings_show_them_once(written):
    written.systems = {"one": ["mlm", "mlm-ner", "mlm-ner-ner1"], "two": ["mlm", "mlm-ner", "mlm-ner-ner1"]}
    assert [changes.system for changes in labels_of(written)] == ["two"]


def test_labels_of_another_text_are_not_compared(written):
    folder = written.write()
    written.tokens[0][0] = "Eva"
    written._labelling("mlm-ner-ner1")
    assert pseudo_label_changes(Run.read(folder), 10) == []


def test_tags_of_other_sentences_are_not_compared(written):
    folder = written.write()
    columns = {"tokens": [["Eva"], *written.tokens[1:]], "gold": written.gold, "predicted": written.gold}
    written._table("mlm-ner", "predictions-target-0", columns)
    assert prediction_changes(Run.read(folder), "target", 10) == []


def test_a_torn_file_of_labels_is_left_out(written):
    folder = written.write()
    (folder / "stages" / "mlm-ner" / "pseudo-0.parquet").write_bytes(b"PAR1 torn")
    assert pseudo_label_changes(Run.read(folder), 10) == []


def test_tags_of_a_stage_that_was_trained_again_are_not_shown_with_its_older_scores(written):
    file = written.write() / "stages" / "mlm-ner-ner1" / "stage.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"ended": "later"}))
    run = Run.read(written.folder)
    assert prediction_changes(run, "target", 10) == [] == pseudo_label_changes(run, 10)
    assert run.score("mlm-ner-ner1", "target") and run.stages["mlm-ner-ner1"].log == []
    assert run.predictions("mlm-ner", "target") and run.stages["mlm-ner"].log
