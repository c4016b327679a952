from __future__ import annotations

import copy
import shutil
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import processors
from transformers import AutoTokenizer, BertConfig, PreTrainedTokenizerFast, RobertaTokenizer

from tof_hf.data import mapping
from tof_hf.data.pieces import encode_words
from tof_hf.data.tokenizers import load_encoder_tokenizer, load_tokenizer
from tof_hf.data.windows import IGNORE, NO_WORD, encode_ner, encode_text, join_words, word_windows
from tof_hf.errors import ModelError

NAMES = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
SENTENCE = ["Maria", "visited", "Valdoro", "near", "Madrid", "."]
TAGS = [3, 0, 1, 2, 1, 0]

nothing = st.sampled_from(["", "\u200b", "\u00ad", " ", "\ufeff"])
long_words = st.integers(30, 90).map(lambda n: "xyz" * n)
familiar = st.sampled_from(["the", "Maria", "Madrid", "visiting", "¿donde", "U.S.", "Real", "xYz"])
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
sentences = st.lists(st.one_of(familiar, familiar, familiar, any_text, nothing, long_words), max_size=40)


def ner(rows, tags=None):
    tags = [[0] * len(words) for words in rows] if tags is None else tags
    return Dataset.from_dict(
        {"id": [str(i) for i in range(len(rows))], "tokens": rows, "ner_tags": tags},
        features=Features(
            {
                "id": Value("string"),
                "tokens": List(Value("string")),
                "ner_tags": List(ClassLabel(names=NAMES)),
            }
        ),
    )


def pieces_of(tokenizer, words):
    """For every word its pieces, each word cut alone."""
    found = [tokenizer([word], is_split_into_words=True, add_special_tokens=False)["input_ids"] for word in words]
    assert len(found) == len(words)
    return found


def test_only_the_first_piece_of_a_word_is_labelled(tokenizer):
    row = encode_ner(ner([SENTENCE], [TAGS]), tokenizer)[0]
    expected_words, expected_labels = [NO_WORD], [IGNORE]
    for word, pieces in enumerate(pieces_of(tokenizer, SENTENCE)):
        expected_words += [word] + [NO_WORD] * (len(pieces) - 1)
        expected_labels += [TAGS[word]] + [IGNORE] * (len(pieces) - 1)
    assert row["word_ids"] == [*expected_words, NO_WORD]
    assert row["labels"] == [*expected_labels, IGNORE]
    assert row["length"] == len(row["input_ids"]) == len(row["labels"])


def test_label_all_pieces_continues_a_word_with_its_inside_label(tokenizer):
    row = encode_ner(ner([SENTENCE], [TAGS]), tokenizer, label_all_pieces=True)[0]
    inside = {1: 2, 3: 4}
    expected = [IGNORE]
    for word, pieces in enumerate(pieces_of(tokenizer, SENTENCE)):
        expected += [TAGS[word]] + [inside.get(TAGS[word], TAGS[word])] * (len(pieces) - 1)
    assert row["labels"] == [*expected, IGNORE]
    # Predictions are read off the first pieces all the same.
    assert [word for word in row["word_ids"] if word != NO_WORD] == list(range(len(SENTENCE)))


def test_rows_without_tags_have_no_labels(tokenizer):
    windows = encode_ner(ner([SENTENCE]).remove_columns("ner_tags"), tokenizer)
    assert "labels" not in windows.column_names


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(1, 15), st.integers(0, 20))
def test_every_word_is_owned_by_exactly_one_window(pieces, budget, overlap):
    windows = word_windows(pieces, budget=budget, overlap=overlap)
    owned = [word for _, _, first, last in windows for word in range(first, last)]
    assert owned == list(range(len(pieces)))
    for begin, end, first, last in windows:
        assert begin <= first <= last <= end
        assert sum(pieces[begin:end]) <= budget or end == begin + 1
    for (begin, end, *_), (following, further, *_) in zip(windows, windows[1:], strict=False):
        assert begin < following <= end < further
        assert end - following <= overlap


