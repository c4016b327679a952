from __future__ import annotations

import dataclasses

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from tof_hf.algorithm.training_data import TofData, mrc_questions
from tof_hf.config import MrcConfig
from tof_hf.data.labels import label_names, spans_from_tags, tags_from_spans
from tof_hf.data.mrc_conversion import load_queries, ner_to_mrc, packaged_names, packaged_queries
from tof_hf.errors import DataError

TYPES = ["LOC", "MISC", "ORG", "PER"]
NAMES = label_names(TYPES)
tokens = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
tagged = st.lists(st.tuples(tokens, st.sampled_from(NAMES)), max_size=12)


def ner(*rows, names=NAMES):
    features = Features(
        {"id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=names))}
    )
    return Dataset.from_list(
        [
            {"id": f"s{i}", "tokens": [w for w, _ in row], "ner_tags": [names.index(tag) for _, tag in row]}
            for i, row in enumerate(rows)
        ],
        features=features,
    )


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(tagged, min_size=1, max_size=4))
def test_every_entity_stands_at_its_offsets_under_the_question_of_its_type(rows):
    # Random tags are mostly broken IOB: an I- after O or after another type starts an entity.
    converted = ner_to_mrc(ner(*rows))
    assert len(converted) == 4 * len(rows)
    queries = load_queries()
    expected = {
        (i, span.label, " ".join(word for word, _ in row[span.start : span.end]), span.start)
        for i, row in enumerate(rows)
        for span in spans_from_tags([tag for _, tag in row])
    }
    found = set()
    for place, row in enumerate(converted):
        i = place // 4
        words = [word for word, _ in rows[i]]
        assert row["context"] == " ".join(words)
        assert row["question"] == queries[row["label"]]
        starts = {sum(len(word) + 1 for word in words[:k]): k for k in range(len(words))}
        for span in row["spans"]:
            assert span["start"] < span["end"]
            text = row["context"][span["start"] : span["end"]]
            found.add((i, row["label"], text, starts[span["start"]]))
    assert found == expected


@pytest.mark.slow
@given(st.lists(tagged, min_size=1, max_size=3))
def test_broken_tags_convert_like_the_same_entities_in_strict_iob2(rows):
    strict = []
    for row in rows:
        tags = tags_from_spans(spans_from_tags([tag for _, tag in row]), len(row))
        strict.append(list(zip([word for word, _ in row], tags, strict=True)))
    assert ner_to_mrc(ner(*rows)).to_list() == ner_to_mrc(ner(*strict)).to_list()


def test_each_sentence_is_asked_about_each_type_and_negatives_stay():
    rows = ner(
        [
            ("Maria", "B-PER"),
            ("and", "O"),
            ("Juan", "B-PER"),
            ("left", "O"),
            ("New", "B-LOC"),
            ("York", "I-LOC"),
        ],
        [("Nobody", "O")],
    )
    converted = ner_to_mrc(rows)
    spans = {(row["context"], row["label"]): [(s["start"], s["end"]) for s in row["spans"]] for row in converted}
    context = "Maria and Juan left New York"
    assert spans == {
        (context, "PER"): [(0, 5), (10, 14)],
        (context, "LOC"): [(20, 28)],
        (context, "ORG"): [],
        (context, "MISC"): [],
        ("Nobody", "PER"): [],
        ("Nobody", "LOC"): [],
        ("Nobody", "ORG"): [],
        ("Nobody", "MISC"): [],
    }
    assert len(set(converted["id"])) == len(converted)


def test_neighbouring_entities_of_one_type_stay_apart():
    converted = ner_to_mrc(ner([("Madrid", "B-LOC"), ("Paris", "B-LOC"), ("now", "O")]))
    row = next(row for row in converted if row["label"] == "LOC")
    assert [row["context"][s["start"] : s["end"]] for s in row["spans"]] == ["Madrid", "Paris"]


