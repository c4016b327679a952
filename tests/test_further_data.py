"""Data sets beyond the paper's: each form is read, converted and named by a run file, on invented sentences."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import load_dataset
from test_dataset_scripts import script

from tof_hf.config import load_config
from tof_hf.data import align_labels
from tof_hf.data.mrc_conversion import load_queries, ner_to_mrc
from tof_hf.run.inputs import Inputs, data_files

FURTHER = Path(__file__).parents[1] / "examples" / "configs" / "further"
ENTITIES = [("Mira", "PER"), ("Odelfing", "LOC"), ("Torvex", "ORG")]


def columns(pattern, types):
    """Two sentences in the form of a data set: a person in a place, and an organization."""
    words = [
        [("Mira", "B-PER"), ("lebt", "O"), ("in", "O"), ("Odelfing", "B-LOC")],
        [("Torvex", "B-ORG"), ("ruft", "O")],
    ]
    lines = []
    for number, sentence in enumerate(words, start=1):
        lines += [line.format(number=number) for line in pattern.get("before", [])]
        for place, (word, tag) in enumerate(sentence, start=1):
            kind = types.get(tag[2:], tag[2:])
            shown = f"B-{kind}" if kind else "O"
            lines.append(pattern["word"].format(place=place, word=word, tag=shown))
        lines.append("")
    return "\n".join(lines) + "\n"


FORMS = {
    "wikiann": ({"word": "sw:{word}\t{tag}"}, {}, "sw"),
    "masakhaner2": ({"word": "{word} {tag}"}, {}, "swa"),
    "multiconer2": (
        {"before": ["", "# id 1f0a-{number}\tdomain=de"], "word": "{word} _ _ {tag}"},
        {"PER": "Politician", "LOC": "HumanSettlement", "ORG": "PrivateCorp"},
        "de",
    ),
    "universalner": (
        {"before": ["# sent_id = test-{number}", "# text = Mira"], "word": "{place}\t{word}\t{tag}\t-\tannotator1"},
        {},
        "da_ddt",
    ),
    "crossner": (
        {"word": "{word}\t{tag}"},
        {"PER": "politician", "LOC": "country", "ORG": "politicalparty"},
        "politics",
    ),
    "wnut17": ({"word": "{word}\t{tag}"}, {"PER": "person", "LOC": "location", "ORG": "corporation"}, "en"),
    "europarl": ({"word": "{word} {tag}"}, {}, "it"),
}


@pytest.fixture(scope="module")
def further():
    return script("further")


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_every_data_set_has_an_invented_one_of_its_form(further):
    assert further.DATA_SETS.keys() == FORMS.keys()


@pytest.mark.parametrize("name", FORMS)
def test_a_release_of_this_form_is_converted(further, name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    pattern, types, part = FORMS[name]
    split, names = list(further.DATA_SETS[name].files.items())[-1]
    put(tmp_path / "raw" / names[0].format(part=part), columns(pattern, types))
    places = ["--raw", str(tmp_path / "raw"), "--out", str(tmp_path / "out")]
    assert further.run([name, part, *places]) == 0
    assert f"{part}/{split} from " in capsys.readouterr().out
    rows = load_dataset(str(tmp_path / "out"), part, split=split)
    names = rows.features["ner_tags"].feature.names
    found = [
        (word, names[tag][2:])
        for row in rows
        for word, tag in zip(row["tokens"], row["ner_tags"], strict=True)
        if names[tag] != "O"
    ]
    assert found == [(word, types.get(kind, kind)) for word, kind in ENTITIES]
    assert [len(row["tokens"]) for row in rows] == [4, 2]


@pytest.mark.parametrize("name", [name for name in FORMS if name != "europarl"])
def test_its_run_file_reads_data_of_this_form_with_types_that_have_queries(name, tmp_path, monkeypatch):
    pattern, types, part = FORMS[name]
    for variable, value in {
        "TOF_DATA": tmp_path,
        "TOF_ENCODER": "x",
        "TOF_LANGUAGE": part,
        "TOF_TREEBANK": part,
    }.items():
        monkeypatch.setenv(variable, str(value))
    config = load_config(FURTHER / f"{name}.yaml")
    inputs = Inputs(config)
    conll = {"word": "{word} {tag}"}
    rows = {}
    for option, file, kind in data_files(config):
        put(Path(file.path), columns(*((conll, {}) if "conll2003" in file.path else (pattern, types))))
        rows[option] = inputs.one(option, file, kind)
    known = rows["source.train"].features["ner_tags"].feature.names
    gold = align_labels(rows["target.gold"], known)
    assert sum(map(bool, sum(gold["ner_tags"], []))) == 3
    assert len(ner_to_mrc(gold, load_queries(config.queries))) == 2 * (len(known) // 2)
    assert config.continual_ner.use_source and config.output_dir.startswith("runs/")


def test_parts_that_are_not_listed_can_be_named_and_mistakes_end_with_status_2(further, capsys):
    assert [file.config for file in further.DATA_SETS["wikiann"].release(["sw"]).files] == ["sw"] * 3
    assert further.run(["wikian"]) == 2
    assert "no data set 'wikian'" in capsys.readouterr().err
    assert further.run(["--help"]) == 0 and "masakhaner2" in capsys.readouterr().out
    assert further.run(["wikiann", "sw", "--raw", "nowhere", "--out", "x"]) == 2


def test_only_those_with_an_open_licence_may_be_published(further):
    releases = {name: one.release() for name, one in further.DATA_SETS.items()}
    assert {name for name, one in releases.items() if one.licence.may_share} == {"multiconer2", "universalner"}
    for release in releases.values():
        assert release.licence.may_share == (release.licence.hub_id != "other")
        assert release.licence.why.endswith(".") and release.licence.url.startswith("https://")
