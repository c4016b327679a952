"""Whatever comes in: a result or one of our errors, soon, and never another exception.

100 inputs each; `TOF_FUZZ=10000 pytest tests/test_fuzz.py` takes as many as you like.
"""

from __future__ import annotations

import json
import os
import string
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tof_hf.config import TofConfig, load_config
from tof_hf.config.yaml import parse_yaml
from tof_hf.data.readers.files import decode
from tof_hf.data.readers.mrc import parse_mrc
from tof_hf.data.readers.ner import parse_ner
from tof_hf.data.readers.text import parse_text
from tof_hf.data.translation.dictionary import BilingualDictionary
from tof_hf.errors import TofError
from tof_hf.inference.tagger import Tagger
from tof_hf.modeling.transfer import load_for_ner

pytestmark = pytest.mark.slow

INPUTS = int(os.environ.get("TOF_FUZZ", "100"))
often = settings(
    max_examples=INPUTS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)

# Pieces of real files, so that the inputs get past the first check, and noise between them.
CONLL = [
    *("-DOCSTART- -X- O O\n", "Maria B-PER\n", "Madrid\tI-LOC\n", "York E-LOC\n", "a U-X\n", ". O\n", "\n", "word\n"),
    *(" \t\n", "IMGID:7\n", "x B-\n", "x B-ä b\n", "\ufeff", "\r", "\u2028", "\x00", "# comment\n", "x I-PER\n"),
    "one two three B-ORG\n",
]
WORDS = [
    *("Maria", "(", ")", "Paris,", "  ", "\n\n", "\u200d", "e\u0301", "👩‍👩‍👧", "\u202e", "中文", "a" * 300, "\ufffd"),
    *("\x00", "ß", "İ"),
]
mixed = st.lists(st.one_of(st.sampled_from(CONLL), st.text(max_size=8)), max_size=30).map("".join)
some_bytes = st.one_of(st.binary(max_size=200), mixed.map(lambda text: text.encode("utf-8", "surrogatepass")))
keys = st.sampled_from("id question context answers text answer_start paragraphs qas data spans".split())
scalars = st.one_of(st.none(), st.booleans(), st.integers(-3, 2**70), st.floats(), st.text(max_size=12))
things = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(keys, st.text(max_size=4)), inner, max_size=5)
    ),
    max_leaves=25,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "in.txt"


def rows_of(parse, data, path):
    """The rows that a reader makes of the bytes of a file."""
    return parse(decode(data, path=path), path)[1]


@often
@given(data=some_bytes)
def test_column_files_give_one_tag_a_word_or_our_error(path, data):
    try:
        rows = rows_of(parse_ner, data, path)
    except TofError:
        return
    assert all(len(row["tokens"]) == len(row["ner_tags"]) > 0 for row in rows)


@often
@given(data=some_bytes)
def test_text_files_give_words_or_our_error(path, data):
    try:
        rows = rows_of(parse_text, data, path)
    except TofError:
        return
    assert all(row["tokens"] and all(row["tokens"]) for row in rows)


def squad(thing):
    """A SQuAD file with something in the place of its contents."""
    return {"data": [{"paragraphs": [{"context": "Maria in Paris", "qas": thing}]}]}


@often
@given(thing=st.one_of(things, things.map(squad), st.lists(things, max_size=3).map(squad)), lines=st.booleans())
def test_question_files_give_spans_inside_their_context_or_our_error(path, thing, lines):
    text = json.dumps(thing) if not lines else "\n".join(map(json.dumps, thing if isinstance(thing, list) else [thing]))
    try:
        rows = rows_of(parse_mrc, text.encode(), path)
    except TofError:
        return
    for row in rows:
        assert all(0 <= span["start"] < span["end"] <= len(row["context"]) for span in row["spans"])


pairs = st.lists(st.one_of(st.sampled_from(["the el\n", "cat\tgato\n", "a b c\n", "x\n", "\n"]), st.text(max_size=6)))


@often
@given(data=st.one_of(st.binary(max_size=100), pairs.map(lambda p: "".join(p).encode("utf-8", "surrogatepass"))))
def test_dictionaries_give_translations_or_our_error(path, data):
    file = path.with_name("pairs.txt")
    file.write_bytes(data)
    try:
        dictionary = BilingualDictionary.from_file(file)
    except TofError:
        return
    assert len(dictionary) > 0
    for word in list(dictionary.chosen())[:5]:
        assert word in dictionary and dictionary.lookup(word)


SMALLEST = {
    "model": "some/encoder",
    "output_dir": "runs/x",
    "source": {"train": "train.txt", "validation": "valid.txt"},
    "target": {"text": ["target.txt"]},
}
NAMES = [*SMALLEST, *"mlm mrc ner rounds seed systems labels label_map learning_rate path gold".split()]
letters = st.text(string.ascii_lowercase + "._=:{}[]$~ -1", max_size=12)
values = st.recursive(
    st.one_of(scalars, letters),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(NAMES), letters), inner, max_size=4)
    ),
    max_leaves=15,
)


@often
@given(
    changes=st.dictionaries(st.one_of(st.sampled_from(NAMES), letters), values, max_size=4),
    overrides=st.lists(st.builds("{}={}".format, st.one_of(st.sampled_from(NAMES), letters), letters), max_size=3),
)
def test_run_files_give_a_config_that_reads_back_or_our_error(changes, overrides):
    try:
        config = load_config(SMALLEST | changes, overrides)
    except TofError:
        return
    assert TofConfig.from_dict(config.to_dict()) == config
    assert load_config(parse_yaml(config.to_yaml(), name="config.yaml")).to_dict() == config.to_dict()


@often
@given(text=st.one_of(st.text(max_size=60), st.lists(letters, max_size=5).map("\n".join)))
def test_yaml_text_gives_a_config_or_our_error(path, text):
    file = path.with_name("run.yaml")
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(TofError):
        load_config(file)


@pytest.fixture(scope="module", params=["wordpiece", "unigram", "bytelevel"])
def tagger(request, checkpoint, tokenizers):
    """A random tagger that finds an entity at every other word."""
    kind = {"wordpiece": "bert", "unigram": "xlm-roberta", "bytelevel": "roberta"}[request.param]
    torch.manual_seed(3)
    model = load_for_ner(checkpoint(kind), ["O", "B-LOC", "I-LOC"])[0]
    with torch.no_grad():
        model.classifier.weight.mul_(60)
    return Tagger(model, tokenizers[request.param], device="cpu")


words = st.one_of(st.text(max_size=10), st.sampled_from(WORDS))


@settings(often, max_examples=max(20, INPUTS // 12))
@given(texts=st.lists(st.one_of(st.lists(words, max_size=12), st.lists(words, max_size=12).map(" ".join)), max_size=8))
def test_any_text_is_tagged_with_offsets_that_hold(tagger, texts):
    try:
        found = list(tagger.stream(texts))
    except TofError:
        return
    assert len(found) == len(texts)
    for given_text, tagged in zip(texts, found, strict=True):
        assert tagged.text == (given_text if isinstance(given_text, str) else " ".join(given_text))
        for entity in tagged.entities:
            assert entity.text == tagged.text[entity.start : entity.end]
            assert 0 <= entity.first_word < entity.last_word <= len(tagged.words)


def test_the_files_are_small_and_few(path):
    assert Path(path).parent.is_dir() and sum(file.stat().st_size for file in path.parent.iterdir()) < 10_000
