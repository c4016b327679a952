"""A tagger with only those pieces that some texts need."""

import json

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerFast, pipeline

from tof_hf.data.tokenizers import load_tokenizer
from tof_hf.errors import ModelError
from tof_hf.modeling.narrow_tagger import narrow_tagger

FAMILIES = {"bert": "wordpiece", "xlm-roberta": "unigram", "roberta": "bytelevel"}
SENTENCES = [["Ana", "walked", "in", "Paris", "."], ["Paris", "sings"], []]


@pytest.fixture(scope="module", params=FAMILIES)
def whole(request, tiny_config, tokenizers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("taggers") / request.param
    torch.manual_seed(0)
    config = tiny_config(request.param)
    config.id2label = {0: "O", 1: "B-LOC", 2: "I-LOC"}
    model = AutoModelForTokenClassification.from_config(config, trust_remote_code=False)
    model.classifier.weight.data.mul_(60)
    model.save_pretrained(folder)
    tokenizers[FAMILIES[request.param]].save_pretrained(folder)
    return folder


def predict(folder, texts):
    tagger = pipeline("token-classification", model=str(folder), trust_remote_code=False, device="cpu")
    return [[{k: v for k, v in one.items() if k != "score"} for one in found] for found in tagger(texts)]


def test_predictions_of_the_stock_pipeline_stay_on_texts_made_of_the_pieces(whole, tmp_path):
    count = narrow_tagger(whole, SENTENCES, tmp_path)
    texts = ["Ana walked in Paris .", "Paris sings", "sings Ana ."]
    assert predict(tmp_path, texts) == predict(whole, texts) and any(predict(whole, texts))
    before, after = (json.loads((folder / "config.json").read_text()) for folder in (whole, tmp_path))
    assert after["vocab_size"] == count < before["vocab_size"]
    assert after["id2label"] == before["id2label"] and after["pad_token_id"] == before["pad_token_id"]
    small, large = ((folder / "model.safetensors").stat().st_size for folder in (tmp_path, whole))
    assert small < large
    tokenizer = tmp_path / "tokenizer.json"
    assert tokenizer.stat().st_size < (whole / "tokenizer.json").stat().st_size


def test_other_words_of_the_same_letters_have_pieces_too(whole, tmp_path):
    narrow_tagger(whole, [["Paris", "sing"]], tmp_path)
    tokenizer = load_tokenizer(str(tmp_path))
    assert tokenizer.unk_token_id not in tokenizer("Piris gin")["input_ids"]


def test_another_kind_of_tokenizer_is_refused(tokenizers, tiny_config, tmp_path):
    place = tmp_path / "words"
    AutoModelForTokenClassification.from_config(tiny_config("bert"), trust_remote_code=False).save_pretrained(place)
    words = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "Paris": 2}, unk_token="[UNK]"))
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(place)
    with pytest.raises(ModelError, match="is a WordLevel model. What to do: publish the whole vocabulary"):
        narrow_tagger(place, SENTENCES, tmp_path / "out")
