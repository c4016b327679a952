from __future__ import annotations

import json

import pytest

from tof_hf.cli import main
from tof_hf.data import read_mrc, read_ner, read_text


@pytest.fixture
def files(tmp_path):
    """A dictionary, labelled sentences, questions with several answers, and raw target text."""
    texts = {
        "en-es.txt": "the el\nthe la\nhouse casa\nwhite blanca\n",
        "train.conll": "The O\nWhite B-ORG\nHouse I-ORG\n\nWhite B-PER\nsaw O\nParis B-LOC\n",
        "qa.json": json.dumps([{
            "id": "1", "question": "the house?", "context": "the white house, a house",
            "spans": [{"start": 10, "end": 15}, {"start": 19, "end": 24}], "label": None,
        }]),
        "target.txt": "la casa de la plaza\n",
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def translate(files, source, out, *options):
    places = [str(files / name) for name in (source, out, "en-es.txt")]
    return main(["translate", *places[:2], "--dictionary", places[2], *options])


@pytest.mark.parametrize("out", ["out.conll", "out.jsonl", "out.json", "out.parquet"])
def test_labelled_sentences_are_read_back_from_every_form(files, out):
    assert translate(files, "train.conll", out) == 0
    rows = read_ner(files / out)
    assert rows["tokens"][:] == [["El", "Blanca", "Casa"], ["White", "saw", "Paris"]]
    names = rows.features["ner_tags"].feature.names
    tags = [[names[tag] for tag in tags] for tags in rows["ner_tags"]]
    assert tags == [["O", "B-ORG", "I-ORG"], ["B-PER", "O", "B-LOC"]]


@pytest.mark.parametrize("out", ["out.jsonl", "out.json", "out.parquet"])
def test_questions_keep_all_their_answers(files, out):
    assert translate(files, "qa.json", out) == 0
    row = read_mrc(files / out)[0]
    assert (row["question"], row["context"]) == ("el casa?", "el blanca casa, a casa")
    assert [row["context"][span["start"] : span["end"]] for span in row["spans"]] == ["casa", "casa"]


def test_a_dictionary_can_be_turned_round(files):
    (files / "es.conll").write_text("casa O\n\nla B-LOC\n", encoding="utf-8")
    assert translate(files, "es.conll", "out.conll", "--reverse") == 0
    assert read_ner(files / "out.conll")["tokens"][:] == [["house"], ["the"]]


def test_questions_are_recognised_in_tables(files):
    assert translate(files, "qa.json", "rows.jsonl") == 0
    assert translate(files, "rows.jsonl", "again.parquet") == 0
    assert read_mrc(files / "again.parquet")["question"][0] == "el casa?"


def test_a_word_with_a_tab_is_refused_where_a_line_is_a_word(files, capsys):
    row = {"id": "1", "tokens": ["New\tYork"], "ner_tags": ["B-LOC"]}
    (files / "rows.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert translate(files, "rows.jsonl", "out.conll") == 2
    assert "York" in capsys.readouterr().err and not (files / "out.conll").exists()
    assert translate(files, "rows.jsonl", "out.jsonl") == 0


def test_raw_text_and_the_choice_by_the_target_text(files):
    options = ["--task", "text", "--target-text", str(files / "target.txt"), "--most-frequent"]
    assert translate(files, "train.conll", "out.txt", *options) == 0
    assert read_text(files / "out.txt")["tokens"][0] == ["La", "Blanca", "Casa"]


@pytest.mark.parametrize(("name", "start"), [("report.md", "# Translation"), ("report.json", "{")])
def test_the_report_says_what_changed(files, name, start, capsys):
    assert translate(files, "train.conll", "out.conll", "--report", str(files / name)) == 0
    assert (files / name).read_text(encoding="utf-8").startswith(start)
    assert "66.7% of 6 words known" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train.conll", "out.conll", "--most-frequent"), "--target-text"),
        (("train.conll", "train.conll"), "another file"),
        (("qa.json", "out.txt"), "jsonl"),
        (("missing.conll", "out.conll"), "missing.conll"),
        (("train.conll", "en-es.txt"), "another file"),
        (("train.conll", "out.conll.gz"), "not compressed"),
        (("train.conll", "."), "not compressed"),
        (("target.txt", "out.conll"), "--task ner, mrc or text"),
    ],
)
def test_what_cannot_work_ends_with_a_message(files, arguments, said, capsys):
    before = (files / "train.conll").read_bytes()
    assert translate(files, *arguments) == 2
    assert said in capsys.readouterr().err
    assert (files / "train.conll").read_bytes() == before
    assert not (files / "out.conll").exists()


def test_a_dictionary_is_induced_from_two_files_of_vectors(files, capsys):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    vectors, rotation = torch.randn(40, 6), torch.linalg.qr(torch.randn(6, 6)).Q
    for language, table in (("en", vectors), ("es", vectors @ rotation)):
        words = [f"same{row}" if row < 15 else f"{language}{row}" for row in range(40)]
        lines = [" ".join([word, *map(str, row.tolist())]) for word, row in zip(words, table, strict=True)]
        (files / f"{language}.vec").write_text("\n".join(lines) + "\n", encoding="utf-8")
    out = files / "out.tsv"
    assert main(["induce-dictionary", str(files / "en.vec"), str(files / "es.vec"), str(out)]) == 0
    assert "en20\tes20\n" in out.read_text(encoding="utf-8")
    assert "40 words with 40 translations" in capsys.readouterr().out
