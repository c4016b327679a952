"""What is converted to any form and read again is what it was; what a form cannot hold is an error that says so."""

import gzip
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nightly import NIGHTLY

from tof_hf.cli import main
from tof_hf.data import read_ner
from tof_hf.data.convert import FORMS, convert_file
from tof_hf.data.labels import Span, tags_from_spans
from tof_hf.errors import DataError

ENDINGS = {"conll": "conll", "csv": "csv", "parquet": "parquet"}
SCHEMES = ("IO", "IOB1", "IOE", "BIOES", "BILOU", "BMES")
TYPES = ["PER", "LOC", "geo-loc", "Work of Art", "B-X", "_"]
NAMES = "Rio|New York|नई|दिल्ली|李明|Cafe\u0301|\U0001f469\u200d\U0001f467|علی\u200cرضا|a\u00a0b|\u3000x|Sr. (A)".split(
    "|"
)
MARKS = "\" ' , ; # #tag 1 [ ] {} <b> _ [Rio](LOC) sentence_id word text \\n null".split(" ")
HARD = ["B-PER", "O", "x\ty", "x\ny", " x", "x ", "\ufeffx", "x\r\ny", "\u2028", "\0x", "-DOCSTART-x", "IMGID:1"]
OTHERS = st.text(min_size=1, max_size=6).filter(
    lambda word: word.strip() and word.strip(" \ufeff") == word and min(word) >= " "
)


@st.composite
def sentences(draw, words):
    tokens = draw(st.lists(words, min_size=1, max_size=5))
    spans, start = [], 0
    while start < len(tokens):
        end = draw(st.integers(start + 1, len(tokens)))
        if draw(st.booleans()):
            spans.append(Span(start, end, draw(st.sampled_from(TYPES))))
        start = end
    return tokens, tags_from_spans(spans, len(tokens))


few = settings(
    max_examples=300 if NIGHTLY else 5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def given_rows(folder, rows):
    path = folder / "given.jsonl"
    lines = (json.dumps({"tokens": tokens, "ner_tags": tags}) for tokens, tags in rows)
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def rows_of(path):
    rows = read_ner(path)
    names = rows.features["ner_tags"].feature.names
    return [(row["tokens"], [names[tag] for tag in row["ner_tags"]]) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@few
@given(rows=st.lists(sentences(st.sampled_from(NAMES + MARKS) | OTHERS), min_size=1, max_size=4))
def test_what_is_read_from_every_form_is_what_was_written(form, rows, tmp_path):
    out = tmp_path / f"out.{ENDINGS.get(form, 'jsonl')}"
    convert_file(given_rows(tmp_path, rows), out, form=form, overwrite=True)
    assert rows_of(out) == rows


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@few
@given(rows=st.lists(sentences(st.sampled_from(HARD + NAMES) | st.text(max_size=4)), min_size=1, max_size=4))
def test_what_a_form_cannot_hold_is_an_error_and_leaves_no_file(form, rows, tmp_path):
    source = given_rows(tmp_path, rows)
    out = tmp_path / f"out.{ENDINGS.get(form, 'jsonl')}"
    out.unlink(missing_ok=True)
    try:
        given = rows_of(source)
    except DataError:  # no word at all
        return
    try:
        convert_file(source, out, form=form)
    except DataError as error:
        assert form in ("conll", "csv") and not out.exists()
        assert "JSON lines" in error.fix or "*.jsonl" in error.fix
    else:
        assert rows_of(out) == given


@pytest.mark.parametrize("form", ["conll", "jsonl", "parquet"])
def test_every_scheme_is_read_as_it_was_written_or_refused(form, tmp_path):
    rows = [(["a", "b", "c", "d", "e"], ["B-PER", "I-PER", "I-PER", "O", "B-LOC"])]
    beside = [*rows, (["f", "g", "h"], ["B-PER", "B-PER", "I-PER"])]
    for scheme in SCHEMES:
        out = tmp_path / f"{scheme}.{form}"
        convert_file(given_rows(tmp_path, rows if scheme == "IO" else beside), out, scheme=scheme)
        assert rows_of(out) == (rows if scheme == "IO" else beside), scheme
    with pytest.raises(DataError, match="two entities PER side by side, which IO cannot tell apart"):
        convert_file(given_rows(tmp_path, beside), tmp_path / f"new.{form}", scheme="IO")
    assert not list(tmp_path.glob("new.*"))


def test_the_text_and_its_blanks_stay_from_spans_to_spans(tmp_path):
    text = "Rio  de Janeiro, (Ana)"
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"text": text, "label": [[0, 15, "LOC"], [18, 21, "PER"]]}), encoding="utf-8")
    convert_file(str(source), tmp_path / "out.json.gz", form="label-studio")
    (task,) = json.loads(gzip.decompress((tmp_path / "out.json.gz").read_bytes()))
    assert task["data"]["text"] == text
    spans = [one["value"] for one in task["annotations"][0]["result"]]
    assert [(one["text"], *one["labels"]) for one in spans] == [("Rio  de Janeiro", "LOC"), ("Ana", "PER")]


