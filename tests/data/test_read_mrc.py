from __future__ import annotations

import json
import logging

import pytest
from datasets import Dataset, List, Value
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.data.readers.answers import AnswerCounts, mrc_row
from tof_hf.data.readers.read import read_mrc
from tof_hf.errors import DataError

CONTEXT = "Rio liegt am Meer. Das Meer ist blau."
HEX = "57279fdeff5b5019007d925e"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="data.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write_file


def answer(text, start):
    return {"text": text, "answer_start": start}


def squad(*questions, context=CONTEXT):
    return {
        "version": "1.1",
        "data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(questions)}]}],
    }


def question(*answers, id="q", **more):
    return {"id": id, "question": " Was? ", "answers": list(answers), **more}


def texts(rows):
    return [[row["context"][span["start"] : span["end"]] for span in row["spans"]] for row in rows]


def test_a_squad_file_becomes_rows_with_character_spans(write):
    rows = read_mrc(write(squad(question(answer("Rio", 0)))))
    assert rows.to_list() == [
        {"id": "q", "question": "Was?", "context": CONTEXT, "spans": [{"start": 0, "end": 3}], "label": None}
    ]
    assert rows.features["spans"] == List({"start": Value("int32"), "end": Value("int32")})


def test_the_most_frequent_alternative_answer_is_kept_and_the_first_on_a_tie(write):
    voted = question(answer("Rio", 0), answer("am Meer", 10), answer("am Meer", 10), id="voted")
    tied = question(answer("Rio", 0), answer("am Meer", 10), id="tied")
    assert texts(read_mrc(write(squad(voted, tied)))) == [["am Meer"], ["Rio"]]


def test_an_answer_at_a_wrong_place_moves_to_the_only_place_where_it_stands(write, caplog):
    path = write(squad(question(answer("blau", -1), id="a"), question(answer("am Meer", 3), id="b")))
    with caplog.at_level(logging.INFO, "tof_hf"):
        assert texts(read_mrc(path)) == [["blau"], ["am Meer"]]
    assert "2 answers moved" in caplog.text


def test_an_answer_that_stands_nowhere_or_twice_is_dropped_and_counted(write, caplog):
    path = write(
        squad(
            question(answer("Paris", 0), id="nowhere"),
            question(answer("Meer", -1), id="twice"),
            question(answer("Paris", 0), answer("Rio", 0), id="one good"),
        )
    )
    with caplog.at_level(logging.INFO, "tof_hf"):
        rows = read_mrc(path)
    assert (rows["id"][:], texts(rows)) == (["one good"], [["Rio"]])
    assert "2 dropped" in caplog.text


def test_the_second_of_equal_words_is_kept_where_the_offset_says_so(write):
    rows = read_mrc(write(squad(question(answer("Meer", 23)))))
    assert rows[0]["spans"] == [{"start": 23, "end": 27}]


def test_blanks_around_an_answer_are_not_part_of_it(write):
    assert texts(read_mrc(write(squad(question(answer(" liegt ", 3)))))) == [["liegt"]]


def test_an_impossible_question_has_no_span_and_its_plausible_answer_is_ignored(write):
    impossible = question(id="no", is_impossible=True, plausible_answers=[answer("Rio", 0)])
    rows = read_mrc(write(squad(impossible, question(answer("Rio", 0), id="yes", is_impossible=False))))
    assert texts(rows) == [[], ["Rio"]]


def test_a_question_of_squad_v1_without_answers_is_dropped(write):
    rows = read_mrc(write(squad(question(id="open"), question(answer("Rio", 0)))))
    assert rows["id"][:] == ["q"]


def test_offsets_count_characters_not_bytes(write):
    rows = read_mrc(write(squad(question(answer("Größe", 2)), context="😀 Größe")))
    assert texts(rows) == [["Größe"]]


