from __future__ import annotations

import dataclasses
import itertools
import re
import shutil

import pytest
import regex
import torch
from datasets import Dataset, DatasetDict
from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer, pipeline

from tof_hf.data import read_ner, read_text
from tof_hf.data.labels import spans_from_tags
from tof_hf.data.tokenizers import load_tokenizer
from tof_hf.errors import DataError, ModelError
from tof_hf.inference.predict_file import predict_file
from tof_hf.inference.tagger import Tagger, load_tagger
from tof_hf.inference.words import WordPredictor, predict_words
from tof_hf.modeling.checkpoints import with_word_rule
from tof_hf.modeling.transfer import load_for_ner
from tof_hf.storage.files import write_json

NAMES = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
MODELS = {"wordpiece": "bert", "unigram": "xlm-roberta", "bytelevel": "roberta"}
TEXTS = [
    "Maria visited the United Nations in Paris, where Juan was.",
    "(London) Real Madrid won.",
    "",
    "  ",
    "el equipo de Juan Carlos  ganó; Maria-Juan no.",
]


@pytest.fixture(scope="module")
def saved(checkpoint, tokenizers, tmp_path_factory):
    """A folder with a random tagger for a family of tokenizers; its logits are spread so that every label occurs."""

    def save(family):
        torch.manual_seed(3)
        model = load_for_ner(checkpoint(MODELS[family]), NAMES)[0]
        with torch.no_grad():
            model.classifier.weight.mul_(60)
        folder = tmp_path_factory.mktemp(family)
        model.save_pretrained(folder)
        tokenizers[family].save_pretrained(folder)
        return str(folder)

    return {family: save(family) for family in MODELS}


@pytest.fixture(scope="module")
def taggers(saved):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tof_hf.inference.tagger.has_bf16", lambda: False)
        return {family: load_tagger(folder, device="cpu") for family, folder in saved.items()}


def places(entities):
    return [(entity.start, entity.end, entity.label) for entity in entities]


def test_on_wordpiece_the_entities_are_those_of_the_stock_pipeline(saved, taggers):
    settings = {"aggregation_strategy": "first", "device": "cpu"}
    stock = pipeline("token-classification", model=saved["wordpiece"], trust_remote_code=False, **settings)
    checked = 0
    for text in TEXTS:
        if not text.strip():
            continue
        expected = stock(text)
        found = taggers["wordpiece"](text)
        assert places(found) == [(e["start"], e["end"], e["entity_group"]) for e in expected]
        assert [e.score for e in found] == pytest.approx([float(e["score"]) for e in expected], abs=1e-5)
        checked += len(found)
    assert checked > 5


@pytest.mark.parametrize("family", MODELS)
def test_words_get_the_tags_that_evaluation_gives_them(family, taggers):
    sentences = [["Maria", "visited", "London", "."], ["United", "Nations"], ["Juan"] * 40]
    tagger = taggers[family]
    rows = Dataset.from_dict({"id": ["a", "b", "c"], "tokens": sentences})
    window = {"max_length": tagger.window, "stride": tagger.stride}
    expected = predict_words(WordPredictor(tagger.model, tagger.tokenizer, device=tagger.device, **window), rows).tags
    found = [spans_from_tags(tagged.tags) for tagged in tagger.stream(sentences)]
    assert found == [spans_from_tags(tags) for tags in expected]


@pytest.mark.parametrize("family", MODELS)
def test_offsets_cut_the_entity_out_of_the_text_at_word_boundaries(family, taggers):
    tagged = list(taggers[family].stream(TEXTS))
    assert [one.text for one in tagged] == TEXTS
    for one in tagged:
        assert "".join(one.words) == "".join(one.text.split())
        for entity in one.entities:
            assert entity.text == one.text[entity.start : entity.end] != ""
            assert entity.start == one.spans[entity.first_word][0] and entity.end == one.spans[entity.last_word - 1][1]
            assert 0 < entity.score <= 1
    assert any(one.entities for one in tagged)
    assert "Paris," not in tagged[0].words and "Paris" in tagged[0].words


