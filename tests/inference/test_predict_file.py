from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset

from tof_hf.cli import main
from tof_hf.data import read_ner
from tof_hf.inference.tagger import load_tagger
from tof_hf.modeling.transfer import load_for_ner

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
    (folder / "out.jsonl").symlink_to(folder / "far" / "target")
    (folder / "out.jsonl.part").write_text("mine")
    assert main(["predict", model, str(folder / "in.txt"), str(folder / "out.jsonl")]) == 0
    assert (folder / "out.jsonl").is_symlink() and (folder / "out.jsonl.part").read_text() == "mine"
    assert found(map(json.loads, (folder / "far" / "target").read_text(encoding="utf-8").splitlines())) == expected
    assert [path.name for path in (folder / "far").iterdir()] == ["target"]


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


@pytest.mark.slow
def test_the_standard_output_by_its_path_adds_to_what_the_shell_opened(model, folder):
    command = f"echo first; {sys.executable} -m tof_hf.cli predict {model} {folder}/in.txt /dev/stdout --to jsonl"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with (folder / "log").open("wb") as log:
        subprocess.run(command, shell=True, env=env, stdout=log, check=True)
    assert [line[:6] for line in (folder / "log").read_text().splitlines()] == ["first"] + 3 * ['{"text']


def test_column_files_come_back_with_tags_that_the_reader_reads(model, folder):
    assert main(["predict", model, str(folder / "in.conll"), str(folder / "out.conll")]) == 0
    rows = read_ner(folder / "out.conll")
    assert rows["tokens"][:] == WORDS


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


@pytest.mark.parametrize(
    ("source", "out", "said"),
    [
        ("missing.txt", "out.jsonl", "no file of this name"),
        ("in.txt", "in.txt", "another file"),
        ("in.txt", "out.csv", "the form 'csv'"),
        ("bad.jsonl", "out.jsonl", "bad.jsonl:2"),
        ("latin.txt", "out.jsonl", "latin.txt:2"),
        ("in.txt", "nowhere/out.jsonl", "nothing can be written"),
        ("in.txt", "nowhere/out.parquet", "nothing can be written"),
        ("text.parquet", "out.jsonl", "no Parquet"),
        ("half.jsonl", "out.jsonl", "half.jsonl:1: found text that is no Unicode"),
        ("types.jsonl", "out.parquet", "values of several types"),
    ],
)
def test_what_cannot_work_ends_with_a_message_and_without_a_file(model, folder, source, out, said, capsys):
    (folder / "bad.jsonl").write_text('{"text": "Maria"}\n{"tokens": [1]}\n', encoding="utf-8")
    (folder / "latin.txt").write_bytes(b"ok\n\xe9\n")
    (folder / "text.parquet").write_text("no table", encoding="utf-8")
    (folder / "half.jsonl").write_text('{"text": "\\ud800"}\n', encoding="utf-8")
    (folder / "types.jsonl").write_text('{"text": "a", "n": 1}\n{"text": "a", "n": "x"}\n', encoding="utf-8")
    before = sorted(path.name for path in folder.iterdir())
    assert main(["predict", model, str(folder / source), str(folder / out)]) == 2
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_column_that_comes_late_is_refused_not_lost(model, folder, monkeypatch, capsys):
    monkeypatch.setattr("tof_hf.inference.predict_file.ROWS_AT_ONCE", 1)
    (folder / "late.jsonl").write_text('{"text": "a"}\n{"text": "a", "late": 1}\n', encoding="utf-8")
    assert main(["predict", model, str(folder / "late.jsonl"), str(folder / "out.parquet")]) == 2
    assert "the column 'late' for the first time" in capsys.readouterr().err
    assert not (folder / "out.parquet").exists()


@pytest.mark.slow
def test_output_is_utf8_in_any_locale_and_ends_quietly_when_nobody_reads(model, folder):
    (folder / "many.txt").write_text("Ω Maria\n" * 5000, encoding="utf-8")
    command = f"{sys.executable} -m tof_hf.cli predict {model} {folder}/many.txt - | head -n 1"
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, shell=True, env=env, capture_output=True, check=False)
    assert json.loads(done.stdout.decode("utf-8"))["text"] == "Ω Maria"
    assert b"Traceback" not in done.stderr and b"BrokenPipe" not in done.stderr, done.stderr[-2000:]


def test_what_is_no_tagger_is_refused(folder, capsys):
    assert main(["predict", str(folder), str(folder / "in.txt"), "-"]) == 2
    assert "no model can be loaded" in capsys.readouterr().err
