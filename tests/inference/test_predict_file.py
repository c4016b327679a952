from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset

from tof_hf.cli import main
from tof_hf.data import read_ner
from tof_hf.inference.tagger import load_tagger
from tof_hf.modeling.transfer import load_for_ner

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEXTS = ["Maria visited London.", "", "Juan Carlos won in Real Madrid."]
WORDS = [["Maria", "visited", "London"], ["Juan", "won"]]


@pytest.fixture(scope="module")
def model(checkpoint, tokenizers, tmp_path_factory):
    torch.manual_seed(3)
    tagger = load_for_ner(checkpoint("bert"), ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])[0]
    with torch.no_grad():
        tagger.classifier.weight.mul_(60)
    folder = tmp_path_factory.mktemp("tagger")
    tagger.save_pretrained(folder)
    tokenizers["wordpiece"].save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def expected(model):
    return [
        [{"text": e.text, "label": e.label, "start": e.start, "end": e.end} for e in entities]
        for entities in load_tagger(model)(TEXTS)
    ]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    rows = [{"text": text, "tokens": None, "number": number} for number, text in enumerate(TEXTS)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    Dataset.from_list(rows).to_parquet(str(tmp_path / "in.parquet"))
    lines = "\n\n".join("\n".join(f"{word} O" for word in words) for words in WORDS)
    (tmp_path / "in.conll").write_text(lines + "\n", encoding="utf-8")
    return tmp_path


def found(rows):
    return [[{name: e[name] for name in ("text", "label", "start", "end")} for e in row["entities"]] for row in rows]


@pytest.mark.parametrize("source", ["in.txt", "in.jsonl", "in.parquet"])
@pytest.mark.parametrize("out", ["out.jsonl", "out.parquet"])
def test_rows_come_back_with_their_entities_in_every_form(model, expected, folder, source, out):
    assert main(["predict", model, str(folder / source), str(folder / out)]) == 0
    if out.endswith("jsonl"):
        rows = [json.loads(line) for line in (folder / out).read_text(encoding="utf-8").splitlines()]
    else:
        rows = pq.read_table(folder / out).to_pylist()
    assert found(rows) == expected and any(expected)
    assert [row["text"] for row in rows] == TEXTS
    if source != "in.txt":
        assert [row["number"] for row in rows] == [0, 1, 2]
    assert not list(folder.glob("*.part"))


def test_a_link_to_a_file_stays_one_and_a_file_of_the_user_that_ends_in_part_stays(model, expected, folder):
    (folder / "far").mkdir()
    target = folder / "far" / "target.jsonl"
    (folder / "out").symlink_to(target)  # without an ending: the form is that of the target
    (folder / "out.part").write_text("mine")
    assert main(["predict", model, str(folder / "in.txt"), str(folder / "out")]) == 0
    assert (folder / "out").is_symlink() and (folder / "out.part").read_text() == "mine"
    assert found(map(json.loads, target.read_text(encoding="utf-8").splitlines())) == expected
    assert list((folder / "far").iterdir()) == [target]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_pipe_gets_the_rows_and_stays_a_pipe(model, expected, folder, form):
    pipe, got = folder / f"out.{form}", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert main(["predict", model, str(folder / "in.txt"), str(pipe)]) == 0
    reader.join(60)
    rows = pq.read_table(io.BytesIO(got[0])).to_pylist() if form == "parquet" else map(json.loads, got[0].splitlines())
    assert found(rows) == expected and pipe.is_fifo()


def test_a_device_is_written_to_and_stays_a_device(model, folder):
    (folder / "nowhere").symlink_to(os.devnull)
    for out in (os.devnull, str(folder / "nowhere")):
        assert main(["predict", model, str(folder / "in.txt"), out, "--to", "jsonl"]) == 0
    assert Path(os.devnull).is_char_device() and (folder / "nowhere").is_symlink()


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="the system does not name open files")
def test_an_open_file_by_its_number_is_added_to_as_the_shell_does(model, folder):
    with (folder / "log").open("w") as log:
        log.write("first\n")
        log.flush()
        assert main(["predict", model, str(folder / "in.txt"), f"/dev/fd/{log.fileno()}"]) == 0
    assert [line[:6] for line in (folder / "log").read_text().splitlines()] == ["first"] + 3 * ['{"text']


def test_column_files_come_back_with_tags_that_the_reader_reads(model, folder):
    assert main(["predict", model, str(folder / "in.conll"), str(folder / "out.conll")]) == 0
    rows = read_ner(folder / "out.conll")
    assert rows["tokens"][:] == WORDS


GOLD = [
    ["New York", "नई", "दिल्ली", "Maria"],
    ["李明", "Cafe\u0301", "O'Neill", "\U0001f469\u200d\U0001f467", ","],
    ["Juan"],
]