@pytest.fixture(scope="module")
def with_rule(saved, tmp_path_factory):
    """The folder of the WordPiece tagger with the rule `unicode` stored in it."""
    folder = tmp_path_factory.mktemp("with_rule") / "final"
    shutil.copytree(saved["wordpiece"], folder)
    write_json(folder / "config.json", with_word_rule(folder / "config.json", "unicode"))
    return str(folder)


LINES = [
    "नई दिल्ली में मोदी",
    "李明昨天访问了上海。",
    "Coca-Cola's don't jean-paul",
    "علی\u200cرضا, Nord\u00adrhein: O‘zbek 👍🏽!",
]


def test_training_text_tagger_and_predictions_have_the_same_words(with_rule, tmp_path):
    tagger, text = load_tagger(with_rule, device="cpu"), tmp_path / "text.txt"
    text.write_text("\n".join(LINES), encoding="utf-8")
    words = read_text(text, format="lines")["tokens"][:]
    assert [one.words for one in tagger.stream(LINES)] == words
    assert [len(row) for row in words] == [4, 10, 3, 7]
    predict_file(tagger, text, tmp_path / "out.conll")
    assert read_ner(tmp_path / "out.conll")["tokens"][:] == words


def test_the_stored_rule_outlives_transformers_and_can_be_overridden(with_rule, saved, tmp_path):
    AutoModelForTokenClassification.from_pretrained(with_rule, trust_remote_code=False).save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path, trust_remote_code=False)
    assert regex.findall(config.tof_hf["word_pattern"], "U.S., 3,5") == ["U.S.", ",", "3,5"]
    tagger = load_tagger(with_rule, device="cpu", word_rule="whitespace")
    assert [one.words for one in tagger.stream(["U.S., 3,5"])] == [["U.S.,", "3,5"]]
    with pytest.raises(DataError, match="the word rule 'syllables'"):
        load_tagger(with_rule, device="cpu", word_rule="syllables")


def test_a_tagger_without_a_stored_rule_keeps_the_words_it_had(taggers):
    [one] = taggers["unigram"].stream(["U.S. 3,5"])
    assert one.words == ["U", ".", "S", ".", "3", ",", "5"]


def test_the_text_of_a_list_of_words_is_joined_by_blanks(taggers):
    words = ["(", "Real", "Madrid", ")"]
    for entity in taggers["unigram"]([words])[0]:
        assert entity.text == " ".join(words)[entity.start : entity.end]
        assert entity.text.split() == words[entity.first_word : entity.last_word]


