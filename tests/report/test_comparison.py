from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tof_hf.cli import main
from tof_hf.errors import DataError
from tof_hf.report.comparison import make_comparison, run_names


@pytest.fixture
def two(written, tmp_path):
    """Two runs; the taggers of the second are those of the first in the other order."""
    tags = dict(zip(written.tags, reversed(written.tags.values()), strict=True))
    return replace(written, folder=tmp_path / "a" / "run"), replace(written, folder=tmp_path / "b" / "run", tags=tags)


@pytest.fixture
def comparison(two, parsed):
    """Writes both runs and reads the page about them."""
    return lambda **options: parsed(make_comparison(*(run.write() for run in two), **options).html)


def test_two_runs_are_scored_side_by_side_with_their_difference(comparison):
    found = comparison()
    assert found.wrong == [] and len(found.of("script")) == 1
    assert "a/run and b/run: two TOF runs" in found.text
    assert " tof target 66.67 50.00 50.00 50.00 57.14 50.00 -7.14" in found.text
    assert "LOC target 50.00 80.00 +30.00" in found.text
    assert "On target the final tagger of b/run is -7.14 F1 from that of a/run" in found.text


def test_entities_that_one_run_found_and_the_other_did_not_are_counted_and_shown(comparison):
    found = comparison()
    assert "target: a/run and b/run, 2 of 3 sentences differ" in found.text
    assert "1 entities that only b/run has right, 1 that only a/run has right." in found.text
    assert "Ana Ruiz PER 1 0" in found.text and "Roma LOC 0 1" in found.text
    assert found.of("mark", class_="gone") and found.of("mark", class_="new")


def test_sentences_are_matched_by_their_words(two, comparison):
    two[1].tokens = [["otra"], *two[1].tokens]
    two[1].tags = {name: [["O"], *rows] for name, rows in two[1].tags.items()}
    two[1].gold = [["O"], *two[1].gold]
    found = comparison()
    assert "target text: a/run and b/run, 2 of 3 sentences differ" in found.text
    assert "The final taggers were not scored on the same sentences" in found.text


def test_options_and_data_that_differ_are_listed_and_others_are_not(two, comparison):
    two[1].dictionary = "en-es.tsv"
    text = comparison().text
    assert "translation.dictionary en-es.tsv" in text and "some/encoder" not in text


def test_the_same_runs_differ_in_nothing(two, comparison):
    two[1].tags = two[0].tags
    text = comparison().text
    assert "Data, options and versions are the same." in text
    assert "On target both final taggers have the same F1." in text


def test_runs_that_share_no_tagger_and_no_sentence_give_a_page(two, comparison):
    two[0].unfinished = ("mlm", "mlm-ner", "mlm-ner-ner1")
    found = comparison()
    assert found.wrong == []
    assert "There is no split on which both runs were scored." in found.text


def test_one_run_twice_and_what_is_no_run_are_refused(two, tmp_path):
    folder = two[0].write()
    with pytest.raises(DataError, match="the same run twice"):
        make_comparison(folder, folder / ".." / "run")
    with pytest.raises(DataError, match="nothing of that name"):
        make_comparison(folder, tmp_path / "absent")
    assert run_names(tmp_path / "one", tmp_path / "two") == ("one", "two")


def test_the_command_writes_the_comparison_into_the_first_run(two, capsys):
    one, other = (run.write() for run in two)
    before = json.loads((other / "lineage.json").read_text())
    assert main(["report", str(one), str(other)]) == main(["report", str(one), str(other)]) == 0
    assert capsys.readouterr().out.startswith(f"written: {one / 'comparison.html'} (")
    assert not (one / "comparison-to-label.conll").exists()
    assert json.loads((other / "lineage.json").read_text()) == before
    (one / "comparison.html").write_text("mine")
    assert main(["report", str(one), str(other)]) == 2
