"""Files as people have them give the words and tags that a reader of them sees, or an error that says what decides."""

import gzip
import json
import logging

import pytest

from tof_hf.data import read_mrc, read_ner, read_text
from tof_hf.data.readers.forms import Reading, read_content
from tof_hf.errors import DataError

VALKA = [(["Valka", "ging"], ["B-PER", "O"]), (["Er", "lebt"], ["O", "O"])]
SPAN = [(["Valka", "ging", "."], ["B-PER", "O", "O"])]


def as_lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def write(folder, name, text):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def sentences(rows):
    names = rows.features["ner_tags"].feature.names
    return [(row["tokens"], [names[tag] for tag in row["ner_tags"]]) for row in rows]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("index.conll", "0\tValka\tB-PER\n1\tging\tO\n\n0\tEr\tO\n1\tlebt\tO\n"),
        ("index-of-the-file.conll", "1 Valka B-PER\n2 ging O\n\n3 Er O\n4 lebt O\n"),
        ("header.tsv", "word\tpos\tner\nValka\tN\tB-PER\nging\tV\tO\n\nEr\tP\tO\nlebt\tV\tO\n"),
        ("prefix.tsv", "de:Valka\tB-PER\nde:ging\tO\n\nde:Er\tO\nde:lebt\tO\n"),
        (
            "germeval.tsv",
            "#\thttp://x.org\t[2010-01-01]\n1\tValka\tB-PER\tO\n2\tging\tO\tO\n\n#\n1\tEr\tO\tO\n2\tlebt\tO\tO\n",
        ),
        ("comments.conll", "# id = 1\nValka B-PER\nging O\n\n#\nEr O\nlebt O\n"),
        (
            "ud.conllu",
            "# sent_id = 1\n1\tValka\t_\tN\tB-PER\n2\tging\t_\tV\tO\n2.1\tx\t_\t_\tO\n\n"
            "1-2\tErlebt\t_\t_\t_\n1\tEr\t_\tP\tO\n2\tlebt\t_\tV\tO\n",
        ),
        ("docstart.conll", "\ufeff-DOCSTART- O\n\nValka B-PER\nging O\n\n\ufeff-DOCSTART- O\n\nEr O\nlebt O\n"),
        ("long.csv", "sentence_id,word,tag\n1,Valka,B-PER\n1,ging,O\n2,Er,O\n2,lebt,O\n"),
        ("wide.csv", "tokens,ner_tags\nValka ging,B-PER O\nEr lebt,O O\n"),
        (
            "lines.jsonl",
            as_lines(
                {"words": ["Valka", "ging"], "tags": ["B-PER", "O"]}, {"words": ["Er", "lebt"], "tags": ["O", "O"]}
            ),
        ),
        ("zipped.conll.gz", "Valka B-PER\nging O\n\nEr O\nlebt O\n"),
        ("under.conll", "Valka B_PER\nging O\n\nEr O\nlebt O\n"),
        ("after.conll", "Valka PER-B\nging O\n\nEr O\nlebt O\n"),
        ("lower.conll", "Valka b-per\nging o\n\nEr o\nlebt o\n"),
        ("dash.conll", "Valka B-PER\nging -\n\nEr -\nlebt -\n"),
        ("bioes.conll", "Valka S-PER\nging O\n\nEr O\nlebt O\n"),
    ],
)
def test_words_and_tags_are_found_in_every_form(name, text, tmp_path):
    assert sentences(read_ner(write(tmp_path, name, text))) == VALKA


