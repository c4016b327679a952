"""Whatever comes in: a result or one of our errors, and never another exception.

Every form of file is made wrong in `TOF_FUZZ` ways (300 by default, 10,000 in `make nightly`), the same ones each
time; `TOF_FUZZ_SEED` draws others. An input is named by its form, seed and number.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import string
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import json_bytes, mutated, spoiled

from tof_hf.config import ReleaseConfig, TofConfig, load_config
from tof_hf.config.yaml import parse_yaml, read_yaml
from tof_hf.data.readers.files import decode, read_bytes
from tof_hf.data.readers.mrc import parse_mrc
from tof_hf.data.readers.ner import parse_ner
from tof_hf.data.readers.read import read_ner
from tof_hf.data.readers.text import parse_text
from tof_hf.data.translation.dictionary import BilingualDictionary
from tof_hf.data.translation.induction.vectors import read_vectors
from tof_hf.errors import TofError
from tof_hf.hub.push import prepare
from tof_hf.inference.tagger import Tagger, load_tagger
from tof_hf.modeling.transfer import load_for_ner
from tof_hf.report.page import make_report
from tof_hf.stages.reuse import decide

pytestmark = pytest.mark.slow

INPUTS = int(os.environ.get("TOF_FUZZ", "300"))
FEW = max(INPUTS // 5, 40)  # of forms for which a model is loaded
SEED = os.environ.get("TOF_FUZZ_SEED", "0")
RELEASED = Path(__file__).parent / "released_run"
TAGGER = RELEASED / "run" / "stages" / "mlm-mrc-ner" / "model"
often = settings(
    max_examples=INPUTS // 3,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


def attack(form: str, make: Callable[[Random], Any], use: Callable[[Any], object], *, inputs: int = INPUTS) -> None:
    """Use inputs of a form made wrong; fail at the first other exception than ours, with the number of the input."""
    for number in range(inputs):
        content = make(Random(f"{form} {SEED} {number}"))
        try:
            use(content)
        except TofError as error:
            assert str(error).strip() and len(str(error)) < 5_000, f"{form} {SEED} {number}: no readable message"
        except (Exception, RecursionError, MemoryError) as problem:
            raise AssertionError(f"{form} {SEED} {number}: {content!r:.400}") from problem
        except BaseException as problem:  # a panic of a library in Rust
            if type(problem).__name__ != "PanicException":
                raise
            raise AssertionError(f"{form} {SEED} {number}: {content!r:.400}") from problem


def bytes_of(data: bytes) -> Callable[[Random], bytes]:
    """Makes a file's bytes wrong."""
    return lambda draw: spoiled(data, draw)


def json_of(data: bytes) -> Callable[[Random], bytes]:
    """Makes a JSON file wrong."""
    value = json.loads(data)
    return lambda draw: json_bytes(value, draw)