@pytest.mark.parametrize("out", ["out.jsonl", "out.conll", "out.parquet"])
@pytest.mark.parametrize("given", ["tokens", "text"])
def test_predictions_read_as_gold_have_the_same_words_and_entities(model, folder, given, out):
    if given == "tokens":
        rows = [{"tokens": words} for words in GOLD]
    else:
        rows = [
            {"text": "Maria's (Juan,\u00a0Carlos)  won-in Real Madrid."},
            {"text": "नई दिल्ली में मोदी"},
            {"text": "李明访问"},
        ]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["predict", model, str(folder / "in.jsonl"), str(folder / out)]) == 0
    read = read_ner(folder / out)
    names = read.features["ner_tags"].feature.names
    tagged = list(load_tagger(model).stream(row[given] for row in rows))
    assert read["tokens"][:] == [one.words for one in tagged]
    assert [[names[tag] for tag in tags] for tags in read["ner_tags"]] == [one.tags for one in tagged]
    assert any(one.entities for one in tagged)


def test_plain_text_shows_its_entities_in_brackets(model, expected, folder):
    assert main(["predict", model, str(folder / "in.txt"), str(folder / "out.txt")]) == 0
    lines = (folder / "out.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3 and lines[1] == ""
    first = expected[0][0]
    assert f"[{first['text']}]({first['label']})" in lines[0]


def test_standard_streams_take_text_lines_and_give_json_lines(model, expected, monkeypatch, capsys):
    stream = io.TextIOWrapper(io.BytesIO("\n".join(TEXTS).encode()))
    monkeypatch.setattr("sys.stdin", stream)
    assert main(["predict", model, "-", "-"]) == 0
    assert found(map(json.loads, capsys.readouterr().out.splitlines())) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("form", ["txt", "jsonl", "conll"])
def test_every_encoding_that_the_readers_know_is_read_packed_or_not(model, folder, form, encoding):
    words = ["José", "ganó", "."]
    lines = {
        "txt": " ".join(words),
        "jsonl": json.dumps({"tokens": words}, ensure_ascii=False),
        "conll": "\r\n".join(f"{word} O" for word in words) + "\r\n",
    }
    (folder / f"x.{form}.gz").write_bytes(gzip.compress((f"{lines[form]}\r\n" * 2).encode(encoding)))
    assert main(["predict", model, str(folder / f"x.{form}.gz"), str(folder / "out.conll.gz")]) == 0
    assert read_ner(folder / "out.conll.gz")["tokens"][:] == [words, words]
    assert gzip.decompress((folder / "out.conll.gz").read_bytes()).decode("utf-8").count("José") == 2


def test_an_encoding_can_be_named(model, folder):
    (folder / "x.txt").write_bytes("Мария".encode("cp1251"))
    assert main(["predict", model, str(folder / "x.txt"), str(folder / "out.jsonl"), "--encoding", "cp1251"]) == 0
    assert json.loads((folder / "out.jsonl").read_text(encoding="utf-8"))["text"] == "Мария"


class Endless(io.RawIOBase):
    """A stream without an end, of which no more may be read than the tagger looks ahead."""

    def __init__(self, line):
        self.line, self.size = line, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        assert self.size < 2**22, "it reads on and on without writing"
        block = self.line * (len(buffer) // len(self.line))
        buffer[: len(block)] = block
        self.size += len(block)
        return len(block)


class Head(io.RawIOBase):
    """What `head` is for the program before it in a pipe: a reader that ends after the first line."""

    first = None

    def writable(self):
        return True

    def fileno(self):
        return self.elsewhere.fileno()

    def write(self, data):
        if self.first is None:
            self.first = bytes(data)
            return len(data)
        raise BrokenPipeError


@pytest.mark.parametrize(
    ("form", "line", "out"),
    [
        ("txt", b"Maria\n", "jsonl"),
        ("jsonl", b'{"tokens": ["Maria"]}\n', "txt"),
        ("conll", b"Maria O\n\n", "conll"),
        ("conll", "José O\n\n".encode(), "jsonl"),
    ],
)
def test_results_come_before_an_endless_input_ends_and_the_end_of_the_reader_is_no_error(
    model, folder, form, line, out, monkeypatch, capsys
):
    head = Head()
    with (folder / "elsewhere").open("wb") as head.elsewhere:
        stdout = io.TextIOWrapper(io.BufferedWriter(head), encoding="cp1252")
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BufferedReader(Endless(line))))
        monkeypatch.setattr("sys.stdout", stdout)
        assert main(["predict", model, "-", "-", "--from", form, "--to", out]) == 141
        monkeypatch.undo()
        with pytest.raises(BrokenPipeError):
            stdout.close()
    name = "José" if "José".encode() in line else "Maria"
    assert name in head.first.decode("utf-8") and capsys.readouterr().err == ""


def test_a_named_pipe_is_read_as_it_is_and_its_text_is_packed_if_its_name_says_so(model, expected, folder):
    for name, data in (("in", "\n".join(TEXTS).encode()), ("in.txt.gz", gzip.compress("\n".join(TEXTS).encode()))):
        pipe = folder / f"pipe_{name}"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=[data], daemon=True)
        writer.start()
        assert main(["predict", model, str(pipe), str(folder / "out.jsonl")]) == 0
        writer.join(60)
        assert found(map(json.loads, (folder / "out.jsonl").read_text(encoding="utf-8").splitlines())) == expected


