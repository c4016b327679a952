from __future__ import annotations

import pytest
import torch
from datasets import Dataset
from transformers import pipeline

from tof_hf.data.labels import repair_tags
from tof_hf.data.words import store_decoding
from tof_hf.errors import ModelError
from tof_hf.inference.tagger import load_tagger
from tof_hf.inference.words import BATCH_PIECES, WordPredictor, predict_words
from tof_hf.modeling.transfer import load_for_ner

CPU = torch.device("cpu")
NAMES = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
SENTENCES = [
    "Maria visited Valdoro near the river .".split(),
    ["Juan"],
    "¿donde vive Carlos en Madrid ?".split(),
    [],
    "The U.S. team won 3-2 in New York on Monday .".split(),
]
ARCHITECTURE = {"wordpiece": "bert", "unigram": "xlm-roberta", "bytelevel": "roberta"}


def rows(sentences):
    return Dataset.from_dict({"id": [str(i) for i in range(len(sentences))], "tokens": sentences})


@pytest.fixture(scope="module")
def tagger(tokenizer, checkpoint):
    """A random tagger of the tokenizer's kind whose decisions differ from word to word."""
    family = {"BertTokenizer": "wordpiece", "XLMRobertaTokenizer": "unigram", "RobertaTokenizer": "bytelevel"}
    torch.manual_seed(1)
    model, _ = load_for_ner(checkpoint(ARCHITECTURE[family[type(tokenizer).__name__]]), NAMES)
    torch.nn.init.normal_(model.classifier.weight)
    torch.nn.init.normal_(model.base_model.get_input_embeddings().weight)
    return model.eval()


@pytest.fixture
def predict(tagger, tokenizer, monkeypatch):
    def run(sentences, **options):
        monkeypatch.setitem(BATCH_PIECES, "cpu", 40)
        return predict_words(WordPredictor(tagger, tokenizer, device=CPU, **options), rows(sentences))

    return run


def one_by_one(model, tokenizer, words):
    """The slow literal way: one sentence, one forward pass, the label of each word's first piece."""
    encoded = tokenizer(words, is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        probabilities = model(**encoded).logits[0].softmax(-1)
    tags, scores = ["O"] * len(words), [1.0] * len(words)
    for piece, word in reversed(list(enumerate(encoded.word_ids()))):
        if word is not None:
            tags[word] = NAMES[int(probabilities[piece].argmax())]
            scores[word] = float(probabilities[piece].max())
    return tags, scores


def test_each_word_gets_the_tag_of_its_first_piece_as_if_predicted_alone(predict, tagger, tokenizer):
    found = predict(SENTENCES)
    for words, tags, scores in zip(SENTENCES, found.tags, found.probabilities, strict=True):
        expected, probabilities = one_by_one(tagger, tokenizer, words)
        assert tags == expected
        assert scores == pytest.approx(probabilities, rel=1e-4)
    assert len({tag for tags in found.tags for tag in tags}) > 2


def test_a_tagger_whose_config_asks_for_viterbi_decoding_gives_legal_tags_alone(tagger, tokenizer, predict, tmp_path):
    plain = predict(SENTENCES).tags
    store_decoding(tagger.config, "viterbi")
    try:
        tagger.save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        legal, stored = predict(SENTENCES).tags, load_tagger(str(tmp_path), device="cpu")
    finally:
        store_decoding(tagger.config, None)
    assert legal == [repair_tags(tags) for tags in legal] and plain != [repair_tags(tags) for tags in plain]
    assert predict_words(WordPredictor(stored.model, tokenizer, device=CPU), rows(SENTENCES)).tags == legal
    assert predict(SENTENCES).tags == plain


def test_words_get_the_tags_of_the_stock_pipeline(predict, tagger, tokenizer):
    stock = pipeline(
        "token-classification",
        model=tagger,
        tokenizer=tokenizer,
        trust_remote_code=False,
        aggregation_strategy="none",
        ignore_labels=[],
    )
    sentences = [words for words in SENTENCES if words]
    for words, tags in zip(sentences, predict(sentences).tags, strict=True):
        starts = [len(" ".join(words[:k])) + bool(k) for k in range(len(words))]
        first = {}
        for piece in stock(" ".join(words)):
            if piece["end"] > piece["start"]:
                word = max(k for k, start in enumerate(starts) if start <= piece["end"] - 1)
                first.setdefault(word, piece["entity"])
        # SentencePiece gives the space before a word a piece of its own, which the pipeline counts as well.
        alone = [k for k, word in enumerate(words) if tokenizer.tokenize(" " + word)[0].strip("▁Ġ")]
        assert [first[k] for k in alone] == [tags[k] for k in alone]
        assert len(alone) > 0


def test_a_long_sentence_is_tagged_to_its_last_word(predict, tagger, tokenizer):
    words = [SENTENCES[0][i % 7] for i in range(400)]
    found = predict([words, SENTENCES[1]], max_length=32, stride=4)
    assert [len(tags) for tags in found.tags] == [400, 1]
    assert found.tags[1] == one_by_one(tagger, tokenizer, SENTENCES[1])[0]
    assert {tag for tag in found.tags[0][300:]} != {"O"}
    # Away from the cuts a word sees the same neighbours at the same places as in a window of its own.
    assert found.tags[0][:5] == one_by_one(tagger, tokenizer, words[: first_window(tokenizer, words, 32)])[0][:5]


def first_window(tokenizer, words, max_length):
    """How many words fit into the first window."""
    count = 1
    while len(tokenizer(words[: count + 1], is_split_into_words=True)["input_ids"]) <= max_length:
        count += 1
    return count


def test_words_that_vanish_in_the_tokenizer_are_outside(predict, tokenizer):
    words = ["Maria", "", "Madrid"] + (["\u200b"] if "token_type_ids" in tokenizer.model_input_names else [])
    found = predict([words, [""]])
    pieces = tokenizer(words, is_split_into_words=True).word_ids()
    for word in range(len(words)):
        if word not in pieces:
            assert (found.tags[0][word], found.probabilities[0][word]) == ("O", 1.0)
    assert [len(tags) for tags in found.tags] == [len(words), 1]


def test_labels_in_the_data_are_not_looked_at(predict, tagger, tokenizer):
    with_labels = rows(SENTENCES).add_column("ner_tags", [["nonsense"] * len(words) for words in SENTENCES])
    found = predict_words(WordPredictor(tagger, tokenizer, device=CPU), with_labels)
    assert found.tags == predict(SENTENCES).tags


def test_a_model_that_is_no_tagger_is_refused(checkpoint, tokenizers):
    model = load_for_ner(checkpoint("bert"), ["LABEL_0", "LABEL_1"])[0]
    with pytest.raises(ModelError, match="LABEL_0"):
        WordPredictor(model, tokenizers["wordpiece"], device=CPU)