def test_tweetqa_keeps_answers_that_stand_in_the_tweet_in_any_case(write):
    tweets = [
        {"Question": "who?", "Answer": ["w nj", "W NJ"], "Tweet": "I apologize. W NJ loses.", "qid": "1"},
        {"Question": "who?", "Answer": ["somebody else"], "Tweet": "W NJ loses.", "qid": "2"},
        {"Question": "what?", "Answer": ["art"], "Tweet": "Smart art (c++)", "qid": "3"},
        {"Question": "what?", "Answer": ["c++"], "Tweet": "Smart art (c++)", "qid": "3"},
    ]
    rows = read_mrc(write(tweets))
    assert texts(rows) == [["W NJ"], ["art"], ["c++"]]
    assert rows[1]["spans"] == [{"start": 6, "end": 9}]
    assert len(set(rows["id"])) == 3
    assert texts(read_mrc(Dataset.from_list(tweets))) == texts(rows)


def test_rows_in_our_form_are_read_from_json_lines_parquet_and_datasets(write, tmp_path):
    rows = read_mrc(write(squad(question(answer("Rio", 0)), question(is_impossible=True, id="no"))))
    rows = rows.map(lambda row: {"label": "LOC"}, features=rows.features)
    rows.to_json(tmp_path / "rows.jsonl")
    rows.to_parquet(tmp_path / "rows.parquet")
    for source in (
        tmp_path / "rows.jsonl",
        tmp_path / "rows.parquet",
        rows,
        write(rows.to_list(), "list.json"),
    ):
        again = read_mrc(source)
        assert again.features == rows.features
        assert again.to_list() == rows.to_list()


def test_the_hubs_squad_form_is_read_and_empty_answers_mean_no_answer():
    given = Dataset.from_dict(
        {
            "question": ["Wo?", "Wo?", "Wo?"],
            "context": [CONTEXT] * 3,
            "answers": [
                {"text": ["Rio", "Meer", "Meer"], "answer_start": [0, 13, 13]},
                {"text": [], "answer_start": []},
                {"text": ["Paris"], "answer_start": [0]},
            ],
        }
    )
    rows = read_mrc(given)
    assert rows["id"][:] == ["row-0", "row-1"]
    assert texts(rows) == [["Meer"], []]


def test_several_spans_of_a_row_in_our_form_are_all_kept():
    spans = [{"start": 13, "end": 17}, {"start": 23, "end": 27}]
    rows = read_mrc(Dataset.from_list([{"question": "Was?", "context": CONTEXT, "spans": spans, "label": "X"}]))
    assert (rows[0]["spans"], rows[0]["label"]) == (spans, "X")


def test_paragraphs_that_stand_elsewhere_are_left_out(write, caplog):
    other = "Bonn liegt am Rhein."
    both = squad(question(answer("Rio", 0)))
    both["data"] += squad(question(answer("Bonn", 0), id="b"), context=other)["data"]
    only = write(squad(question(answer("am", 10), id="x")), "only.json")
    with caplog.at_level(logging.INFO, "tof_hf"):
        assert read_mrc(write(both), exclude_contexts_of=only)["id"][:] == ["b"]
    assert "1 of 2 questions dropped" in caplog.text
    with pytest.raises(DataError, match="no question outside"):
        read_mrc(write(both), exclude_contexts_of=write(both))


def test_a_translated_paragraph_is_known_by_the_shared_question_id(write):
    source = squad(question(answer("Rio", 0), id=HEX), question(answer("Meer", 13), id="sibling"))
    source["data"] += squad(question(answer("Bonn", 0), id="b"), context="Bonn.")["data"]
    translated = write(squad(question(answer("sea", 4), id=HEX), context="The sea."), "translated.json")
    assert read_mrc(write(source), exclude_contexts_of=translated)["id"][:] == ["b"]