def test_the_report_says_what_changed(tmp_path):
    source = tmp_path / "in.jsonl"
    row = {"text": "Valka ging 1999.", "label": [[1, 4, "PERSON"], [11, 15, "DATE"]]}
    lines = (json.dumps(one) for one in (row, row, {"text": " ", "label": []}))
    source.write_text("\n".join(lines), encoding="utf-8")
    done = convert_file(
        str(source), tmp_path / "out.tsv", scheme="bilou", unique=True, label_map={"PERSON": "PER", "DATE": "O"}
    )
    assert (tmp_path / "out.tsv").read_text(encoding="utf-8") == "Valka\tU-PER\nging\tO\n1999\tO\n.\tO\n\n"
    assert done.as_text().splitlines() == [
        "read: text in 'text', spans in 'label'; 2 sentences, 8 words, 4 entities in IOB2, before label_map",
        "! 2 spans cut words and were widened to them, such as 'alk' in 'Valka'",
        "! 1 rows without words were left out, such as line 3",
        "! 1 sentences repeat an earlier one (left out)",
        "wrote: conll, tags in BILOU",
        "             in    out",
        "---------  ----  -----  --------",
        "sentences     2      1",
        "words         8      4",
        "DATE          2      0  left out",
        "PERSON        2      0  now PER",
        "PER           0      1",
    ]


@pytest.mark.parametrize(
    ("source", "out", "options", "said"),
    [
        ("in.conll", "there.jsonl", {}, "a file that exists.*--overwrite"),
        ("in.conll", "in.conll", {"overwrite": True}, "the same file as input and output"),
        ("in.conll", ".", {}, "a folder"),
        ("in.conll", "nowhere/out.jsonl", {}, "nowhere: found no folder of this name for the output"),
        ("in.conll", "x\0.jsonl", {}, "a path that cannot be used"),
        ("in.conll", "out.conllu", {}, "the form 'conllu'"),
        ("in.conll", "out", {"form": "csv"}, r"the form 'csv' in a file without an ending.*\*.csv"),
        ("in.conll", "out.csv", {"form": "spans"}, r"the form 'spans' in a file \*.csv.*\*.jsonl or \*.json"),
        ("in.conll", "out.txt", {"form": "parquet"}, r"name it \*.parquet"),
        ("in.conll", "out.xlsx", {}, r"the form 'xlsx'.*\*.conll.* or one of conll, .* with --to"),
        ("in.conll", "out.jsonl", {"form": "conll"}, r"name it \*.conll"),
        ("in.conll", "out.parquet.gz", {}, "Parquet in a stream"),
        ("in.conll", "out.conll", {"scheme": "BIX"}, "the tag scheme 'BIX'"),
        ("in.conll", "out.conll", {"label_map": {"": "X"}}, "label_map entry"),
        ("missing.conll", "out.conll", {}, "no file or folder of this name"),
        ("pipe", "out.conll", {}, "a stream, .*save it in a file"),
        ("raw.txt", "out.conll", {}, "no column of tags"),
        (
            "prefix.jsonl",
            "out.conll",
            {},
            "'de:a' with the tag O in sentence 1.* read from conll as 'a'",
        ),
        ("empty.jsonl", "out.conll", {}, "an empty file"),
    ],
)
def test_what_cannot_work_is_an_error_that_says_what_to_do(source, out, options, said, tmp_path):
    (tmp_path / "in.conll").write_text("Rio B-LOC\nruft O\n", encoding="utf-8")
    (tmp_path / "raw.txt").write_text("Rio ruft laut.\nWer kommt\n", encoding="utf-8")
    (tmp_path / "prefix.jsonl").write_text('{"tokens": ["de:a", "de:b"], "ner_tags": ["O", "O"]}', encoding="utf-8")
    (tmp_path / "empty.jsonl").touch()
    os.symlink("/dev/null", tmp_path / "pipe")
    (tmp_path / "there.jsonl").write_text("mine", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(DataError, match=said):
        convert_file(str(tmp_path / source), tmp_path / out, **options)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new/"], "'new/' is the name of a folder; name a file in it"),
        (["out.jsonl", "--label-map", "LOC=ORG,LOC=PER"], "has LOC twice; keep one"),
        (["out.jsonl", "--label-map", "LOC"], "'LOC' has no pairs such as PERSON=PER"),
    ],
)
def test_arguments_that_say_two_things_are_refused(words, said, capsys):
    with pytest.raises(SystemExit):
        main(["convert", "in.conll", *words])
    assert said in capsys.readouterr().err


def test_a_label_map_that_renames_nothing_is_a_warning_and_packed_names_are_packed_in_any_case(tmp_path):
    (tmp_path / "in.conll").write_text("Rio B-LOC\nruft O\n", encoding="utf-8")
    done = convert_file(str(tmp_path / "in.conll"), tmp_path / "x.jsonl.GZ", label_map={"LOC": "A", "X": "B"})
    assert "! no entity is of the types X, which label_map names" in done.as_text()
    assert gzip.decompress((tmp_path / "x.jsonl.GZ").read_bytes()) and len(read_ner(tmp_path / "x.jsonl.GZ")) == 1


def test_the_command_writes_to_the_standard_stream_and_reports_beside_it(tmp_path, capsys):
    (tmp_path / "in.conll").write_text("Rio B-LOC\nruft O\n", encoding="utf-8")
    assert main(["convert", str(tmp_path / "in.conll"), "-", "--to", "doccano", "--label-map", "LOC=PLACE"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["label"] == [[0, 3, "PLACE"]]
    assert "LOC           1      0  now PLACE" in printed.err
