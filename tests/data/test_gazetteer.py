from __future__ import annotations

import gzip
import json

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.cli import main
from tof_hf.data import Gazetteer, mark_names, read_names, read_ner
from tof_hf.data.labels import Span
from tof_hf.errors import DataError

WORDS = st.sampled_from(["a", "A", "b", "B", "c"])
LISTED = st.lists(st.tuples(st.lists(WORDS, min_size=1, max_size=4), st.sampled_from(["LOC", "ORG"])), min_size=1)


def literal(names, words, case):
    """The names by the definition: at each word the longest that fits, of equal ones the first that is listed."""
    found, start = [], 0
    while start < len(words):
        fitting = []
        for name, kind in names:
            part = words[start : start + len(name)]
            capitals = [word.upper() for word in name]
            same = {"exact": part == name, "any": [*map(str.lower, part)] == [*map(str.lower, name)]}
            if same.get(case, part == name):
                fitting.append((len(name), 1, kind))
            elif case == "capitals" and part == capitals:
                fitting.append((len(name), 0, kind))
        if fitting:
            length, _, kind = max(fitting, key=lambda one: one[:2])
            found.append(Span(start, start + length, kind))
            start += length
        else:
            start += 1
    return found


@given(LISTED, st.lists(WORDS, max_size=12), st.sampled_from(["exact", "capitals", "any"]))
def test_names_are_found_as_the_definition_says(names, words, case):
    gazetteer = Gazetteer([(" ".join(name), kind) for name, kind in names], case=case)
    assert gazetteer.find(words) == literal(names, words, case)


def test_texts_of_the_stop_list_are_not_marked_but_longer_names_with_them_are():
    names = [("Rio", "LOC"), ("Rio Tinto", "ORG")]
    gazetteer = Gazetteer(names, case="any", stop=["RIO"])
    assert gazetteer.find(["Rio", "Rio", "Tinto"]) == [Span(1, 3, "ORG")]


def test_a_name_is_found_in_either_normal_form():
    assert Gazetteer([("Se\u0301bastien", "PER")]).find(["S\u00e9bastien"]) == [Span(0, 1, "PER")]


def test_marked_rows_are_labelled_rows():
    text = Dataset.from_dict({"id": ["0", "1"], "tokens": [["In", "Rio", "Tinto"], []]})
    rows = mark_names(text, Gazetteer([("Rio Tinto", "ORG"), ("Tinto", "PER")]))
    names = rows.features["ner_tags"].feature.names
    assert [[names[tag] for tag in tags] for tags in rows["ner_tags"]] == [["O", "B-ORG", "I-ORG"], []]


PAIRS = [("Rio, Brazil", "LOC"), ("Ana", "PER")]
FORMS = {
    "names.tsv": "Rio, Brazil\tLOC\n\nAna\tPER\n",
    "names.txt": "type\tid\tname\nLOC\t1\tRio, Brazil\nPER\t2\tAna\n",
    "names.csv": 'name;type\n"Rio, Brazil";LOC\nAna;PER\n',
    "names.jsonl": '{"label": "LOC", "pattern": "Rio, Brazil"}\n{"name": "Ana", "type": "PER"}\n',
    "names.json": '[{"name": "Rio, Brazil", "type": "LOC"}, {"name": "Ana", "type": "PER"}]',
}


@pytest.mark.parametrize("form", FORMS)
def test_lists_of_names_are_read_in_every_form(form, tmp_path):
    (tmp_path / form).write_text(FORMS[form], encoding="utf-8")
    assert read_names(tmp_path / form) == PAIRS


def test_a_folder_has_a_file_for_each_type(tmp_path):
    (tmp_path / "PER.txt").write_text("Ana\n", encoding="utf-8")
    with gzip.open(tmp_path / "LOC.txt.gz", "wt", encoding="latin-1") as file:
        file.write("Málaga\nRío\n")
    assert read_names(tmp_path) == [("Málaga", "LOC"), ("Río", "LOC"), ("Ana", "PER")]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("names.txt", "Rio\tLOC\nAna\n", "names.txt:2: found the name 'Ana' without a type"),
        ("names.txt", "\tLOC\n", "names.txt:1: found a line without a name"),
        ("names.csv", "name,type\n,LOC\n", "names.csv:2: found a line without a name"),
        ("names.jsonl", '{"name": "Ana", "type": 3}\n', "found the row"),
        ("names.txt", "".join(f"LOC\tname{number}\n" for number in range(300)), "300 different entity types"),
        ("names.txt", "Rio\twork of art\n", "the entity type 'work of art' of the name 'Rio'"),
        ("names.txt", "Rio " * 60 + "\tLOC\n", "a name of 60 words"),
        ("names.txt", "1\tRio\tLOC\n", "names.txt:1: found more than two columns, without their names"),
        ("names.txt", "", "an empty file"),
    ],
)
def test_a_list_that_cannot_be_used_is_an_error_with_its_place(name, text, found, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=found):
        Gazetteer(read_names(tmp_path / name))


@pytest.mark.parametrize("name", ["README.md", "README", "LOC.txt~"])
def test_a_file_in_a_folder_of_lists_whose_name_is_no_type_is_an_error(name, tmp_path):
    for file in ("LOC.txt", name):
        (tmp_path / file).write_text("Rio\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"{name}: found a file whose name is no type"):
        read_names(tmp_path)


def test_nothing_is_left_if_the_stop_list_has_all_names():
    with pytest.raises(DataError, match="no name"):
        Gazetteer([("Rio", "LOC")], stop=["Rio"])


@pytest.mark.parametrize("out", ["out.jsonl", "out.conll", "out.parquet", "out.txt", "out.jsonl.gz"])
def test_the_command_writes_what_the_reader_reads_and_says_what_it_found(out, tmp_path, capsys):
    names, text, out = tmp_path / "LOC.txt", tmp_path / "text.txt", tmp_path / out
    names.write_text("Rio de Janeiro\nRio\n", encoding="utf-8")
    text.write_text("RIO DE JANEIRO ruft.\nRio? Rio!\n", encoding="utf-8")
    command = ["gazetteer", str(names), str(text), str(out), "--type", "LOC", "--case", "capitals"]
    assert main(command) == 0
    said = capsys.readouterr().err
    assert "3 names in 2 texts (LOC 3)" in said and "2  Rio (LOC)" in said
    assert read_ner(out)["ner_tags"][:] == [[1, 2, 2, 0, 0], [1, 0, 1, 0]]
    before = out.read_bytes()
    assert main(command) == 2
    assert "that is there already" in capsys.readouterr().err and out.read_bytes() == before


def test_the_command_says_which_type_counts_and_leaves_stopped_names_out(tmp_path, capsys):
    for name, text in {"names.tsv": "Ana\tPER\nAna\tLOC\nRio\tLOC\n", "stop": "Rio\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text(json.dumps({"tokens": ["Ana", "Rio"], "x": 1}) + "\n", encoding="utf-8")
    files = [str(tmp_path / name) for name in ("names.tsv", "rows.jsonl", "out.jsonl")]
    assert main(["gazetteer", *files, "--stop", str(tmp_path / "stop")]) == 0
    assert "the first counts: 'Ana' is PER" in capsys.readouterr().err
    row = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert [one["text"] for one in row["entities"]] == ["Ana"] and row["x"] == 1