def test_two_windows_share_their_overlap_in_the_middle():
    assert word_windows([1] * 16, budget=10, overlap=4) == [(0, 10, 0, 8), (6, 16, 8, 16)]


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(sentences, min_size=1, max_size=3), st.integers(8, 40), st.integers(0, 7), st.booleans())
@example([["xyz" * 60, "the", "xyz" * 60]], 8, 3, True)
@example([["", "\u200b"], []], 8, 0, False)
def test_windows_join_to_the_words_they_were_cut_from(tokenizers, rows, max_length, stride, all_pieces):
    for tokenizer in tokenizers.values():
        tags = [[(word * 7 + len(row)) % len(NAMES) for word in range(len(row))] for row in rows]
        windows = encode_ner(
            ner(rows, tags), tokenizer, max_length=max_length, stride=stride, label_all_pieces=all_pieces
        )
        assert max(windows["length"]) <= max_length
        read = [word for window in windows for word in window["word_ids"] if word != NO_WORD]
        visible = [w for row in rows for w, pieces in enumerate(pieces_of(tokenizer, row)) if pieces]
        assert read == visible
        lengths = [len(row) for row in rows]
        joined = join_words(windows, windows["labels"], lengths=lengths, fill=None)
        for row, found, given_tags in zip(rows, joined, tags, strict=True):
            for pieces, tag, true in zip(pieces_of(tokenizer, row), found, given_tags, strict=True):
                assert tag == (true if pieces else None)


def test_a_sentence_of_1238_words_loses_no_word(tokenizer):
    words = [["Maria", "visited", "Valdoro", "la", "ciudad"][i % 5] for i in range(1238)]
    tags = [i % 5 for i in range(1238)]
    windows = encode_ner(ner([words], [tags]), tokenizer, max_length=64, stride=8)
    assert len(windows) > 10 and max(windows["length"]) <= 64
    assert join_words(windows, windows["labels"], lengths=[1238], fill=-1) == [tags]


def test_text_windows_hold_every_word_once_when_they_do_not_overlap(tokenizer):
    words = [SENTENCE[i % 6] for i in range(100)]
    windows = encode_text(ner([words, SENTENCE]).remove_columns("ner_tags"), tokenizer, max_length=32)
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    pieces = [piece for ids in windows["input_ids"] for piece in ids if piece not in special]
    assert pieces == [piece for row in (words, SENTENCE) for word in pieces_of(tokenizer, row) for piece in word]
    assert max(windows["length"]) <= 32


def test_words_handed_over_one_by_one_are_cut_as_in_running_text(tokenizer):
    text = tokenizer("Maria visited Madrid and Paris", add_special_tokens=False)["input_ids"]
    words = tokenizer("Maria visited Madrid and Paris".split(), is_split_into_words=True, add_special_tokens=False)
    assert words["input_ids"] == text
    in_the_middle = tokenizer("and Maria", add_special_tokens=False)["input_ids"][1:]
    assert tokenizer("Maria", add_special_tokens=False)["input_ids"] == in_the_middle


@pytest.mark.parametrize("kind", ["roberta", "generic", "generic with template"])
def test_a_byte_level_tokenizer_gets_the_space_before_words_and_keeps_it_when_saved(tokenizers, tmp_path, kind):
    folder = tokenizers["bytelevel"].name_or_path
    plain = RobertaTokenizer.from_pretrained(folder, trust_remote_code=False, add_prefix_space=False)
    if kind != "roberta":
        plain = PreTrainedTokenizerFast(
            tokenizer_object=plain.backend_tokenizer, pad_token="<pad>", cls_token="<s>", sep_token="</s>"
        )
    if kind == "generic with template":
        special = [("<s>", 0), ("</s>", 2)]
        plain.backend_tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", None, special)
    assert plain.tokenize(["Madrid"], is_split_into_words=True) != ["ĠMadrid"]
    plain.save_pretrained(tmp_path / "plain")
    load_tokenizer(str(tmp_path / "plain")).save_pretrained(tmp_path / "fixed")
    for tokenizer in (
        load_tokenizer(str(tmp_path / "plain")),
        AutoTokenizer.from_pretrained(tmp_path / "fixed", trust_remote_code=False),
    ):
        pieces = tokenizer(["Madrid", "Madrid"], is_split_into_words=True, add_special_tokens=False)
        assert tokenizer.convert_ids_to_tokens(pieces["input_ids"]) == ["ĠMadrid", "ĠMadrid"]
        offsets = tokenizer("Madrid Paris", add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        assert offsets == [(0, 6), (6 if kind == "generic with template" else 7, 12)]


def test_a_tokenizer_that_pads_the_left_is_turned_round(tokenizers, tmp_path):
    folder = tokenizers["wordpiece"].name_or_path
    left = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, padding_side="left")
    left.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path, trust_remote_code=False).padding_side == "left"
    assert load_tokenizer(str(tmp_path)).padding_side == "right"


