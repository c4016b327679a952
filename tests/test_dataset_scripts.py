"""The converters of public data sets: counts are checked, folders load back, nothing is published against its terms."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from converter import MRC, NER, Licence, RawFile, Release, entities, main
from converter import hub as releases_hub
from converter.convert import convert
from converter.declaration import check_may_share
from datasets import load_dataset

from tof_hf.errors import DataError, TofError

ROOT = Path(__file__).parents[1]
FURTHER = ROOT / "dataset_scripts" / "further.py"  # many data sets: test_further_data.py
SCRIPTS = sorted(set((ROOT / "dataset_scripts").glob("*.py")) - {FURTHER})
OPEN = Licence("CC0", "https://example.org/cc0", "Do what you like.", hub_id="cc0-1.0", may_share=True)
CLOSED = Licence("research only", "https://example.org/terms", "The texts belong to a newspaper.")
# Two invented sentences, three entities; and one sentence with a type of its own.
TRAIN = "-DOCSTART- O\n\nMira I-PER\nwohnt O\nin O\nOdelfing I-LOC\n. O\n\nTorvex I-ORG\nsucht O\nMira I-PER\n"
TEST = "Der O\nBelcup I-MISC\nbeginnt O\n"
TOY = Release(
    title="Toy names",
    url="https://example.org/toy",
    licence=CLOSED,
    languages=("de", "nl"),
    task=NER,
    files=(
        RawFile("de", "train", ("de.train",), entities(2, 8, {"LOC": 1, "ORG": 1, "PER": 2}), paper=3),
        RawFile("de", "test", ("de.test", "sub/other.test"), entities(1, 3, {"MISC": 1}), paper=1),
        RawFile("nl", "test", ("nl.test",)),
    ),
    notes=("Table 5 counts a headline.",),
)


def load(path):
    spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def script(name):
    return load(ROOT / "dataset_scripts" / f"{name}.py")


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT)}


def written(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "de.train").write_text(TRAIN, encoding="utf-8")
    (folder / "de.test").write_text(TEST, encoding="utf-8")
    return folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "data" / "toy"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))


@pytest.mark.slow
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_answers_help_and_names_its_files_and_terms(path):
    done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    release = load(path).RELEASE
    for name in (release.licence.name, release.url, release.files[0].names[0]):
        assert name in done.stdout


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_declares_every_split_once_and_why_it_may_be_published_or_not(path):
    release = load(path).RELEASE
    splits = [(file.config, file.split) for file in release.files]
    assert len(set(splits)) == len(splits)
    assert release.licence.why.endswith(".") and release.licence.url.startswith("https://")
    assert release.licence.may_share == (release.licence.hub_id != "other")
    assert path.name in load(path).__doc__


@pytest.mark.slow
def test_the_scripts_are_modules_that_import_nothing_heavy():
    names = [path.stem for path in SCRIPTS]
    code = (
        f"import sys, importlib\nfor name in {names}: importlib.import_module(name)\n"
        "print([m for m in ('datasets', 'torch', 'transformers', 'huggingface_hub', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "dataset_scripts", capture_output=True, text=True, env=environment()
    )
    assert done.stdout == "[]\n", done.stderr


def test_a_converted_release_loads_back_with_typed_labels(raw, out):
    convert(TOY, [raw], out, say=lambda line: None)
    assert written(out) == ["README.md", "de/test.parquet", "de/train.parquet"]
    splits = load_dataset(str(out), "de")
    names = splits["test"].features["ner_tags"].feature.names
    assert names == ["O", "B-LOC", "I-LOC", "B-MISC", "I-MISC", "B-ORG", "I-ORG", "B-PER", "I-PER"]
    assert splits["train"].features == splits["test"].features
    tags = [[names[tag] for tag in row["ner_tags"]] for row in splits["train"]]
    assert tags == [["B-PER", "O", "O", "B-LOC", "O"], ["B-ORG", "O", "B-PER"]]


def test_every_file_gets_a_line_with_counts_and_the_missing_ones_are_named(raw, out):
    lines = []
    convert(TOY, [raw], out, say=lines.append)
    assert lines == [
        f"nl: no test in {raw}, looked for nl.test",
        "de/train from de.train: found 2 sentences, 8 tokens, 4 entities (LOC 1, ORG 1, PER 2); expected the same: ok",
        "de/test from de.test: found 1 sentences, 3 tokens, 1 entities (MISC 1); expected the same: ok",
    ]


def test_the_card_tells_terms_counts_differences_to_the_paper_and_checksums(raw, out):
    convert(TOY, [raw], out, say=lambda line: None)
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "license: other" in card and "language:\n- de\n" in card and "- nl" not in card.partition("# Toy")[0]
    assert "[research only](https://example.org/terms). The texts belong to a newspaper." in card
    assert "Not in this folder, because the file was not there: nl/test." in card
    assert "| 3 (differs) | ok |" in card and "| 1 | ok |" in card and "Table 5 counts a headline." in card
    for path in (raw / "de.train", raw / "de.test", out / "de" / "train.parquet", out / "de" / "test.parquet"):
        assert f"`{releases_hub.sha256(path)}`" in card
    assert str(raw) not in card


def test_the_same_release_gives_the_same_bytes(raw, out, tmp_path, monkeypatch):
    convert(TOY, [raw], out, say=lambda line: None)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "another_cache"))
    convert(TOY, [raw], tmp_path / "again", say=lambda line: None)
    for name in written(out):
        assert (out / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_other_counts_are_an_error_that_leaves_nothing_behind(raw, out, capsys):
    (raw / "de.train").write_text(TRAIN + "\nNoch O\neiner O\n", encoding="utf-8")
    status = main(TOY, ["--raw", str(raw), "--out", str(out)])
    printed = capsys.readouterr()
    assert status == 2
    assert "found 3 sentences, 10 tokens" in printed.out and "expected 2 sentences, 8 tokens" in printed.out
    assert "de.train" in printed.err and "--allow-other-counts" in printed.err
    assert list(out.parent.iterdir()) == []


def test_other_counts_can_be_allowed_and_the_card_says_so(raw, out, capsys):
    (raw / "de.train").write_text(TRAIN.replace("Odelfing I-LOC", "Odelfing O"), encoding="utf-8")
    assert main(TOY, ["--raw", str(raw), "--out", str(out), "--allow-other-counts"]) == 0
    assert "differs" in capsys.readouterr().out
    assert "| differs |" in (out / "README.md").read_text(encoding="utf-8")
    assert len(load_dataset(str(out), "de", split="train")) == 2


def test_a_file_that_nobody_counted_is_not_called_verified(raw, out):
    (raw / "nl.test").write_text("Jorrel B-PER\nslaapt O\n", encoding="utf-8")
    lines = []
    convert(TOY, [raw], out, say=lines.append)
    assert lines[-1].endswith("found 1 sentences, 2 tokens, 1 entities (PER 1); expected nothing known: not verified")


def test_packed_files_other_names_and_several_folders_are_found(raw, out, tmp_path):
    second = tmp_path / "second"
    (second / "sub").mkdir(parents=True)
    (second / "sub" / "other.test").write_text(TEST, encoding="utf-8")
    (raw / "de.test").unlink()
    (raw / "de.train").unlink()
    (raw / "de.train.gz").write_bytes(gzip.compress(TRAIN.encode()))
    convert(TOY, [raw, second], out, say=lambda line: None)
    assert {name: len(rows) for name, rows in load_dataset(str(out), "de").items()} == {"train": 2, "test": 1}


def test_a_folder_without_the_release_is_an_error_that_names_what_was_looked_for(out, tmp_path):
    with pytest.raises(DataError, match=r"no file of Toy names in .*: looked for de.train, de.test, sub/other.test"):
        convert(TOY, [tmp_path], out)
    with pytest.raises(DataError, match="no such folder"):
        convert(TOY, [tmp_path / "nowhere"], out)
    assert not out.exists()


def test_a_folder_that_is_there_is_replaced_only_on_request(raw, out):
    convert(TOY, [raw], out, say=lambda line: None)
    with pytest.raises(DataError, match="--overwrite"):
        convert(TOY, [raw], out)
    (out / "de" / "old.parquet").write_bytes(b"")
    convert(TOY, [raw], out, overwrite=True, say=lambda line: None)
    assert written(out) == ["README.md", "de/test.parquet", "de/train.parquet"]


def test_a_folder_with_other_files_is_never_replaced(raw, out):
    with pytest.raises(DataError, match="de.test, de.train"):
        convert(TOY, [raw], raw, overwrite=True)
    assert written(raw) == ["de.test", "de.train"]
    out.mkdir(parents=True)  # an empty one is no loss
    convert(TOY, [raw], out, say=lambda line: None)


def test_a_file_that_cannot_be_read_leaves_the_old_folder_as_it_was(raw, out):
    convert(TOY, [raw], out, say=lambda line: None)
    before = (out / "README.md").read_bytes()
    (raw / "de.test").write_text("Der O\nBelcup\n", encoding="utf-8")
    with pytest.raises(DataError, match="de.test:2"):
        convert(TOY, [raw], out, overwrite=True, say=lambda line: None)
    assert (out / "README.md").read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == ["toy"]


# Publishing


def test_a_closed_data_set_is_refused_before_any_work_with_the_reason(raw, out, hub, capsys):
    assert main(TOY, ["--raw", "nowhere", "--out", str(out), "--push-to-hub", "tester/toy", "--private"]) == 2
    message = capsys.readouterr().err
    assert "research only" in message and "belong to a newspaper" in message and "leave --push-to-hub out" in message
    assert hub.requests == [] and not out.exists()


def test_an_open_data_set_is_published_in_one_commit(raw, out, hub, capsys):
    options = ["--raw", str(raw), "--out", str(out), "--push-to-hub", "tester/toy"]
    assert main(replace(TOY, licence=OPEN), options) == 0
    repo = hub.repos["dataset", "tester/toy"]
    assert len(repo.branches["main"]) == 2 and not repo.private
    published = {path: content for path, content in repo.files().items() if path != ".gitattributes"}
    here = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert published == here and b"license: cc0-1.0" in published["README.md"]
    assert f"published: {hub.url}/datasets/tester/toy" in capsys.readouterr().out


def test_a_private_copy_never_goes_into_a_repository_that_is_public(raw, out, hub, capsys):
    options = ["--raw", str(raw), "--out", str(out), "--push-to-hub", "tester/toy", "--private", "--overwrite"]
    release = replace(TOY, licence=OPEN)
    assert main(release, options) == 0
    repo = hub.repos["dataset", "tester/toy"]
    assert repo.private
    repo.private = False
    assert main(release, options) == 2
    assert len(repo.branches["main"]) == 2
    assert "tester/toy exists and is public" in capsys.readouterr().err


def test_a_hub_that_refuses_is_a_message_that_keeps_the_folder_and_shows_no_token(raw, out, hub, capsys):
    hub.read_only = True
    options = ["--raw", str(raw), "--out", str(out), "--push-to-hub", "tester/toy"]
    assert main(replace(TOY, licence=OPEN), options) == 2
    printed = capsys.readouterr()
    assert "tester/toy: the Hub refused (403" in printed.err and "write access" in printed.err
    assert hub.token not in printed.err + printed.out
    assert out.is_dir()


def test_only_data_sets_with_an_open_licence_may_be_published():
    allowed = set()
    for path in SCRIPTS:
        try:
            check_may_share(load(path).RELEASE)
        except TofError:
            continue
        allowed.add(path.stem)
    assert allowed == {"squad", "squad_es", "xquad", "mlqa", "muse"}


def test_private_without_publishing_is_a_usage_error(capsys):
    with pytest.raises(SystemExit):
        main(TOY, ["--raw", "x", "--out", "y", "--private"])
    assert "--push-to-hub" in capsys.readouterr().err


# The readers of single data sets


def run(name, raw, out):
    """Convert invented files, which of course have other counts."""
    return main(script(name).RELEASE, ["--raw", str(raw), "--out", str(out), "--allow-other-counts"])


def test_wnut_comes_with_types_and_as_spans_where_neighbours_stay_two(tmp_path, out):
    (tmp_path / "dev").write_text("Zorba\tB-person\nPlim\tB-company\nist\tO\n", encoding="utf-8")
    assert run("wnut16", tmp_path, out) == 0
    spans = load_dataset(str(out), "spans", split="validation")
    assert spans.features["ner_tags"].feature.names == ["O", "B-ENT", "I-ENT"]
    assert spans["ner_tags"][0] == [1, 1, 0]
    assert len(load_dataset(str(out), "types", split="validation").features["ner_tags"].feature.names) == 21


def test_twitter_other_becomes_misc(tmp_path, out):
    (tmp_path / "train.txt").write_text("IMGID:7\nBelcup\tI-OTHER\njetzt\tO\n", encoding="utf-8")
    assert run("twitter", tmp_path, out) == 0
    rows = load_dataset(str(out), "en", split="train")
    assert rows.features["ner_tags"].feature.int2str(rows["ner_tags"][0]) == ["B-MISC", "O"]


def test_questions_are_counted_before_and_after_reading(tmp_path, out, capsys):
    answers = [{"text": "am Fluss", "answer_start": 15}]
    lost = [{"text": "im Gebirge", "answer_start": -1}]
    qas = [{"id": "a", "question": "Wo?", "answers": answers}, {"id": "b", "question": "Wann?", "answers": lost}]
    data = {"data": [{"paragraphs": [{"context": "Odelfing liegt am Fluss.", "qas": qas}]}]}
    (tmp_path / "xquad.de.json").write_text(json.dumps(data), encoding="utf-8")
    assert run("xquad", tmp_path, out) == 0
    assert "found 2 questions, 1 kept; expected 1,190 questions: differs" in capsys.readouterr().out
    assert load_dataset(str(out), "de", split="validation")[0]["spans"] == [{"start": 15, "end": 23}]


def test_a_table_of_the_paper_stands_beside_the_questions_of_the_release(tmp_path, out):
    tweets = [{"Question": "who?", "Answer": ["mira"], "Tweet": "Mira rennt!", "qid": "1"}]
    (tmp_path / "train.json").write_text(json.dumps(tweets), encoding="utf-8")
    release = replace(script("tweetqa").RELEASE, files=(RawFile("en", "train", ("train.json",), {"questions": 1}, 1),))
    assert release.task is MRC
    convert(release, [tmp_path], out, say=lambda line: None)
    assert "| 1 questions, 1 kept | 1 questions | 1 | ok |" in (out / "README.md").read_text(encoding="utf-8")


def test_a_dictionary_becomes_pairs_of_strings(tmp_path, out):
    (tmp_path / "en-nl.txt").write_text("the de\nthe het\nhouse huis\n", encoding="utf-8")
    assert run("muse", tmp_path, out) == 0
    rows = load_dataset(str(out), "en-nl", split="full")
    assert list(rows) == [
        {"source": "the", "target": "de"},
        {"source": "the", "target": "het"},
        {"source": "house", "target": "huis"},
    ]


def test_newsqa_word_ranges_and_agreed_passages_become_character_spans(tmp_path, out):
    story = "Mira , the mayor , left Odelfing on Monday ."
    header = "story_id,story_text,question,answer_token_ranges\n"
    lines = f's1,"{story}",Who left?,"0:1,2:4"\ns1,"{story}",When?,7:9\ns1,"{story}",Why?,-1:-1\n'
    (tmp_path / "dev.csv").write_text(header + lines, encoding="utf-8")
    questions = [
        {"q": "Who?", "consensus": {"s": 0, "e": 5}},
        {"q": "Why?", "consensus": {"noAnswer": True}},
    ]
    content = {"data": [{"storyId": "s1", "type": "dev", "text": story, "questions": questions}], "version": "1"}
    (tmp_path / "combined-newsqa-data-v1.json").write_text(json.dumps(content), encoding="utf-8")
    release = script("newsqa").RELEASE
    release = replace(release, files=tuple(file for file in release.files if file.split == "validation"))
    assert main(release, ["--raw", str(tmp_path), "--out", str(out), "--allow-other-counts"]) == 0

    def answers(config):
        rows = load_dataset(str(out), config, split="validation")
        return [[row["context"][span["start"] : span["end"]] for span in row["spans"]] for row in rows]

    assert answers("tokens") == [["Mira", "the mayor"], ["on Monday"]]
    assert answers("consensus") == [["Mira"]]
    assert re.search(r"consensus/validation .* \| 2 questions, 1 kept \|", (out / "README.md").read_text("utf-8"))


def test_newsqa_in_another_form_is_an_error_with_the_file(tmp_path, out):
    (tmp_path / "dev.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="dev.csv: found another form than expected"):
        convert(script("newsqa").RELEASE, [tmp_path], out, say=lambda line: None)
    assert not out.exists()