@pytest.mark.parametrize(
    "row",
    [
        {"text": "Valka ging.", "label": [[0, 5, "PER"]]},
        {"text": "Valka ging.", "spans": [{"start": 0, "end": 5, "label": "PER"}]},
        {"text": "Valka ging.", "entities": [[0, 5, "PER"]]},
        {"text": "Valka ging.", "entities": [{"start": 0, "end": 5, "label": "PER"}]},
        {
            "data": {"text": "Valka ging."},
            "annotations": [{"result": [{"type": "labels", "value": {"start": 0, "end": 5, "labels": ["PER"]}}]}],
        },
    ],
    ids=["doccano", "prodigy", "spacy", "predict", "label-studio"],
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.jsonl.gz"])
def test_spans_of_characters_become_tags_of_words(row, name, tmp_path):
    text = json.dumps([row]) if name == "a.json" else as_lines(row)
    assert sentences(read_ner(write(tmp_path, name, text))) == SPAN


def test_a_span_that_cuts_a_word_is_widened_and_counted(tmp_path, caplog):
    file = write(
        tmp_path, "a.jsonl", as_lines({"text": "Valka ging.", "spans": [{"start": 1, "end": 4, "label": "PER"}]})
    )
    assert sentences(read_ner(file)) == SPAN
    assert "1 spans cut words and were widened to them, such as 'alk' in 'Valka'" in caplog.text


def test_the_log_says_how_a_column_file_was_read(tmp_path, caplog):
    caplog.set_level(logging.INFO, "tof_hf")
    read_ner(write(tmp_path, "a.conll", "0\tValka\tB-PER\n1\tging\tO\n"))
    assert "column 1 is an index, words in 2, tags in 3 (columns: {tokens: 1, ner_tags: 2})" in caplog.text


def test_numbers_need_names_and_take_them_from_labels(tmp_path):
    file = write(tmp_path, "a.jsonl", as_lines({"tokens": ["Valka", "ging"], "ner_tags": [1, 0]}))
    with pytest.raises(DataError, match=r"numbers without names.*labels: \[O, B-PER, I-PER\]"):
        read_ner(file)
    assert sentences(read_ner(file, labels=["O", "B-PER", "I-PER"])) == VALKA[:1]


def test_types_alone_are_read_and_what_they_cannot_tell_is_said(tmp_path, caplog):
    rows = read_ner(write(tmp_path, "a.conll", "Valka PER\nMaier PER\nging O\nnach O\nRom LOC\nund O\n"))
    assert sentences(rows)[0][1] == ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]
    assert "IO tags cannot tell apart neighbouring entities of one type" in caplog.text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("slashes.txt", "Valka/B-PER ging/O\nEr/O lebt/O\n"),
        (
            "tagged.jsonl.gz",
            as_lines(
                {"tokens": ["Valka", "ging"], "ner_tags": ["B-PER", "O"]},
                {"tokens": ["Er", "lebt"], "ner_tags": ["O", "O"]},
            ),
        ),
        (
            "germeval.tsv",
            "#\thttp://x.org\t[2010-01-01]\n1\tValka\n2\tging\n\n#\thttp://y.org\t[2010-01-02]\n1\tEr\n2\tlebt\n",
        ),
    ],
)
def test_target_text_never_has_words_made_of_tags(name, text, tmp_path):
    assert read_text(write(tmp_path, name, text))["tokens"][:] == [tokens for tokens, _ in VALKA]


def test_json_lines_without_tags_are_read_one_by_one_and_a_late_error_names_its_line(tmp_path):
    text = as_lines({"text": "Er lebt."}) * 1_500 + "{\n"
    rows = iter(read_content(text, Reading(tmp_path / "a.jsonl", with_tags=False)).sentences)
    assert next(rows).tokens == ["Er", "lebt", "."]
    with pytest.raises(DataError, match=r"a.jsonl:1501: found text that is not JSON"):
        read_text(write(tmp_path, "a.jsonl", text))


QUESTION = {
    "id": "1",
    "question": "Wer?",
    "context": "Valka ging.",
    "answers": {"text": ["Valka"], "answer_start": [0]},
}


@pytest.mark.parametrize("name", ["flat.json", "flat.jsonl", "flat.jsonl.gz"])
def test_flat_squad_is_read(name, tmp_path):
    text = json.dumps({"data": [QUESTION]}) if name == "flat.json" else as_lines(QUESTION)
    rows = read_mrc(write(tmp_path, name, text))
    assert rows[0]["spans"] == [{"start": 0, "end": 5}]


def test_an_answer_in_another_normal_form_is_found_next_to_its_offset(tmp_path):
    context = "Cafe\u0301 Rom und Cafe\u0301\u00a0Rom."
    row = QUESTION | {"context": context, "answers": {"text": ["Caf\u00e9 Rom"], "answer_start": [15]}}
    read = read_mrc(write(tmp_path, "a.jsonl", as_lines(row)))[0]
    (span,) = read["spans"]
    assert read["context"] == context
    assert context[span["start"] : span["end"]] == "Cafe\u0301\u00a0Rom"  # the second one, which is nearer
