from __future__ import annotations

import inspect
import random
from collections import Counter

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.data import BilingualDictionary, ner_to_mrc, project, translate_words
from tof_hf.data.features import MRC_FEATURES
from tof_hf.data.translation.words import FEWEST_WORDS, as_in_target, case_counts, like_source, translate_text
from tof_hf.errors import DataError

NAMES = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
WORDS = BilingualDictionary(
    {"the": "el", "house": "casa", "king": "rey", "green": "verde", "of": "de", "york": "yorque"}
    | {"un": "naciones unidas"}
)


def sentences(*rows):
    features = Features(
        {"id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=NAMES))}
    )
    ids = [str(number) for number in range(len(rows))]
    tokens, tags = [row[0].split() for row in rows], [row[1].split() for row in rows]
    return Dataset.from_dict({"id": ids, "tokens": tokens, "ner_tags": tags}, features=features)


def questions(context, *answers, question="Who saw the king?", label=None):
    spans = [{"start": context.index(answer), "end": context.index(answer) + len(answer)} for answer in answers]
    row = {"id": "q", "question": question, "context": context, "spans": spans, "label": label}
    return Dataset.from_list([row], features=MRC_FEATURES)


def tags_of(dataset):
    return [[NAMES[tag] for tag in tags] for tags in dataset["ner_tags"]]


def answers_of(dataset):
    return [[row["context"][s["start"] : s["end"]] for s in row["spans"]] for row in dataset]


def test_words_are_replaced_and_tags_stay():
    out = translate_words(sentences(("The Green House of Bob", "O B-LOC I-LOC O B-PER")), WORDS)
    assert out["tokens"][:] == [["El", "Verde", "Casa", "de", "Bob"]]
    assert tags_of(out) == [["O", "B-LOC", "I-LOC", "O", "B-PER"]]


def test_persons_are_copied_by_default():
    rows = sentences(("King met King", "B-PER O O"))
    assert translate_words(rows, WORDS)["tokens"][:] == [["King", "met", "Rey"]]
    assert translate_words(rows, WORDS, copy_types=[])["tokens"][:] == [["Rey", "met", "Rey"]]


def test_a_translation_of_several_words_continues_the_entity():
    out = translate_words(sentences(("the UN house", "O B-LOC I-LOC")), WORDS)
    assert out["tokens"][:] == [["el", "NACIONES", "UNIDAS", "casa"]]
    assert tags_of(out) == [["O", "B-LOC", "I-LOC", "I-LOC"]]


def test_unlabelled_rows_have_their_words_translated():
    rows = sentences(("the house", "O O")).select_columns(["id", "tokens"])
    out = translate_words(rows, WORDS)
    assert out.column_names == ["id", "tokens"] and out["tokens"][:] == [["el", "casa"]]


def test_question_context_and_answers_are_translated_together():
    out = translate_words(questions("In the Green House, the King's dog sat.", "Green House", "King"), WORDS)
    assert out["question"][0] == "Who saw el rey?"
    assert out["context"][0] == "In el Verde Casa, el Rey's dog sat."
    assert answers_of(out) == [["Verde Casa", "Rey"]]


def test_an_answer_inside_a_translated_word_takes_the_whole_word():
    rows = questions("in greenhouse UN", "UN")
    out = translate_words(rows, WORDS.merge(BilingualDictionary({"greenhouse": "invernadero"})))
    assert answers_of(out) == [["NACIONES UNIDAS"]]
    inside = rows.map(lambda row: {"spans": [{"start": 3, "end": 8}]}, features=MRC_FEATURES)
    assert answers_of(translate_words(inside, BilingualDictionary({"greenhouse": "invernadero"}))) == [["invernadero"]]


def test_questions_about_entity_types_stay_and_copied_types_keep_their_answers():
    rows = ner_to_mrc(sentences(("the king of York", "O B-PER O B-LOC")), {"PER": "the king?", "LOC": "the house?"})
    out = translate_words(rows, WORDS)
    assert out["question"][:] == rows["question"][:]
    answers = {row["label"]: row["context"][row["spans"][0]["start"] : row["spans"][0]["end"]] for row in out}
    assert answers == {"PER": "king", "LOC": "Yorque"}
    asked = translate_words(rows, WORDS, translate_queries=True)
    assert set(asked["question"][:]) == {"el rey?", "el casa?"}


@given(
    st.lists(st.sampled_from(["the", "un", "dog", "king's", "green", "x-ray", ",", "U.S."]), min_size=1, max_size=8),
    st.data(),
)
def test_spans_cover_the_translations_of_their_words(tokens, data):
    start = data.draw(st.integers(0, len(tokens) - 1))
    end = data.draw(st.integers(start + 1, len(tokens)))

    def literally(words):
        return " ".join(translate_text(word, WORDS.lookup).text for word in words)

    text = " ".join(tokens)
    first = len(" ".join(tokens[:start])) + (start > 0)
    last = len(" ".join(tokens[:end]))
    out = translate_text(text, WORDS.lookup)
    span = out.moved({"start": first, "end": last})
    assert out.text == literally(tokens)
    assert out.text[span["start"] : span["end"]] == literally(tokens[start:end])


@pytest.mark.parametrize(
    ("source", "translation", "written"),
    [
        ("HOUSE", "casa", "CASA"),
        ("House", "casa", "Casa"),
        ("house", "Casa", "casa"),
        ("A", "un", "Un"),
        ("iPhone", "x", "x"),
        ("New", "nueva york", "Nueva york"),
    ],
)
def test_a_translation_takes_the_case_of_its_word(source, translation, written):
    assert like_source(source, translation) == written


def test_the_casing_of_the_target_follows_its_own_frequencies():
    text = Dataset.from_dict({"id": ["1"], "tokens": [["Haus"] * 3 + ["haus"] + ["HAUS"]]})
    counts = case_counts(text)
    assert counts == {"haus": (1, 3, 1)}
    rng = random.Random(0)
    drawn = Counter(as_in_target("house", "haus", counts, rng) for _ in range(1000))
    assert drawn["Haus"] == pytest.approx(600, abs=60) and drawn["HAUS"] == pytest.approx(200, abs=60)
    assert as_in_target("Tree", "baum", counts, rng) == "Baum"


def test_the_casing_of_the_target_is_the_same_with_the_same_seed():
    text = Dataset.from_dict({"id": ["1"], "tokens": [["Casa", "casa"]]})
    rows = sentences(*[(f"house {number}", "O O") for number in range(50)])

    def out(seed):
        return translate_words(rows, WORDS, casing="target", target_text=text, seed=seed)["tokens"][:]

    assert out(1) == out(1) != out(2)
    with pytest.raises(DataError, match="target_text"):
        translate_words(rows, WORDS, casing="target")


def test_a_dictionary_the_wrong_way_round_is_noticed():
    rows = sentences((" ".join(["the", "house"] * FEWEST_WORDS), " ".join(["O", "O"] * FEWEST_WORDS)))
    with pytest.raises(DataError, match="looks reversed"):
        translate_words(rows, BilingualDictionary({"el": "the", "casa": "house"}))


def test_rows_of_another_form_are_refused():
    with pytest.raises(DataError, match="columns sentence"):
        translate_words(Dataset.from_dict({"sentence": ["a"]}), WORDS)


@pytest.mark.parametrize("tags", [["B-PER"], [1]])
def test_tags_without_names_are_refused_and_not_guessed(tags):
    rows = Dataset.from_dict({"id": ["1"], "tokens": [["un"]], "ner_tags": [tags]})
    with pytest.raises(DataError, match="read_ner"):
        translate_words(rows, WORDS)


def test_a_copied_type_that_no_label_has_is_warned_of(caplog):
    translate_words(sentences(("the house", "O O")), WORDS, copy_types=["person"])
    assert "no entity type person" in caplog.text


@pytest.mark.parametrize(
    ("text", "words", "translated"),
    [
        ("an x-ray of Oz’s house", {"x-ray": "rayos x", "oz": "onza"}, "an rayos x de Onza’s casa"),
        ("BRITAIN'S don’t", {"britain": "bretaña", "don't": "no"}, "BRETAÑA'S no"),
        ("green-house", {}, "verde-casa"),
        ("cafe\u0301 cafe", {"cafe": "bar"}, "cafe\u0301 bar"),
        ("नमस्ते दुनिया", {"दुनिया": "mundo"}, "नमस्ते mundo"),
        ("a_house", {}, "a_casa"),
    ],
)
def test_words_of_running_text_are_whole_words_of_any_script(text, words, translated):
    dictionary = WORDS.merge(BilingualDictionary(words or {"zzz": "z"}))
    assert translate_words(questions(text), dictionary)["context"][0] == translated


def test_an_edited_casing_rule_is_not_served_from_the_cache(tmp_path, monkeypatch):
    file = tmp_path / "rows.parquet"
    sentences(("the house", "O O")).to_parquet(str(file))
    rows = Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    first = translate_words(rows, WORDS)
    source = inspect.getsource
    edited = {like_source.__module__: "# edited"}
    monkeypatch.setattr(inspect, "getsource", lambda module: source(module) + edited.get(module.__name__, ""))
    assert translate_words(rows, WORDS).cache_files != first.cache_files


def test_a_translation_is_cached_and_another_dictionary_is_not_served_from_it(tmp_path):
    file = tmp_path / "rows.parquet"
    sentences(("the house", "O O")).to_parquet(str(file))
    rows = Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    first, again = translate_words(rows, WORDS), translate_words(rows, BilingualDictionary(WORDS.entries))
    assert first.cache_files == again.cache_files != []
    other = translate_words(rows, BilingualDictionary({"house": "hogar"}))
    assert other["tokens"][:] == [["the", "hogar"]]


def test_the_projection_counts_words_and_entities():
    rows = sentences(("The UN of Bob , dog", "O B-LOC O B-PER O O"), ("Paris", "B-LOC"))
    report = project(rows, translate_words(rows, WORDS), WORDS, samples=1)
    assert (report.words, report.copied, report.recased) == (6, 1, 2)  # El, NACIONES UNIDAS
    assert report.coverage == pytest.approx(3 / 6)
    assert report.unknown == {"bob": 1, "dog": 1, "paris": 1}
    location = report.entities["LOC"]
    assert (location.total, location.changed, location.survived, location.grew) == (2, 1, 1, 1)
    page = report.to_markdown()
    assert "| LOC | 2 | 1 | 1 | 1 |" in page and len(report.samples) == 1


def test_the_projection_of_questions_counts_answers():
    rows = questions("In the Green House", "Green House")
    report = project(rows, translate_words(rows, WORDS), WORDS)
    assert report.recased is None and report.copied == 0
    assert (report.entities["answer"].total, report.entities["answer"].changed) == (1, 1)


def test_the_projection_of_ner_questions_counts_what_was_kept_and_no_untranslated_question():
    rows = ner_to_mrc(sentences(("the king of York", "O B-PER O B-LOC")), {"PER": "who is there?", "LOC": "where?"})
    report = project(rows, translate_words(rows, WORDS), WORDS)
    assert (report.words, report.copied) == (5, 1)  # the context once, and the answer that was kept
    assert "who" not in report.unknown