def as_file(path: Path, use: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Writes the bytes to a file and uses it."""

    def write_and_use(data: bytes) -> object:
        path.write_bytes(data)
        return use(path)

    return write_and_use


def released(name: str) -> bytes:
    """The content of a file in the released run's folder, of data at most its first sentences."""
    data = (RELEASED / name).read_bytes()
    return data if name.endswith((".json", ".yaml")) else data[:1_500]


CONLL = b"""-DOCSTART- -X- O O

Maria B-PER
visited O
New B-LOC
York I-LOC
. O

# comment
Real E-ORG
x I-MISC
"""


def test_column_files_give_one_tag_a_word_or_our_error(tmp_path):
    def use(data):
        rows = parse_ner(decode(data, path=tmp_path), tmp_path)[1]
        assert all(len(row["tokens"]) == len(row["ner_tags"]) > 0 for row in rows)

    attack("columns", bytes_of(CONLL), use)
    attack("columns of a run", bytes_of(released("data/source_train.conll")), use)


def test_text_files_give_words_or_our_error(tmp_path):
    def use(data):
        assert all(row["tokens"] and all(row["tokens"]) for row in parse_text(decode(data, path=tmp_path), tmp_path)[1])

    attack("text", bytes_of(released("data/target_text.txt")), use)
    attack("text in columns", bytes_of(CONLL), use)


def test_question_files_give_spans_inside_their_context_or_our_error(tmp_path):
    def use(data):
        for row in parse_mrc(decode(data, path=tmp_path), tmp_path)[1]:
            assert all(0 <= span["start"] < span["end"] <= len(row["context"]) for span in row["spans"])

    attack("questions", json_of(SQUAD), use)
    attack("question lines", lines_of_json(QUESTIONS), use)


SQUAD = json.dumps(
    {
        "data": [
            {
                "paragraphs": [
                    {
                        "context": "Maria visited New York .",
                        "qas": [
                            {
                                "id": str(number),
                                "question": "Where?",
                                "answers": [{"text": "New York", "answer_start": 14}],
                                "is_impossible": False,
                            }
                            for number in range(2)
                        ],
                    }
                ]
            }
        ]
    }
).encode()
QUESTIONS = [
    {"id": "1", "question": "Where?", "context": "in Rome", "spans": [{"start": 3, "end": 7}], "label": "LOC"},
    {"id": "2", "question": "Who?", "context": "Ana was", "answers": {"text": ["Ana"], "answer_start": [0]}},
    {"qid": "3", "Question": "Who?", "Tweet": "Ana was", "Answer": ["ana"]},
]
SENTENCES = [
    {"id": "1", "tokens": ["Maria", "sleeps"], "ner_tags": ["B-PER", "O"]},
    {"id": "2", "tokens": ["Rome", "."], "ner_tags": ["B-LOC", "O"]},
]


def lines_of_json(rows: list[Any]) -> Callable[[Random], bytes]:
    """Makes JSON lines wrong: their values, or their bytes."""

    def make(draw: Random) -> bytes:
        wrong = mutated(rows, draw)
        lines = [json.dumps(row) for row in (wrong if isinstance(wrong, list) else [wrong])]
        data = "\n".join(lines).encode()
        return spoiled(data, draw) if draw.random() < 0.3 else data

    return make


def test_tables_give_one_tag_a_word_or_our_error(tmp_path, no_cache):
    def use(path):
        rows = read_ner(path)
        assert all(len(row["tokens"]) == len(row["ner_tags"]) > 0 for row in rows)

    table = tmp_path / "good.parquet"
    Dataset.from_list(SENTENCES).to_parquet(str(table))
    attack("JSON lines", lines_of_json(SENTENCES), as_file(tmp_path / "in.jsonl", use))
    attack("JSON table", json_of(json.dumps(SENTENCES).encode()), as_file(tmp_path / "in.json", use), inputs=FEW)
    attack("Parquet", bytes_of(table.read_bytes()), as_file(tmp_path / "in.parquet", use))
    attack("types of Parquet", typed_tables(tmp_path / "in.parquet"), use)
    attack("CSV", bytes_of(b"tokens,ner_tags\nMaria,B-PER\nsleeps,O\n"), as_file(tmp_path / "in.csv", use), inputs=FEW)


def typed_tables(path: Path) -> Callable[[Random], Path]:
    """Makes Parquet files of rows made wrong, as far as Parquet can hold them."""

    def make(draw: Random) -> Path:
        wrong = mutated(SENTENCES, draw)
        try:
            rows = pa.Table.from_pylist([row for row in wrong if isinstance(row, dict)])
            pq.write_table(rows.replace_schema_metadata({"huggingface": draw.choice(METADATA)}), path)
        except (pa.ArrowException, ValueError, TypeError, AttributeError, OverflowError):
            pq.write_table(pa.table({draw.choice(("tokens", "x")): pa.array([draw.choice((1, "x", None))])}), path)
        return path

    return make


METADATA = [
    "",
    "{}",
    "[]",
    "x",
    '{"info": {"features": {"tokens": 1}}}',
    '{"info": {"features": {"x": {"_type": "y"}}}}',
]


@pytest.fixture
def no_cache(monkeypatch, tmp_path):
    """Tables are cached in the test's folder."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def test_compressed_files_give_their_content_or_our_error(tmp_path):
    packed = gzip.compress(CONLL * 10)
    attack("gzip", bytes_of(packed), as_file(tmp_path / "in.txt.gz", read_bytes))


def test_dictionaries_give_translations_or_our_error(tmp_path):
    def use(path):
        dictionary = BilingualDictionary.from_file(path)
        assert all(dictionary.lookup(word) for word in dictionary.chosen())

    attack("dictionary", bytes_of(b"the el\ncat\tgato\nNew York\tNueva York\nx\n"), as_file(tmp_path / "in.txt", use))


def test_word_vectors_are_finite_or_our_error(tmp_path):
    def use(path):
        assert read_vectors(path).vectors.isfinite().all()

    attack("vectors", bytes_of(b"3 4\nel 1 0 0 0.5\ngato 0 1 -1 1e-3\nla 1 2 3 4\n"), as_file(tmp_path / "in.vec", use))


def test_run_files_made_wrong_give_a_config_or_our_error(tmp_path):
    values = read_yaml(RELEASED / "run.yaml")
    attack("run file", bytes_of(released("run.yaml")), as_file(tmp_path / "run.yaml", load_config))
    attack("values of a run file", lambda draw: json_bytes(values, draw), as_file(tmp_path / "run.yaml", load_config))


@pytest.fixture
def model(tmp_path):
    """A copy of a tiny tagger."""
    return Path(shutil.copytree(TAGGER, tmp_path / "model"))


def tag(folder: Path) -> None:
    """Load the tagger and tag a sentence."""
    load_tagger(str(folder), device="cpu")(["Maria in New York ."])


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_model_folders_give_entities_or_our_error(model, name):
    make = json_of((model / name).read_bytes())
    attack(name, make, as_file(model / name, lambda file: tag(model)), inputs=FEW)


def test_weights_made_wrong_give_entities_or_our_error(model):
    file = model / "model.safetensors"
    data = file.read_bytes()
    attack("weights", bytes_of(data), as_file(file, lambda file: tag(model)), inputs=FEW)


def test_labels_made_wrong_give_entities_or_our_error(model):
    config = json.loads((model / "config.json").read_bytes())

    def make(draw):
        labels = {name: mutated(config[name], draw) for name in ("id2label", "label2id")}
        return json.dumps(config | labels).encode()

    attack("labels", make, as_file(model / "config.json", lambda file: tag(model)), inputs=FEW)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A copy of a finished run, in the current folder."""
    shutil.copytree(RELEASED, tmp_path / "copy", ignore=shutil.ignore_patterns("cache"))
    monkeypatch.chdir(tmp_path / "copy")
    return Path("run")


@pytest.mark.parametrize("name", ["lineage.json", "results.json", "stages/mlm-mrc-ner/stage.json"])
def test_run_records_made_wrong_are_reported_and_published_or_our_error(run, name):
    def use(file):
        for command in (lambda: make_report(run), lambda: prepare(run, ReleaseConfig(repo="me/tagger"))):
            try:
                command()
            except TofError as error:
                assert str(error)

    inputs = FEW if name.endswith("stage.json") else INPUTS  # of one that only the slower report reads
    attack(name, json_of((run / name).read_bytes()), as_file(run / name, use), inputs=inputs)


@pytest.mark.parametrize("name", ["stage.json", "begun.json"])
def test_stages_with_records_made_wrong_are_reused_or_trained_again(run, name):
    file = run / "stages" / "mlm-mrc-ner" / name
    inputs = json.loads((file.with_name("stage.json")).read_bytes())["recipe"]
    attack(f"plan of {name}", json_of(file.read_bytes()), as_file(file, lambda file: decide(file.parent, inputs)))


scalars = st.one_of(st.none(), st.booleans(), st.integers(-3, 2**70), st.floats(), st.text(max_size=12))
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


WORDS = [
    *("Maria", "(", ")", "Paris,", "  ", "\n\n", "\u200d", "e\u0301", "👩‍👩‍👧", "\u202e", "中文", "a" * 300, "\ufffd"),
    *("\x00", "ß", "İ"),
]


@pytest.fixture(scope="module", params=["wordpiece", "unigram", "bytelevel"])
def random_tagger(request, checkpoint, tokenizers):
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
def test_any_text_is_tagged_with_offsets_that_hold(random_tagger, texts):
    try:
        found = list(random_tagger.stream(texts))
    except TofError:
        return
    assert len(found) == len(texts)
    for given_text, tagged in zip(texts, found, strict=True):
        assert tagged.text == (given_text if isinstance(given_text, str) else " ".join(given_text))
        for entity in tagged.entities:
            assert entity.text == tagged.text[entity.start : entity.end]
            assert 0 <= entity.first_word < entity.last_word <= len(tagged.words)