@pytest.mark.parametrize(
    ("names", "pieces"), [(["Maria", "Paris", "maria"], ["Maria", "Paris"]), (["maria", "paris"], ["maria", "paris"])]
)
def test_a_folder_with_nothing_but_a_vocabulary_keeps_capitals_if_that_has_any(tmp_path, caplog, names, pieces):
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *names]))
    BertConfig().save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path, trust_remote_code=False).tokenize("Paris") != ["Paris"]
    tokenizer = load_encoder_tokenizer(str(tmp_path))
    tokenizer.save_pretrained(tmp_path / "saved")
    for one in (tokenizer, AutoTokenizer.from_pretrained(tmp_path / "saved", trust_remote_code=False)):
        assert one.tokenize("Maria Paris") == pieces
    assert ("so they are kept" in caplog.text) == (pieces[0] == "Maria")


@pytest.mark.parametrize("kept", [["config.json"], ["tokenizer.json", "tokenizer_config.json"], []])
def test_an_encoder_without_a_tokenizer_or_without_a_config_is_refused(tokenizers, checkpoint, tmp_path, kept):
    for folder in (checkpoint("bert"), tokenizers["wordpiece"].name_or_path):
        for name in kept:
            if (Path(folder) / name).is_file():
                shutil.copy(Path(folder) / name, tmp_path)
    with pytest.raises(ModelError, match=tmp_path.name):
        load_encoder_tokenizer(str(tmp_path))


def test_encoded_rows_are_reused_until_the_code_changes(tokenizer, tmp_path, monkeypatch):
    ner([SENTENCE] * 3, [TAGS] * 3).to_parquet(tmp_path / "rows.parquet")
    dataset = Dataset.from_parquet(str(tmp_path / "rows.parquet"), cache_dir=str(tmp_path / "cache"))

    def files():
        encoded = encode_ner(dataset, tokenizer, max_length=16)
        assert len(encoded) == 3
        return {file["filename"] for file in encoded.cache_files}

    first = files()
    # Encoding leaves its traces in a fast tokenizer (padding, truncation); they must not count.
    tokenizer(SENTENCE, truncation=True, max_length=5, padding="max_length")
    assert first and files() == first
    monkeypatch.setattr(mapping, "source_hash", lambda *functions: "edited")
    assert files() != first


def test_the_source_hash_follows_the_text_of_the_module(monkeypatch):
    before = mapping.source_hash(encode_ner)
    assert mapping.source_hash(encode_text) == before
    assert mapping.source_hash(encode_ner, load_tokenizer) != before
    source = mapping.inspect.getsource
    monkeypatch.setattr(mapping.inspect, "getsource", lambda module: source(module) + "\n# edited")
    assert mapping.source_hash(encode_ner) != before


ODD = ["", " ", "\u200b", "don't", "[SEP]", "</s>", "<s>", "a b", "Maria", "ñandú", "日本", "x" * 300, "\x00", "."]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sentences=st.lists(st.lists(st.sampled_from(ODD) | st.text(max_size=5), max_size=8), max_size=4))
def test_pieces_of_remembered_words_are_those_of_the_whole_sentence(tokenizer, sentences):
    expected = tokenizer(sentences, is_split_into_words=True, verbose=False) if sentences else {"input_ids": []}
    found = list(encode_words(sentences, tokenizer))
    assert [ids for ids, _ in found] == expected["input_ids"]
    assert [words for _, words in found] == [expected.word_ids(i) for i in range(len(sentences))]


def test_only_so_many_words_are_remembered(tokenizers, monkeypatch):
    monkeypatch.setattr("tof_hf.data.pieces.MOST_WORDS", 3)
    tokenizer = copy.deepcopy(tokenizers["wordpiece"])
    sentences = [["Maria", "visited"], ["Paris", "and", "London"], ["Maria"]]
    found = [list(encode_words([sentence], tokenizer))[0][0] for sentence in sentences]
    assert found == tokenizer(sentences, is_split_into_words=True)["input_ids"]