def test_a_type_without_a_query_is_named_in_the_error():
    data = ner([("Parsley", "B-HERB")], names=label_names(["HERB", "LOC"]))
    with pytest.raises(DataError, match="HERB"):
        ner_to_mrc(data)
    assert {row["question"] for row in ner_to_mrc(data, {"HERB": "Which herbs?", "LOC": "Where?"})} == {
        "Which herbs?",
        "Where?",
    }


def test_queries_of_the_user_override_those_of_the_package(tmp_path):
    file = tmp_path / "queries.yaml"
    file.write_text("LOC: ¿Qué lugares?\n", encoding="utf-8")
    for queries in (file, str(file), {"LOC": "¿Qué lugares?"}):
        questions = {row["label"]: row["question"] for row in ner_to_mrc(ner([("x", "O")]), queries)}
        assert questions["LOC"] == "¿Qué lugares?"
        assert questions["PER"] == load_queries()["PER"]


@pytest.mark.parametrize("text", ["- LOC\n- PER\n", "LOC: 3\n", "LOC: ''\n", "just text\n", "", "LOC: [\n"])
def test_a_file_that_is_no_mapping_to_questions_is_refused_by_name(tmp_path, text):
    file = tmp_path / "queries.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="queries.yaml"):
        load_queries(file)
    with pytest.raises(DataError, match="missing.yaml"):
        load_queries(tmp_path / "missing.yaml")


def test_rows_without_tags_are_refused():
    with pytest.raises(DataError, match="without ner_tags"):
        ner_to_mrc(Dataset.from_dict({"id": ["1"], "tokens": [["Rio"]]}))


def test_queries_of_the_package_are_taken_by_name_before_those_in_english(tmp_path, monkeypatch):
    assert load_queries("de")["PER"] == "Personen sind Namen von Personen oder Familien."
    assert load_queries("ontonotes") == load_queries() | packaged_queries("ontonotes")
    assert load_queries("es", base={"ALLERGEN": "¿Qué?"}) == {"ALLERGEN": "¿Qué?"} | packaged_queries("es")
    with pytest.raises(DataError, match=r"no such file.* queries of the package: ar, biomedical, "):
        load_queries("xx")
    (tmp_path / "de").write_text("PER: Wer?\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_queries("de")["PER"] == "Wer?"


def test_every_language_asks_for_the_types_of_conll_each_in_its_own_way():
    packaged = {name: packaged_queries(name) for name in packaged_names()}
    languages = {name: queries for name, queries in packaged.items() if len(name) == 2}
    assert len(languages) == 20
    assert {queries.keys() == packaged["en"].keys() for queries in languages.values()} == {True}
    for queries in packaged.values():
        assert all(query.endswith((".", "。")) and "\n" not in query for query in queries.values())
    questions = [query for queries in languages.values() for query in queries.values()]
    assert len(questions) == len(set(questions))


def test_the_error_of_a_type_without_a_query_names_those_of_the_package():
    names = label_names(["DISEASE", "CHEMICAL"])
    with pytest.raises(DataError, match=r"take those of the package \(queries: biomedical\)"):
        ner_to_mrc(ner([("x", "B-DISEASE")], names=names))


def test_sentences_of_the_target_may_be_asked_in_another_language():
    none = {field.name: None for field in dataclasses.fields(TofData)}
    rows, text = ner([("Lima", "B-LOC")]), ner([("x", "O")]).select_columns(["id", "tokens"])
    data = TofData(
        **none | {"source": rows, "target": text, "queries": load_queries(), "target_queries": load_queries("es")}
    )
    questions = mrc_questions(MrcConfig(use_pseudo_mrc=True), data, rows, seed=0)
    assert questions["ner_mrc"]["question"][:] == [load_queries()[label] for label in questions["ner_mrc"]["label"]]
    assert set(questions["pseudo_mrc"]["question"]) < set(load_queries("es").values())
