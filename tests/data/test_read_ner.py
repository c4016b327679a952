from __future__ import annotations

import gzip
import json
import logging
import os

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tof_hf.data.readers.columns import parse_conll
from tof_hf.data.readers.read import align_labels, read_ner, unlabelled
from tof_hf.errors import DataError
from tof_hf.utils.text import is_visible

ENGLISH = """-DOCSTART- -X- O O

EU NNP I-NP I-ORG
Germany NNP I-NP I-LOC
rejects VBZ I-VP O

Peter NNP I-NP I-PER
Blackburn NNP I-NP I-PER
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="train.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def tags(dataset):
    names = dataset.features["ner_tags"].feature.names
    return [[names[number] for number in row] for row in dataset["ner_tags"]]


def test_four_columns_in_iob1_become_strict_iob2_rows(write):
    rows = read_ner(write(ENGLISH))
    assert rows.column_names == ["id", "tokens", "ner_tags"]
    assert rows["id"][:] == ["train-0", "train-1"]
    assert rows["tokens"][:] == [["EU", "Germany", "rejects"], ["Peter", "Blackburn"]]
    assert tags(rows) == [["B-ORG", "B-LOC", "O"], ["B-PER", "I-PER"]]
    assert rows.features["ner_tags"] == List(
        ClassLabel(names=["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"])
    )


@pytest.mark.parametrize("separator", ["\t", " ", "   "])
@pytest.mark.parametrize("middle", [[], ["NN"], ["lemma", "NN", "I-NC"]])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_any_number_of_columns_with_tabs_or_blanks_reads_the_same(write, separator, middle, newline):
    words = [("Rio", "B-LOC"), ("ruft", "O")]
    text = newline.join(separator.join([word, *middle, tag]) for word, tag in words) + newline * 2
    assert tags(read_ner(write(text * 2))) == [["B-LOC", "O"]] * 2


@pytest.mark.parametrize(
    ("encoding", "word"),
    [("utf-8", "Łódź"), ("utf-8-sig", "Größe"), ("latin-1", "Größe"), ("cp1252", "„Größe“")],
)
def test_the_encoding_is_detected(write, encoding, word):
    rows = read_ner(write(f"{word} B-LOC\n".encode(encoding)))
    assert rows["tokens"][0] == [word]


def test_a_named_encoding_wins_over_detection(write):
    rows = read_ner(write("Łódź B-LOC\n".encode("iso8859-2")), encoding="iso8859-2")
    assert rows["tokens"][0] == ["Łódź"]


def test_docstart_inside_a_sentence_is_dropped_and_the_sentence_kept(write):
    rows = read_ner(write("-DOCSTART- -DOCSTART- O\nDe Art O\nRode Adj B-LOC\n"))
    assert rows["tokens"][:] == [["De", "Rode"]]


def test_docstart_parts_documents_without_a_blank_line(write):
    assert read_ner(write("a O\n-DOCSTART- O\nb O\n"))["tokens"][:] == [["a"], ["b"]]


def test_image_and_comment_lines_are_no_words_but_a_hash_is(write):
    rows = read_ner(write("IMGID:12\n# id = 3\n#\tO\nRio\tB-LOC\n"))
    assert rows["tokens"][:] == [["#", "Rio"]]


def test_a_word_of_white_space_is_dropped_and_a_no_break_space_parts_no_columns(write):
    rows = read_ner(write("\u00a0\tO\nRio\u00a0de\tB-LOC\n"))
    assert rows["tokens"][:] == [["Rio\u00a0de"]]
    assert tags(rows) == [["B-LOC"]]


def test_line_separators_of_unicode_do_not_end_a_line(write):
    assert read_ner(write("a\u2028b\tO\nc\x85d\tO\n"))["tokens"][:] == [["a\u2028b", "c\x85d"]]


@pytest.mark.parametrize(
    "written",
    [
        "U-LOC B-PER I-PER L-PER O",
        "S-LOC B-PER I-PER E-PER O",
        "I-LOC I-PER I-PER I-PER O",
        "E-LOC I-PER I-PER E-PER O",
        "B-LOC I-PER I-PER I-PER O",
    ],
)
def test_every_scheme_reads_to_the_same_entities(write, written):
    rows = read_ner(write("\n".join(f"w {tag}" for tag in written.split())))
    assert tags(rows) == [["B-LOC", "B-PER", "I-PER", "I-PER", "O"]]


def test_label_renaming_and_span_collapsing(write):
    path = write("a I-OTHER\nb I-PER\nc O\n")
    assert tags(read_ner(path, label_map={"OTHER": "MISC"})) == [["B-MISC", "B-PER", "O"]]
    collapsed = read_ner(path, label_map="span")
    assert tags(collapsed) == [["B-ENT", "B-ENT", "O"]]
    assert collapsed.features["ner_tags"].feature.names == ["O", "B-ENT", "I-ENT"]
    assert read_ner(path, label_map={"OTHER": "O"}).features["ner_tags"].feature.names == [
        "O",
        "B-PER",
        "I-PER",
    ]


def test_columns_name_other_places(write):
    path = write("1 B-LOC Rio\n2 O ruft\n")
    assert read_ner(path, columns={"tokens": 2, "ner_tags": 1})["tokens"][:] == [["Rio", "ruft"]]


def test_a_packed_file_is_read_as_it_is(write):
    rows = read_ner(write(gzip.compress("Coruña NC B-LOC\n".encode("latin-1")), "esp.train.gz"))
    assert (rows["tokens"][0], rows["id"][0]) == (["Coruña"], "esp.train-0")


def test_a_second_read_parses_nothing_and_an_edited_file_is_read_anew(write, monkeypatch):
    path = write(ENGLISH)
    first = read_ner(path)
    os.utime(path, (1, 1))
    monkeypatch.setattr("tof_hf.data.readers.ner.read_content", lambda *a, **k: pytest.fail("parsed again"))
    again = read_ner(path)
    monkeypatch.undo()
    assert again._fingerprint == first._fingerprint
    assert again.cache_files == first.cache_files
    write(ENGLISH.replace("Peter", "Paul"))
    assert read_ner(path)["tokens"][1] == ["Paul", "Blackburn"]


def test_the_cache_has_a_name_of_its_own_and_changes_with_the_code(write, monkeypatch):
    path = write(ENGLISH)
    [first] = read_ner(path).cache_files
    assert "tof_ner" in first["filename"]
    monkeypatch.setattr("tof_hf.data.readers.files.source_hash", lambda *functions: "edited")
    [again] = read_ner(path).cache_files
    assert again["filename"] != first["filename"]


def test_a_file_has_a_split_that_can_be_cut(write):
    assert len(read_ner(write(ENGLISH), split="train[:1]")) == 1


def test_parquet_json_lines_and_a_folder_read_like_the_file(write, tmp_path):
    rows = read_ner(write(ENGLISH))
    folder = tmp_path / "folder"
    folder.mkdir()
    rows.to_parquet(folder / "train.parquet")
    named = Dataset.from_dict({"id": rows["id"][:], "tokens": rows["tokens"][:], "ner_tags": tags(rows)})
    named.to_json(tmp_path / "rows.jsonl")
    for source in (folder / "train.parquet", folder, str(folder), tmp_path / "rows.jsonl", named, rows):
        again = read_ner(source)
        assert again.features == rows.features
        assert again.to_list() == rows.to_list()


def test_a_given_dataset_may_have_other_names_other_schemes_and_no_ids():
    given = Dataset.from_dict({"words": [["a", "b"], ["c"]], "tags": [["S-X", "O"], ["U"]], "more": [1, 2]})
    rows = read_ner(given, columns={"tokens": "words", "ner_tags": "tags"}, label_map={"ENT": "Y"})
    assert rows["id"][:] == ["row-0", "row-1"]
    assert tags(rows) == [["B-X", "O"], ["B-Y"]]


def test_class_labels_in_any_order_are_matched_by_name():
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["I-B", "O", "B-A"]))})
    rows = read_ner(Dataset.from_dict({"tokens": [["x", "y"]], "ner_tags": [[2, 0]]}, features=features))
    assert tags(rows) == [["B-A", "B-B"]]
    assert rows.features["ner_tags"].feature.names == ["O", "B-A", "I-A", "B-B", "I-B"]


def test_a_list_of_sources_is_joined_over_all_labels_with_ids_made_unique(write, tmp_path):
    one = write("a B-PER\n")
    (tmp_path / "other").mkdir()
    two = write("b B-LOC\n", "other/train.txt")
    rows = read_ner([one, two, Dataset.from_dict({"tokens": [["c"]], "ner_tags": [["O"]]})])
    assert tags(rows) == [["B-PER"], ["B-LOC"], ["O"]]
    assert len(set(rows["id"])) == 3
    assert rows.features["ner_tags"].feature.names == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


def test_splits_are_chosen_by_name():
    one = Dataset.from_dict({"tokens": [["a"]], "ner_tags": [["O"]]})
    both = DatasetDict({"train": one, "test": one})
    assert len(read_ner(both, split="test")) == 1
    assert len(read_ner(DatasetDict({"test": one}))) == 1
    for split in (None, "dev"):
        with pytest.raises(DataError, match="train, test"):
            read_ner(both, split=split)


def test_align_labels_matches_by_name_and_names_what_is_missing():
    rows = read_ner(Dataset.from_dict({"tokens": [["a", "b"]], "ner_tags": [["B-B", "B-A"]]}))
    wider = align_labels(rows, ["O", "B-A", "I-A", "B-AB", "I-AB", "B-B", "I-B"])
    assert tags(wider) == [["B-B", "B-A"]]
    assert wider.features["ner_tags"].feature.names[3] == "B-AB"
    with pytest.raises(DataError, match="entity types B, which"):
        align_labels(rows, ["O", "B-A", "I-A"])
    with pytest.raises(DataError, match="read_ner"):
        align_labels(unlabelled(rows), ["O"])


def test_align_labels_drops_types_that_never_occur():
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-A", "B-Z"]))})
    rows = read_ner(Dataset.from_dict({"tokens": [["a"]], "ner_tags": [[1]]}, features=features))
    assert tags(align_labels(rows, ["O", "B-A", "I-A"])) == [["B-A"]]


@pytest.mark.parametrize(
    ("content", "options", "line", "message"),
    [
        ("a O\nb NN O\n", {}, 2, "3 columns ('b NN O') where line 1 has 2"),
        ("a\nb\n", {}, 1, "1 column"),
        ("a B-X\n\nb ORG\n", {}, 3, "the tag 'ORG'"),
        ("a B-X\n\nb ORG\n", {}, 3, "write B-ORG at the first word of an entity, I-ORG at its others"),
        ("a O\nb S-PER\n", {"scheme": "IOB2"}, 2, "not IOB2"),
        ("a O\nb S-PER\n", {"scheme": "bio"}, 2, "not IOB2"),
        ("a O\n", {"scheme": "IOB3"}, None, "BIO, IOBES, "),
        ("a O\n", {"columns": {"ner_tags": 3}}, 1, "2 columns ('a O'), where at least 4 are needed"),
        ("a O\n", {"columns": {"ner_tags": 3}}, 1, "(0 to 1; -1 is the last), as in columns: {tokens: 0, "),
        ("a\n", {"columns": {"tokens": 0, "ner_tags": 1}}, 1, "(only 0; -1 is the last)"),
        ("a O\n", {"columns": {"words": 0}}, None, "'words'"),
        ("a O\n", {"columns": {"tokens": "words"}}, None, "'words'"),
        ("a O\n", {"label_map": "spans"}, None, "label_map"),
        ("a O\n", {"split": "test"}, None, "split='test'"),
        ("a O\n", {"encoding": "utf-9"}, None, "'utf-9'"),
        ("a O\n", {"encoding": "utf-9"}, None, "or null to detect it"),
        (b"a O\nGr\xf6\xdfe O\n", {"encoding": "utf-8"}, 2, "byte 0xf6, which is not utf-8"),
        ("", {}, None, "empty file"),
        (" \n\n", {}, None, "empty file"),
        ("-DOCSTART- O\n\n", {}, None, "no sentence"),
        (b"PK\0\0", {}, None, "binary"),
    ],
)
def test_bad_files_are_refused_with_file_line_and_advice(write, content, options, line, message):
    path = write(content)
    with pytest.raises(DataError) as caught:
        read_ner(path, **options)
    text = str(caught.value)
    assert message in text
    assert "What to do: " in text
    assert (caught.value.line, caught.value.path in (path, None)) == (line, True)
    if line is not None:
        assert text.startswith(f"{path}:{line}: ")


@pytest.mark.parametrize("name", ["missing.txt", "no_such_folder/train.txt", "eng.train", "a/b/c"])
def test_a_missing_file_is_named_and_not_asked_for_on_the_network(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tof_hf.data.readers.loading.load_dataset", lambda *a, **k: pytest.fail("asked the Hub"))
    with pytest.raises(DataError, match="no file or folder") as caught:
        read_ner(name)
    assert name in str(caught.value)


def test_what_looks_like_a_hub_id_is_loaded_by_load_dataset(monkeypatch):
    asked = []

    def load(*args, **kwargs):
        asked.append(args)
        return DatasetDict({"train": Dataset.from_dict({"tokens": [["a"]], "ner_tags": [["B-X"]]})})

    monkeypatch.setattr("tof_hf.data.readers.loading.load_dataset", load)
    assert read_ner("owner/name:config", split="train")["id"][:] == ["name-0"]
    assert read_ner("owner/name")["id"][:] == ["name-0"]
    assert asked == [("owner/name", "config"), ("owner/name", None)]


def test_a_hub_that_cannot_be_reached_is_a_data_error(monkeypatch):
    def load(*args, **kwargs):
        raise ConnectionError("offline")

    monkeypatch.setattr("tof_hf.data.readers.loading.load_dataset", load)
    with pytest.raises(DataError, match="neither a file nor a data set of the Hub"):
        read_ner("owner/name")


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ({"tokens": [["a"]], "x": [["O"]]}, {}, "no column 'ner_tags' (columns: tokens, x)"),
        ({"tokens": [["a"]], "x": [["O"]]}, {}, "as in columns: {ner_tags: tokens}"),
        ({"tokens": [["a"]], "ner_tags": [["O"]]}, {"columns": {"tokens": "words"}}, "no column 'words'"),
        ({"tokens": [["a"]], "ner_tags": [["O"]]}, {"columns": {"label": "tokens"}}, "columns entry 'label'"),
        ({"tokens": [["a"], ["b", "c"]], "ner_tags": [["O"], ["O"]]}, {}, "in row 1: 2 words and 1 tags"),
        ({"tokens": [["a"]], "ner_tags": [["X"]]}, {}, "the tag 'X'"),
        ({"tokens": [["a"]], "ner_tags": [[0]]}, {}, "ClassLabel"),
        ({"tokens": [3], "ner_tags": [["O"]]}, {}, "the column 'tokens' of type int"),
        ({"tokens": [["a", "b"]], "ner_tags": [["O", None]]}, {}, "a word without a tag"),
        ({"id": ["x", "x"], "tokens": [["a"]] * 2, "ner_tags": [["O"]] * 2}, {}, "the id 'x' more than once"),
        ({"tokens": [["a"]], "ner_tags": [["S-X"]]}, {"scheme": "IOB2"}, "not IOB2"),
        ({"tokens": [["a"]], "ner_tags": [["O"]]}, {"split": "test"}, "single table"),
        ({"tokens": [[" "]], "ner_tags": [["O"]]}, {}, "no rows"),
    ],
)
def test_bad_tables_are_refused_with_row_and_advice(rows, options, message):
    with pytest.raises(DataError) as caught:
        read_ner(Dataset.from_dict(rows), **options)
    assert message in str(caught.value)
    assert "What to do: " in str(caught.value)


def test_a_bad_row_of_a_json_lines_file_is_named_by_its_line(write):
    lines = [{"tokens": ["a"], "ner_tags": ["O"]}, {"tokens": ["a"], "ner_tags": ["O", "O"]}]
    path = write("\n".join(map(json.dumps, lines)), "rows.jsonl")
    with pytest.raises(DataError, match="1 words and 2 tags") as caught:
        read_ner(path)
    assert (caught.value.path, caught.value.line) == (path, 2)


@pytest.mark.parametrize("source", [[], 3, {"train": "a"}])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(DataError):
        read_ner(source)


def test_a_folder_without_tables_and_a_broken_table_are_refused(tmp_path, write):
    with pytest.raises(DataError, match="a folder without"):
        read_ner(tmp_path)
    for name in ("x.parquet", "x.jsonl"):
        with pytest.raises(DataError):
            read_ner(write("nonsense", name))


def test_docstart_rows_of_a_table_are_dropped():
    given = Dataset.from_dict({"tokens": [["-DOCSTART-"], ["a"]], "ner_tags": [["O"], ["B-X"]]})
    assert read_ner(given)["tokens"][:] == [["a"]]


def test_data_without_any_entity_is_read_with_a_warning(write, caplog):
    assert read_ner(write("a O\n")).features["ner_tags"].feature.names == ["O"]
    assert "no entity in" in caplog.text


def test_what_was_read_is_logged(write, caplog):
    with caplog.at_level(logging.INFO, "tof_hf"):
        read_ner(write("Größe I-LOC\n".encode("latin-1")))
    assert "1 sentences, 1 words, 1 entities in IOB1" in caplog.text
    assert "is not UTF-8; read as cp1252" in caplog.text


WORDS = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=6).filter(
    lambda word: is_visible(word) and not word.startswith(("-DOCSTART-", "IMGID:", "#", "\ufeff"))
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(st.tuples(WORDS, st.sampled_from(["O", "B-X", "I-Y"])), min_size=1), min_size=1))
@pytest.mark.parametrize("separator", ["\t", " "])
def test_what_is_written_in_columns_is_read_back(separator, tmp_path, sentences):
    text = "\n\n".join("\n".join(f"{word}{separator}{tag}" for word, tag in rows) for rows in sentences)
    read = parse_conll(text, path=tmp_path)
    assert [list(zip(s.tokens, s.tags, strict=True)) for s in read] == sentences


def test_utf_8_with_a_broken_byte_is_an_error_with_its_line_and_not_another_encoding(write):
    text = "Málaga B-LOC\n".encode() * 3 + b"Espa\xf1a B-LOC\n"
    with pytest.raises(DataError, match=r":4: found byte 0xf1, which is not UTF-8"):
        read_ner(write(text))
    assert read_ner(write(text), encoding="latin-1")["tokens"][0][-1] == "España"


ROW = '{"tokens": ["Rio"], "ner_tags": ["B-LOC"], "id": "%s"}\n'


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        (ROW % 1 + "\n" + '{"tokens": ["Rio"], "ner_tags": ["LOC"], "id": "2"}\n', 3, "the tag 'LOC'"),
        (ROW % 1 + "\n" + ROW % 1, 3, "the id '1' more than once"),
        (ROW % 1 + "{\n", 2, "not JSON"),
        ("\n \n", None, "an empty file"),
    ],
)
def test_a_mistake_in_json_lines_is_named_with_its_line(write, content, line, found):
    with pytest.raises(DataError) as caught:
        read_ner(write(content, "rows.jsonl"))
    assert caught.value.line == line and found in caught.value.found


SCORED = {
    "spans.jsonl": [
        {"text": "Ana in Rio", "entities": [{"start": 0, "end": 3, "label": "PER", "score": 0.75}, [7, 10, "LOC"]]},
        {"text": "No", "entities": []},
    ],
    "words.jsonl": [
        {"tokens": ["Ana", "in", "Rio"], "ner_tags": ["B-PER", "O", "B-LOC"], "scores": [0.75, 1, 1]},
        {"tokens": ["No"], "ner_tags": ["O"], "scores": None},
    ],
    "rows.conll": "Ana B-PER\nin O\nRio B-LOC\n\nNo O\n",
}


@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize("as_table", [False, True])
def test_scores_of_entities_and_words_are_returned_where_they_are_asked_for(name, as_table, tmp_path):
    content = SCORED[name]
    text = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
    (tmp_path / name).write_text(text, encoding="utf-8")
    if as_table and not isinstance(content, str):
        plain = [one | {"entities": one["entities"][:1]} if "entities" in one else one for one in content]
        Dataset.from_list(plain).to_parquet(tmp_path / "rows.parquet")
        name = "rows.parquet"
    rows = read_ner(tmp_path / name, scores=True)
    assert rows["ner_probabilities"][:] == [[1.0 if isinstance(content, str) else 0.75, 1.0, 1.0], [1.0]]
    assert "ner_probabilities" not in read_ner(tmp_path / name).column_names


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"text": "Rio", "entities": [{"start": 0, "end": 3, "label": "LOC", "score": 99}]}, "the score 99"),
        ({"tokens": ["Rio"], "ner_tags": ["B-LOC"], "scores": ["high"]}, "the score 'high'"),
        ({"tokens": ["Rio"], "ner_tags": ["B-LOC"], "scores": [1, 1]}, "1 words and 2 scores"),
    ],
)
def test_scores_that_cannot_be_read_are_errors_with_their_line(row, found, tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert len(read_ner(tmp_path / "rows.jsonl")) == 1
    with pytest.raises(DataError, match=rf"rows.jsonl(:1)?: found .*{found}"):
        read_ner(tmp_path / "rows.jsonl", scores=True)