def test_a_reader_that_closes_a_named_pipe_ends_the_command_quietly(model, folder, capsys):
    (folder / "many.txt").write_text("Maria\n" * 50_000, encoding="utf-8")
    os.mkfifo(folder / "out")
    reader = threading.Thread(target=lambda: (folder / "out").open("rb").close(), daemon=True)
    reader.start()
    assert main(["predict", model, str(folder / "many.txt"), str(folder / "out")]) == 141
    assert capsys.readouterr().err == "" and (folder / "out").is_fifo()


def test_what_is_written_is_not_read_again(model, folder, capsys):
    with (folder / "in.txt").open("ab") as stdout, pytest.MonkeyPatch.context() as patch:
        real = os.stat
        patch.setattr("os.stat", lambda path, **options: real(stdout.fileno() if path == 1 else path, **options))
        assert main(["predict", model, str(folder / "in.txt"), "-"]) == 2
    assert "the same file as input and output" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "out", "said"),
    [
        ("missing.txt", "out.jsonl", "no file of this name"),
        ("in.txt", "in.txt", "another file"),
        ("in.txt", "out.csv", "the form 'csv'"),
        ("bad.jsonl", "out.jsonl", "bad.jsonl:2"),
        ("broken.txt", "out.jsonl", "broken.txt:2: found byte 0xe9, which is not UTF-8, in a file that is UTF-8"),
        ("blanks.jsonl", "out.conll", "the word 'New\\tYork', which would break the columns"),
        ("empty.jsonl", "out.conll", "the word '', which would break the columns"),
        ("in.txt", "out.parquet.gz", "Parquet in a stream"),
        ("cut.txt.gz", "out.jsonl", "a file that cannot be read"),
        (".", "out.jsonl", "no file of this name"),
        ("in.txt", "nowhere/out.jsonl", "no folder of this name for the output"),
        ("text.parquet", "out.jsonl", "no Parquet"),
        ("half.jsonl", "out.jsonl", "half.jsonl:1: found text that is not JSON"),
        ("types.jsonl", "out.parquet", "values of several types"),
        ("endless.conll", "out.jsonl", "endless.conll:19: found more than 100 characters"),
    ],
)
def test_what_cannot_work_ends_with_a_message_and_without_a_file(model, folder, source, out, said, capsys, monkeypatch):
    monkeypatch.setenv("TOF_MAX_TEXT", "100")
    (folder / "endless.conll").write_text("Maria O\n\n" + "Madrid O\n" * 1_000, encoding="utf-8")
    (folder / "bad.jsonl").write_text('{"text": "Maria"}\n{"tokens": [1]}\n', encoding="utf-8")
    (folder / "broken.txt").write_bytes("Ωß ok\n".encode() + b"\xe9\n")
    (folder / "blanks.jsonl").write_text('{"tokens": ["in", "New\\tYork"]}\n', encoding="utf-8")
    (folder / "empty.jsonl").write_text('{"tokens": ["in", ""]}\n', encoding="utf-8")
    (folder / "cut.txt.gz").write_bytes(gzip.compress(b"Maria\n" * 1000)[:-20])
    (folder / "text.parquet").write_text("no table", encoding="utf-8")
    (folder / "half.jsonl").write_text('{"text": "\\ud800"}\n', encoding="utf-8")
    (folder / "types.jsonl").write_text('{"text": "a", "n": 1}\n{"text": "a", "n": "x"}\n', encoding="utf-8")
    before = sorted(path.name for path in folder.iterdir())
    form = ["--from", "txt"] if source == "." else []
    assert main(["predict", model, str(folder / source), str(folder / out), *form]) == 2
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_column_that_comes_late_is_refused_not_lost(model, folder, monkeypatch, capsys):
    monkeypatch.setattr("tof_hf.data.writing.ROWS_AT_ONCE", 1)
    (folder / "late.jsonl").write_text('{"text": "a"}\n{"text": "a", "late": 1}\n', encoding="utf-8")
    assert main(["predict", model, str(folder / "late.jsonl"), str(folder / "out.parquet")]) == 2
    assert "the column 'late' for the first time" in capsys.readouterr().err
    assert not (folder / "out.parquet").exists()


def test_output_is_utf8_in_any_locale_and_ends_quietly_when_nobody_reads(model, folder):
    (folder / "many.txt").write_text("Ω Maria\n" * 5000, encoding="utf-8")
    command = f"{sys.executable} -m tof_hf.cli predict {model} {folder}/many.txt - | head -n 1"
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, shell=True, env=env, capture_output=True, check=False)
    assert json.loads(done.stdout.decode("utf-8"))["text"] == "Ω Maria"
    assert done.stderr == b""


def test_what_is_no_tagger_is_refused(folder, capsys):
    assert main(["predict", str(folder), str(folder / "in.txt"), "-"]) == 2
    assert "no model can be loaded" in capsys.readouterr().err
