"""What a word is, in many languages, by every rule."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.config.run_file import WORD_RULE
from tof_hf.data import read_text
from tof_hf.data.words import PATTERNS, describe_rule, find_word_spans, split_words, stored_rule
from tof_hf.errors import DataError, TofError

INVISIBLE = regex.compile(r"[\s\p{Cc}\p{DI}]")


@pytest.mark.parametrize(
    ("text", "words"),
    {
        "नई दिल्ली में मोदी": ["नई", "दिल्ली", "में", "मोदी"],
        "তিনি বাংলাদেশে।": ["তিনি", "বাংলাদেশে", "।"],
        "서울에서 왔다.": ["서울에서", "왔다", "."],
        "هذا محمّد، نعم": ["هذا", "محمّد", "،", "نعم"],
        "علی\u200cرضا رفت": ["علی\u200cرضا", "رفت"],
        "Nord\u00adrhein": ["Nord\u00adrhein"],
        "Val\u2060ka": ["Val\u2060ka"],
        "El Paral·lel": ["El", "Paral·lel"],
        'חיל צה"ל, ודו״ח': ["חיל", 'צה"ל', ",", "ודו״ח"],
        "O‘zbek tili": ["O‘zbek", "tili"],
        "l'eau d’or": ["l'eau", "d’or"],
        "e\u0301te\u0301.": ["e\u0301te\u0301", "."],
    }.items(),
)
def test_marks_joiners_and_inner_apostrophes_stay_in_their_word(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    {
        "李明访问了上海。": list("李明访问了上海。"),
        "東京タワーは2023年に": [*"東京タワーは", "2023", *"年に"],
        "ง่ายเดียว": ["ง่", "า", "ย", "เ", "ดี", "ย", "ว"],
        "ສະບາຍດີ": ["ສ", "ະ", "ບ", "າ", "ຍ", "ດີ"],
        "ភាសា": ["ភា", "សា"],
        "မြန်မာ": ["မြ", "န်", "မ", "ာ"],
    }.items(),
)
def test_scripts_without_blanks_are_split_into_characters_with_their_marks(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    {
        "Coca-Cola's don't jean-paul": ["Coca-Cola's", "don't", "jean-paul"],
        "Ost-West, -los, a--b, so...": ["Ost-West", ",", "-", "los", ",", "a", "--", "b", ",", "so", "..."],
        "AT&T (U.S.) and EE.UU.": ["AT&T", "(", "U.S.", ")", "and", "EE.UU."],
        "3,5 % um 10:30 für 1.000,50.": ["3,5", "%", "um", "10:30", "für", "1.000,50", "."],
        "Am Ende.Der Name:Ana": ["Am", "Ende", ".", "Der", "Name", ":", "Ana"],
    }.items(),
)
def test_hyphens_numbers_and_abbreviations_are_words_as_in_conll(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    {
        "(https://x.org/a?b=c), www.foo.de.": ["(", "https://x.org/a?b=c", ")", ",", "www.foo.de", "."],
        "@user_1: #Tag, me.you@ex.co.uk!": ["@user_1", ":", "#Tag", ",", "me.you@ex.co.uk", "!"],
        "ok👍🏽👩\u200d👩\u200d👧🇩🇪🇫🇷 ☀\ufe0f": ["ok", "👍🏽", "👩\u200d👩\u200d👧", "🇩🇪", "🇫🇷", "☀\ufe0f"],
    }.items(),
)
def test_addresses_mentions_hashtags_and_emoji_are_one_word_each(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize("rule", ["unicode", "whitespace", "characters"])
def test_nothing_invisible_is_a_word(rule):
    assert split_words("\ufeffa \u200b \u2060\n\x00b", rule) == ["a", "b"]


@given(st.text(max_size=30), st.sampled_from(["unicode", "whitespace", "characters"]))
def test_splitting_loses_nothing_but_what_is_invisible_and_words_have_no_blanks(text, rule):
    words = split_words(text, rule)
    assert INVISIBLE.sub("", "".join(words)) == INVISIBLE.sub("", text)
    assert all(word.split() == [word] for word in words)


@given(st.text(max_size=30), st.sampled_from([*PATTERNS]))
def test_the_stored_pattern_gives_plain_users_the_same_words(text, rule):
    assert regex.findall(describe_rule(rule)["word_pattern"], text) == split_words(text, rule)
    assert [text[start:end] for start, end in find_word_spans(text, rule)] == split_words(text, rule)


def test_the_legacy_rule_takes_the_same_characters_for_letters_as_python():
    letters = {c for c in map(chr, range(sys.maxunicode)) if re.match(r"\w", c)}
    marks = {c for c in map(chr, range(0x300, 0xFFFF)) if unicodedata.category(c)[0] == "M"}
    unknown = {c for c in letters | marks if unicodedata.category(c) == "Cn"}
    assert all(split_words(f"a{c}b", "legacy") == [f"a{c}b"] for c in (letters | marks) - unknown)
    assert split_words("3,5 Ost-West U.S.", "legacy") == ["3", ",", "5", "Ost-West", "U", ".", "S", "."]


def test_text_can_be_read_by_another_rule(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("Rio (ruft) laut.\nJa, so\n", encoding="utf-8")
    assert read_text(file, word_rule="whitespace")["tokens"][0] == ["Rio", "(ruft)", "laut."]
    assert read_text(file)["tokens"][0] == ["Rio", "(", "ruft", ")", "laut", "."]
    assert read_text(file, word_rule="characters")["tokens"][1] == ["J", "a", ",", "s", "o"]


def test_spacy_splits_by_the_rules_of_its_language(monkeypatch):
    pytest.importorskip("spacy")
    assert split_words("Germany's  U.S. team", "spacy:en") == ["Germany", "'s", "U.S.", "team"]
    with pytest.raises(TofError, match="no such tokenizer"):
        split_words("a", "spacy:qq")


def test_an_unknown_rule_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(DataError, match="'words'.*unicode, whitespace, characters, or spacy:xx"):
        read_text(tmp_path / "text.txt", word_rule="words")


def test_the_run_file_takes_the_same_rules():
    assert all(re.fullmatch(WORD_RULE, rule) for rule in (*PATTERNS, "spacy:en"))


@pytest.mark.parametrize("stored", [None, "unicode", {}, {"word_rule": 5}])
def test_a_config_without_a_rule_has_none(stored):
    assert stored_rule(type("Config", (), {"tof_hf": stored})) is None