@pytest.mark.parametrize("family", MODELS)
def test_a_long_text_is_tagged_to_its_end(family, taggers):
    tagger = taggers[family]
    entities = tagger("Maria visited London . " * 400)
    assert entities[-1].last_word > 1590
    assert len({entity.first_word // 100 for entity in entities}) == 16  # entities all along


def test_one_text_or_many_in_any_form_give_the_same_entities(taggers):
    tagger = taggers["wordpiece"]
    text, words = "Maria visited London .", ["Maria", "visited", "London", "."]
    expected = tagger(text)
    assert expected and tagger([text, text]) == [expected, expected]
    assert tagger([words]) == [expected] and tagger([]) == []
    rows = Dataset.from_dict({"text": [text, ""], "other": [1, 2]})
    out = tagger(rows)
    assert out.column_names == ["text", "other", "entities"] and out["entities"][1] == []
    assert out["entities"][0] == [pytest.approx(dataclasses.asdict(entity)) for entity in expected]
    assert tagger(Dataset.from_dict({"tokens": [words]}))["entities"][0] == out["entities"][0]
    assert tagger(out)["entities"][:] == out["entities"][:]  # tagged again


def test_a_stream_is_read_as_it_is_needed(taggers, monkeypatch):
    monkeypatch.setattr("tof_hf.inference.tagger.SENTENCES", 8)
    read = []
    endless = (read.append(number) or f"Maria {number}" for number in itertools.count())
    stream = taggers["wordpiece"].stream(endless)
    assert [next(stream).text for _ in range(3)] == ["Maria 0", "Maria 1", "Maria 2"]
    assert len(read) == 8


def test_what_is_no_text_is_refused(taggers):
    with pytest.raises(DataError, match="a text of int"):
        taggers["wordpiece"]([[1, 2]])
    with pytest.raises(DataError, match="a text of NoneType"):
        taggers["wordpiece"](["Maria", None])
    for unfit in (DatasetDict(train=Dataset.from_dict({"text": ["a"]})), iter(["Maria"]), {"text": "Maria"}):
        with pytest.raises(DataError, match="for an iterator there is stream"):
            taggers["wordpiece"](unfit)
    with pytest.raises(DataError, match="columns number"):
        taggers["wordpiece"](Dataset.from_dict({"number": [1]}))


def test_what_is_no_tagger_is_refused(checkpoint, tokenizers, tmp_path):
    with pytest.raises(ModelError, match="no model can be loaded"):
        load_tagger(str(tmp_path))
    with pytest.raises(ModelError, match="lacks"):
        load_tagger(checkpoint("bert"))
    with pytest.raises(ModelError, match="tags no entities"):
        Tagger(load_for_ner(checkpoint("bert"), ["LABEL_0", "LABEL_1"])[0], tokenizers["wordpiece"])


def test_the_folder_of_a_run_is_refused_and_its_tagger_named(tmp_path):
    (tmp_path / "config.yaml").write_text("model: x\n")
    with pytest.raises(ModelError, match="this is a run's folder: its tagger will be in final/, once"):
        load_tagger(str(tmp_path))
    (tmp_path / "final").mkdir()
    with pytest.raises(ModelError, match=f"this is a run's folder: name {tmp_path / 'final'}"):
        load_tagger(str(tmp_path))


@pytest.fixture
def no_hub(monkeypatch):
    loaders = (AutoConfig, AutoTokenizer, AutoModelForTokenClassification)
    for loader in loaders:
        monkeypatch.setattr(loader, "from_pretrained", lambda *a, **k: pytest.fail("asked the Hub"))


@pytest.mark.parametrize("name", ["runs/mine/final", "./mine", "../mine", "/no/such", "mine", "~/mine", "a\\b"])
def test_a_folder_that_is_not_there_and_no_hub_id_is_named_and_not_asked_for(name, no_hub):
    with pytest.raises(ModelError, match=f"^{re.escape(name)}: no folder of this name.* has the form user/name"):
        load_tagger(name)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("encodr", "./encoder"),
        ("./encodr", "./encoder"),
        ("rns/fnal", None),
        ("bert-base-cased", None),
        ("runs/fnal", "runs/final"),
        ("rnus/final", "runs/final"),
    ],
)
def test_a_mistyped_folder_has_a_suggestion_and_an_id_goes_to_the_hub(name, near, no_hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("encoder", "runs/final"):
        (tmp_path / folder).mkdir(parents=True)
    expected = (
        pytest.raises(ModelError, match=f"Did you mean {near}?") if near else pytest.raises(pytest.fail.Exception)
    )
    with expected:
        load_tokenizer(name)


def test_a_tokenizer_with_more_pieces_than_the_model_has_embeddings_is_refused(saved, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(saved["wordpiece"], trust_remote_code=False)
    tokenizer.add_tokens([f"zz{number}" for number in range(4000)])
    model = AutoModelForTokenClassification.from_pretrained(saved["wordpiece"], trust_remote_code=False)
    with pytest.raises(ModelError, match=r"its tokenizer has pieces up to number [\d,]+ \('zz3999'\), but"):
        Tagger(model, tokenizer)


def test_a_quantized_tagger_has_8_bit_layers_and_nearly_the_same_probabilities(saved, taggers, monkeypatch):
    monkeypatch.setattr("tof_hf.inference.tagger.has_bf16", lambda: False)
    tagger = load_tagger(saved["wordpiece"], quantize=True)
    layers = {type(module).__name__ for module in tagger.model.base_model.modules()}
    assert "Int8Linear" in layers and "Linear" not in layers and tagger.device.type == "cpu"
    sentences = [text.split() for text in TEXTS]
    found, expected = (one._predictor.probabilities(sentences) for one in (tagger, taggers["wordpiece"]))
    assert (found.argmax(-1) == expected.argmax(-1)).mean() > 0.7 and not (found == expected).all()
    with pytest.raises(ModelError, match="a tagger on cuda cannot be quantized"):
        load_tagger(saved["wordpiece"], quantize=True, device="cuda")