def test_files_that_share_ids_can_be_joined(write):
    one = write(squad(question(answer("Rio", 0), id=HEX)))
    two = write(squad(question(answer("sea", 4), id=HEX), context="The sea."), "two.json")
    rows = read_mrc([one, two])
    assert texts(rows) == [["Rio"], ["sea"]]
    assert len(set(rows["id"])) == 2


def test_the_cache_has_a_name_of_its_own(write):
    [cached] = read_mrc(write(squad(question(answer("Rio", 0))))).cache_files
    assert "tof_mrc" in cached["filename"]


@pytest.mark.parametrize(
    ("content", "name", "line", "message"),
    [
        ("{", "a.json", 1, "not JSON"),
        ('{"id": 1}\nnonsense', "a.jsonl", 2, "text that is not JSON"),
        (
            '{"question": "a", "context": "b", "spans": []}\n{"question": "a"}',
            "a.jsonl",
            2,
            "no text in 'context'",
        ),
        ("3", "a.json", None, "JSON of type int"),
        ({"data": [{"paragraphs": [{"qas": [{}]}]}]}, "a.json", None, "not in SQuAD format near data[0]"),
        ({"data": 3}, "a.json", None, "not in SQuAD format"),
        (squad(question(answer("Rio", 0)), question(answer("Rio", 0))), "a.json", None, "the id 'q' twice"),
        (
            squad({"id": "q", "answers": []}),
            "a.json",
            None,
            "data[0].paragraphs[0].qas[0]: no text in 'question'",
        ),
        (squad(question(answer("Rio", "0"))), "a.json", None, "the answer 'Rio' at '0'"),
        (squad(question({"start": 0})), "a.json", None, "answers="),
        (squad(question()), "a.json", None, "no usable question"),
        (
            [{"question": "a", "context": "b", "spans": [{"start": 0, "end": 2}]}],
            "a.json",
            None,
            "1 characters",
        ),
        (
            [{"question": "a", "context": "b", "spans": [{"start": 0, "end": 0}]}],
            "a.json",
            None,
            "1 characters",
        ),
        ([{"question": "a", "context": "b", "spans": [[0, 1]]}], "a.json", None, "spans="),
        ([{"question": "a", "context": "b", "spans": [], "label": 3}], "a.json", None, "the label 3"),
        ([{"Question": "a", "Tweet": "b", "Answer": "b"}], "a.json", None, "Answer='b'"),
    ],
)
def test_bad_files_are_refused_with_place_and_advice(write, content, name, line, message):
    path = write(content, name)
    with pytest.raises(DataError) as caught:
        read_mrc(path)
    assert message in str(caught.value)
    assert "What to do: " in str(caught.value)
    assert (caught.value.path, caught.value.line) == (path, line)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "a", "spans": []}, "no column 'context'"),
        ({"question": "a", "context": "b"}, "no column 'spans'"),
        ({"question": "a", "context": "b", "spans": [{"start": 1, "end": 2}]}, "in row 0: spans [(1, 2)]"),
        (
            {"question": "a", "context": "b", "answers": {"text": ["c"], "answer_start": [0]}},
            "no usable question",
        ),
    ],
)
def test_bad_tables_are_refused(row, message):
    with pytest.raises(DataError) as caught:
        read_mrc(Dataset.from_list([row]))
    assert message in str(caught.value)


@given(st.text(max_size=20), st.data())
def test_a_span_always_reads_the_answers_text(context, data):
    start = data.draw(st.integers(0, len(context)))
    text = context[start : data.draw(st.integers(start, len(context)))]
    given_start = data.draw(st.sampled_from([start, -1, 0]))
    record = {"question": "?", "context": "x" + context, "answers": [answer(text, given_start + 1)]}
    row = mrc_row(record, counts=AnswerCounts(), empty_is_no_answer=False)
    if text.strip() and given_start == start:
        assert row is not None
    if row is not None:
        [span] = row["spans"]
        assert row["context"][span["start"] : span["end"]] == text.strip()
