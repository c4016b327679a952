"""Spans of characters in any table: what they cover, what is left out with a count, and what is an error."""

import json

import pytest

from tof_hf.data import read_ner
from tof_hf.errors import DataError


def read(folder, text, name="a.jsonl"):
    (folder / name).write_bytes((text if isinstance(text, str) else json.dumps(text)).encode())
    rows = read_ner(folder / name)
    names = rows.features["ner_tags"].feature.names
    return [(row["tokens"], [names[tag] for tag in row["ner_tags"]]) for row in rows]


def table(text, spans, separator=",", end="\n"):
    quoted = json.dumps(spans).replace('"', '""')
    return f'text{separator}label{end}"{text}"{separator}"{quoted}"{end}'


SAW = {"tokens": ["I", "saw", "New", "York", "City"], "entities": [{"start": 2, "end": 5, "type": "LOC"}]}
SAID = {"text": 'He said "Rio" now', "tokens": ["He", "said", "``", "Rio", "''", "now"]}
TWO = {"text": "Rio ruft", "label": [[0, 3, "LOC"]], "entities": [{"start": 0, "end": 3, "label": "PER"}]}


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (SAW, "may count words"),
        ({**SAW, "entities": {"start": [2], "end": [5], "type": ["LOC"]}}, "may count words"),
        (SAID | {"label": [[9, 12, "LOC"]]}, "not one after the other in the text, such as '``'"),
        (TWO, r"spans in 'entities' and in 'label'.*columns: \{spans"),
        ({"text": "Rio", "label": [[False, True, "LOC"]]}, "the span False to True"),
        (3, "a row that is no object"),
        ({"text": "Rio", "label": [], "answer": "reject"}, "no rows; 1 rows were left out because their answer"),
    ],
)
def test_spans_in_doubt_are_an_error(row, found, tmp_path):
    with pytest.raises(DataError, match=found):
        read(tmp_path, row)


@pytest.mark.parametrize(
    ("row", "tags"),
    [
        ({**SAW, "entities": [{"start": 6, "end": 19, "type": "LOC"}]}, "O O B-LOC I-LOC I-LOC"),
        ({**SAW, "entities": [{"start": 6, "end": 9, "type": "LOC", "text": "New"}]}, "O O B-LOC O O"),
        (SAID | {"label": [{"start": 11, "end": 14, "label": "LOC", "text": "Rio"}]}, "O O O B-LOC O O"),
        ({"text": "Rio Ana", "label": [[0, 3, "LOC"]], "entities": [], "Comments": []}, "B-LOC O"),
        ({"text": "Rio Ana", "label": [[0, 3, "LOC"]], "entities": {"start": [], "end": [], "type": []}}, "B-LOC O"),
        ({"text": "😀 in Rio", "label": [{"start": 6, "end": 9, "label": "LOC", "text": "Rio"}]}, "O O B-LOC"),
        ({"text": "😀😀 Ana Ana", "label": [{"start": 5, "end": 8, "label": "PER", "text": "Ana"}]}, "O O B-PER O"),
        ({"text": "😀 Ana Ana", "label": [{"start": 6, "end": 9, "label": "PER", "text": "Ana"}]}, "O O B-PER"),
    ],
)
def test_spans_are_where_their_offsets_say(row, tags, tmp_path):
    assert " ".join(read(tmp_path, row)[0][1]) == tags


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", table("    An Rio und", [[7, 10, "LOC"]])),
        ("a.csv", table("a\r\nb\r\nAn Rio und", [[9, 12, "LOC"]], end="\r\n")),
        ("a.tsv", table("a\r\nb\r\nAn Rio und", [[9, 12, "LOC"]], "\t", "\r\n")),
        ("a.tsv", '  text\tlabel\n  An Rio und\t [[5, 8, "LOC"]] \n'),
        ("a.csv", table("An Rio und" + " ein" * 40_000, [[3, 6, "LOC"]])),
    ],
)
def test_offsets_count_in_the_cells_of_a_table_as_they_are_written(name, text, tmp_path):
    [(tokens, tags)] = read(tmp_path, text, name)
    assert [word for word, tag in zip(tokens, tags, strict=True) if tag != "O"] == ["Rio"]


@pytest.mark.parametrize(
    ("spans", "tags", "warning"),
    [
        ([[0, 13, "ORG"], [0, 13, "LOC"], [0, 13, "PER"]], "B-ORG I-ORG I-ORG", "2 spans have the words of another"),
        ([[0, 13, "ORG"], [1, 13, "ORG"]], "B-ORG I-ORG I-ORG", None),
        ([[0, 7, "ORG"], [0, 13, "LOC"]], "B-LOC I-LOC I-LOC", "1 spans cross a longer one"),
        ([{"start": 0, "end": 4, "labels": ["ORG", "PER"]}], "B-ORG O O", "1 spans have several types"),
        ([[0, 4, "ORG"], [8, 13, "O"]], "B-ORG O O", "1 spans have the type O"),
    ],
)
def test_spans_that_tags_cannot_say_are_counted(spans, tags, warning, tmp_path, caplog):
    assert read(tmp_path, {"text": "Bank of China", "label": spans}) == [(["Bank", "of", "China"], tags.split())]
    assert warning in caplog.text if warning else "spans" not in caplog.text


def test_further_annotations_of_label_studio_are_counted(tmp_path, caplog):
    value = {"start": 4, "end": 7, "labels": ["PER"]}
    annotations = [{"result": [{"type": "labels", "value": value}]}, {"result": []}, {"was_cancelled": True}]
    assert read(tmp_path, [{"data": {"text": "Rio Ana"}, "annotations": annotations}])[0][1] == ["O", "B-PER"]
    assert "1 further annotations of a text were not read" in caplog.text


def test_spans_in_another_column_of_a_late_row_are_counted(tmp_path, caplog):
    late = {"text": "Ana", "entities": [{"start": 0, "end": 3, "label": "PER"}]}
    read(tmp_path, "\n".join([json.dumps({"text": "Rio", "label": [[0, 3, "LOC"]]})] * 1_000 + [json.dumps(late)]))
    assert "1 rows have spans in another column, which were not read, such as in 'entities'" in caplog.text


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("header", ["word{}tag", "text{}label"])
def test_a_header_alone_is_no_rows(name, header, tmp_path):
    with pytest.raises(DataError, match="no rows, only a header"):
        read(tmp_path, header.format("," if name == "a.csv" else "\t") + "\n", name)


def test_a_letter_without_a_type_is_no_tag(tmp_path):
    with pytest.raises(DataError, match="the tag 'B-', which is neither O"):
        read(tmp_path, "Rio B-\nruft O\nund O\n", "a.conll")
