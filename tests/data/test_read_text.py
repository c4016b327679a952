from __future__ import annotations

import json

import pytest
from datasets import Dataset, List, Value

from tof_hf.data.readers.forms import detect_format
from tof_hf.data.readers.read import read_ner, read_text
from tof_hf.data.words import split_words
from tof_hf.errors import DataError


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="text.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def test_a_column_file_gives_its_words_and_no_tags(write):
    rows = read_text(write("-DOCSTART- O\n\nRio B-LOC\nruft O\n\nJa O\n"))
    assert rows.features == {"id": Value("string"), "tokens": List(Value("string"))}
    assert rows.to_list() == [{"id": "text-0", "tokens": ["Rio", "ruft"]}, {"id": "text-1", "tokens": ["Ja"]}]


def test_a_column_file_with_broken_tags_still_gives_its_words(write):
    rows = read_text(write("Rio LOC\nruft -\n\nJa -\nso -\n"), format="conll")
    assert rows["tokens"][:] == [["Rio", "ruft"], ["Ja", "so"]]


def test_plain_text_gives_a_sentence_a_line(write):
    rows = read_text(write("Rio de Janeiro ruft.\n\n  \nWer's hört, kommt!\n"))
    assert rows["tokens"][:] == [["Rio", "de", "Janeiro", "ruft", "."], ["Wer's", "hört", ",", "kommt", "!"]]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Rio B-LOC\nruft O\n", "conll"),
        ("Rio\tB-LOC\n", "conll"),
        ("Rio\nruft\n\nWer\nkommt\n", "conll"),
        ("Rio NN\nruft V\n\nWer P\nkommt V\n", "conll"),
        ("IMGID:1\nRio\tO\nruft\tO\n", "conll"),
        ("Rio ruft\nWer kommt denn\n", "lines"),
        ("Rio ruft\nWer kommt\n", "lines"),
        ("Rio\nBonn\n", "lines"),
        ("Vitamin B\n", "lines"),
        ("Rio ruft\n\nWer kommt\n\nNiemand da\n", "lines"),
    ],
)
def test_the_format_is_detected(text, form):
    assert detect_format(text) == form


@pytest.mark.parametrize("slip", ["Bonn NE B-LOC", "New York B-LOC", "Bonn"])
def test_a_slip_in_a_column_file_is_an_error_and_its_tags_never_become_words(write, slip):
    text = "Rio B-LOC\nruft O\n\nJa O\nso O\n" + slip + "\n"
    assert detect_format(text) == "conll"
    with pytest.raises(DataError, match=":6: found"):
        read_text(write(text))


def test_the_format_can_be_named(write):
    path = write("Rio\nruft\n")
    assert read_text(path, format="conll")["tokens"][:] == [["Rio", "ruft"]]
    assert read_text(path, format="lines")["tokens"][:] == [["Rio"], ["ruft"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("l'eau d’or", ["l'eau", "d’or"]),
        ("Ost-West, -los", ["Ost-West", ",", "-", "los"]),
        ("3,5 %", ["3,5", "%"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("ok ☀\ufe0f", ["ok", "☀\ufe0f"]),
        ("a\u00a0b", ["a", "b"]),
        ("", []),
    ],
)
def test_words_are_runs_of_letters_and_single_marks(text, words):
    assert split_words(text) == words


def test_tables_give_tokens_or_split_their_text(write, tmp_path):
    tokens = Dataset.from_dict({"tokens": [["Rio", " ", "ruft"], []], "ner_tags": [["O"] * 3, []]})
    assert read_text(tokens).to_list() == [{"id": "row-0", "tokens": ["Rio", "ruft"]}]
    text = write("\n".join(json.dumps({"text": line}) for line in ("Rio ruft.", "Ja!")), "rows.jsonl")
    assert read_text(text)["tokens"][:] == [["Rio", "ruft", "."], ["Ja", "!"]]
    tokens.to_parquet(tmp_path / "rows.parquet")
    assert read_text(tmp_path / "rows.parquet")["tokens"][:] == [["Rio", "ruft"]]
    tweets = Dataset.from_dict({"tweet": ["Rio ruft"], "id": [7]})
    assert read_text(tweets, columns={"text": "tweet"}).to_list() == [{"id": "7", "tokens": ["Rio", "ruft"]}]


def test_the_same_file_can_be_read_with_and_without_tags(write):
    path = write("Rio B-LOC\nruft O\n")
    assert read_text(path)["id"][:] == read_ner(path)["id"][:]


def test_several_files_are_joined(write):
    rows = read_text([write("Rio ruft laut\n"), write("Wer kommt\n", "b.txt")])
    assert rows["id"][:] == ["text-0", "b-0"]


def test_the_cache_has_a_name_of_its_own(write):
    [cached] = read_text(write("Rio ruft laut\n")).cache_files
    assert "tof_text" in cached["filename"]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("... !!\n--\n", {}, "no text"),
        ("-DOCSTART- O\n", {"format": "conll"}, "no sentence"),
        ("\n \n", {}, "empty file"),
        ("Rio\n", {"format": "words"}, "format='words'"),
        ("Rio ruft laut\nja\n", {"columns": {"tokens": 0}}, "columns for a file with one sentence a line"),
        ("Rio ruft laut\nja\n", {"format": "conll"}, "1 column"),
        (b"Gr\xf6\xdfe\n", {"encoding": "ascii"}, "byte 0xf6"),
    ],
)
def test_bad_files_are_refused_with_advice(write, content, options, message):
    path = write(content)
    with pytest.raises(DataError, match="What to do: ") as caught:
        read_text(path, **options)
    assert message in str(caught.value)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ({"x": [["a"]]}, {}, "no column 'tokens' (columns: x)"),
        ({"text": [["a"]]}, {}, "holds no text"),
        ({"tokens": [3]}, {}, "of type int"),
        ({"tokens": [["a"]]}, {"columns": {"text": "lines"}}, "no column 'lines'"),
        ({"a": ["x"], "b": [["x"]]}, {"columns": {"text": "a", "tokens": "b"}}, "name one of them"),
        ({"text": ["", " "]}, {}, "no rows"),
        ({"text": ["a"]}, {"columns": ["text"]}, "columns=['text']"),
        ({"text": ["a", "b"], "id": ["x", "x"]}, {}, "the id 'x' more than once"),
    ],
)
def test_bad_tables_are_refused(rows, options, message):
    with pytest.raises(DataError) as caught:
        read_text(Dataset.from_dict(rows), **options)
    assert message in str(caught.value)
