from __future__ import annotations

import logging

import pytest
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.data import BilingualDictionary
from tof_hf.errors import DataError

words = st.text(st.characters(categories=["Ll", "Lu"]), min_size=1, max_size=6)


@pytest.fixture
def write(tmp_path):
    def writer(text, name="dictionary.txt"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return writer


def test_a_muse_file_gives_the_first_translation_first(write):
    dictionary = BilingualDictionary.from_file(write("the el\nthe la\nhouse casa\n"))
    assert dictionary.entries == {"the": ("el", "la"), "house": ("casa",)}
    assert dictionary.lookup("the") == "el"


def test_lookup_ignores_case_and_gives_none_for_an_unknown_word(write):
    dictionary = BilingualDictionary.from_file(write("Straße road\n"))
    assert dictionary.lookup("STRASSE") == "road"
    assert "strasse" in dictionary and dictionary.lookup("haus") is None


def test_a_line_with_a_tab_may_hold_several_words(write):
    dictionary = BilingualDictionary.from_file(write("UN\tNaciones  Unidas\n", "own.tsv"))
    assert dictionary.lookup("un") == "Naciones Unidas"


def test_a_pair_given_twice_is_kept_once():
    assert BilingualDictionary({"a": ["b", "b", "c"], "A": "d"}).entries == {"a": ("b", "c", "d")}


def test_the_most_frequent_translation_is_that_of_the_target_text():
    dictionary = BilingualDictionary({"the": ["el", "la"], "house": ["casa", "hogar"], "un": ["nu", "Naciones Unidas"]})
    text = Dataset.from_dict({"id": ["1"], "tokens": [["La", "mesa", "la", "casa", "el", "naciones", "unidas"]]})
    chosen = dictionary.most_frequent_in(text)
    assert chosen.entries["the"] == ("la", "el")
    assert chosen.lookup("house") == "casa"  # casa once, hogar never
    assert chosen.lookup("un") == "Naciones Unidas"


def test_in_a_merge_the_first_dictionary_is_asked_first():
    merged = BilingualDictionary({"a": "x"}).merge(BilingualDictionary({"a": "y", "b": "z"}))
    assert merged.entries == {"a": ("x", "y"), "b": ("z",)}


def test_reversed_swaps_the_languages():
    assert BilingualDictionary({"a": ["x", "y"], "b": "x"}).reversed().entries == {"x": ("a", "b"), "y": ("a",)}


def test_statistics_count_words_pairs_ambiguous_and_identical_ones():
    counts = BilingualDictionary({"a": ["x", "y"], "Radio": "radio"}).statistics()
    assert (counts.words, counts.pairs, counts.ambiguous, counts.identical) == (2, 3, 1, 1)


@given(st.dictionaries(words, st.lists(words, min_size=1, max_size=3), min_size=1, max_size=5))
def test_a_saved_dictionary_is_read_back_equal(tmp_path_factory, entries):
    dictionary = BilingualDictionary(entries)
    path = tmp_path_factory.mktemp("saved") / "dictionary.tsv"
    dictionary.save(path)
    assert BilingualDictionary.from_file(path) == dictionary


def test_a_few_broken_lines_are_counted_and_the_first_is_named(write, caplog):
    with caplog.at_level(logging.WARNING):
        dictionary = BilingualDictionary.from_file(write("a x\nb\nc y z\nd w\ne v\n"))
    assert len(dictionary) == 3
    assert "2 of 5 lines" in caplog.text and "line 2" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [("one\ntwo words here\nthree\n", ":1: "), ("", "empty"), ("\n \n", "empty")],
)
def test_a_file_that_is_no_dictionary_is_an_error_that_says_where(write, text, said):
    with pytest.raises(DataError, match=said):
        BilingualDictionary.from_file(write(text))


def test_entries_of_several_source_words_are_counted_and_warned_of(write, caplog):
    assert BilingualDictionary.from_file(write("New York\tNueva York\nhouse\tcasa\n")).statistics().phrases == 1
    assert "1 entries have several source words" in caplog.text


def test_a_dictionary_without_a_pair_is_an_error():
    with pytest.raises(DataError, match="no pair of words"):
        BilingualDictionary({"a": [" "]})
