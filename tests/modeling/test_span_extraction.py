from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from transformers import AutoModel

from tof_hf.data.tokenizers import load_tokenizer
from tof_hf.errors import ModelError
from tof_hf.modeling.collators import SpanCollator
from tof_hf.modeling.span_extraction import AutoModelForSpanExtraction, SpanExtractionModel, span_loss

pytestmark = pytest.mark.slow

ARCHITECTURES = ["bert", "xlm-roberta", "roberta", "distilbert", "deberta-v2", "modernbert", "electra"]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def architecture(request):
    return request.param


def row(length, context, spans=(), ignored=()):
    return {
        "input_ids": [2, *range(20, 20 + length - 2), 3],
        "context": list(context),
        "spans": [list(span) for span in spans],
        "ignored": list(ignored),
        "length": length,
    }


ROWS = [
    row(12, (4, 11), [(5, 7), (9, 9)]),
    row(9, (3, 8), [(3, 4)], ignored=[7]),
    row(15, (5, 14)),
    row(7, (3, 6), [(3, 5)]),
]


def random_model(config, *, span_match=False, seed=0):
    """With weights large enough that the random head says yes about half of the time."""
    torch.manual_seed(seed)
    model = AutoModelForSpanExtraction.from_config(config, span_match=span_match).eval()
    for head in (model.start, model.end):
        torch.nn.init.normal_(head.weight)
        torch.nn.init.normal_(head.bias)
    if span_match:
        for layer in (model.match[0], model.match[2]):
            torch.nn.init.normal_(layer.weight)
    return model


def reference_spans(yes, context):
    """Word by word what the docstring says: the nearest predicted end at or after each predicted start."""
    spans = {}
    for start, marks in enumerate(yes):
        if not (context[start] and marks[0]):
            continue
        for end in range(start, len(yes)):
            if context[end] and yes[end][1]:
                spans[start] = end
                break
    return spans


def test_any_encoder_gives_logits_loss_and_spans(architecture, tiny_config, tokenizers):
    model = random_model(tiny_config(architecture))
    output = model(**SpanCollator(tokenizers["unigram"])(ROWS))
    assert output.logits.shape == (4, 15, 2, 2)
    assert output.span_ends.shape == (4, 15)
    assert torch.isfinite(output.loss) and output.match_loss is None
    assert not any("pooler" in name for name in model.state_dict())


def test_the_loss_is_that_of_each_row_alone_whatever_the_padding(architecture, tiny_config, tokenizers):
    model = random_model(tiny_config(architecture))
    collate = SpanCollator(tokenizers["unigram"])
    together = model(**collate(ROWS))
    sums = items = 0.0
    for place, one in enumerate(ROWS):
        alone = model(**collate([one]))
        count = int((collate([one])["labels"] != -100).sum())
        sums, items = sums + alone.loss.item() * count, items + count
        torch.testing.assert_close(alone.logits[0], together.logits[place, : one["length"]], atol=1e-5, rtol=1e-4)
    assert together.loss.item() == pytest.approx(sums / items, rel=1e-5)


def test_the_loss_is_the_mean_cross_entropy_of_starts_plus_that_of_ends_on_the_context(tiny_config, tokenizers):
    batch = SpanCollator(tokenizers["unigram"])(ROWS)
    logits = random_model(tiny_config("bert"))(**batch).logits
    losses = {0: [], 1: []}
    for i, one in enumerate(ROWS):
        for piece in range(*one["context"]):
            if piece not in one["ignored"]:
                for side in (0, 1):
                    truth = torch.tensor(int(any(span[side] == piece for span in one["spans"])))
                    losses[side].append(F.cross_entropy(logits[i, piece, side], truth).item())
    expected = sum(sum(side) / len(side) for side in losses.values())
    assert span_loss({"logits": logits}, batch["labels"]).item() == pytest.approx(expected, rel=1e-5)


def test_logits_outside_the_context_change_neither_loss_nor_spans(tiny_config, tokenizers):
    batch = SpanCollator(tokenizers["unigram"])(ROWS)
    model = random_model(tiny_config("bert"))
    logits = model(**batch).logits
    changed = torch.where(batch["context_mask"][..., None, None], logits, torch.randn_like(logits) * 50)
    assert span_loss({"logits": changed}, batch["labels"]) == span_loss({"logits": logits}, batch["labels"])
    hidden = torch.zeros(*batch["input_ids"].shape, 16)
    mask = batch["context_mask"]
    assert torch.equal(model.decode(hidden, changed, mask), model.decode(hidden, logits, mask))


@settings(max_examples=60)
@given(st.data())
def test_decoding_equals_the_literal_rule(tiny_config, data):
    marks = data.draw(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=14))
    yes, context = [mark[:2] for mark in marks], [mark[2] for mark in marks]
    model = random_model(tiny_config("bert"))
    logits = torch.tensor([[[[0.0, 1.0] if y else [1.0, 0.0] for y in mark] for mark in yes]])
    ends = model.decode(torch.zeros(1, len(yes), 16), logits, torch.tensor([context]))[0].tolist()
    assert {start: end for start, end in enumerate(ends) if end >= 0} == reference_spans(yes, context)


def test_a_match_head_refuses_pairs_that_are_less_likely_than_not(tiny_config, tokenizers):
    kept = refused = 0
    for seed in range(6):
        plain = random_model(tiny_config("bert"), seed=seed)
        matching = random_model(tiny_config("bert"), span_match=True, seed=seed)
        matching.load_state_dict(plain.state_dict(), strict=False)
        batch = SpanCollator(tokenizers["unigram"])(ROWS)
        without, with_match = plain(**batch).span_ends, matching(**batch).span_ends
        hidden = matching.encoder(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])[0]
        for i, start in (without >= 0).nonzero().tolist():
            pair = torch.cat([hidden[i, start], hidden[i, without[i, start]]])
            likely = bool(matching.match(pair) > 0)
            assert with_match[i, start] == (without[i, start] if likely else -1)
            kept, refused = kept + likely, refused + (not likely)
        assert torch.equal(with_match >= 0, (with_match >= 0) & (without >= 0))
    assert kept and refused


@pytest.mark.parametrize("span_match", [False, True])
def test_the_losses_of_the_parts_of_a_batch_add_up(tiny_config, tokenizers, span_match):
    model = random_model(tiny_config("bert"), span_match=span_match)
    collate = SpanCollator(tokenizers["unigram"], span_match=span_match)

    def loss(rows, items=None):
        batch = collate(rows)
        return span_loss(model(**batch), batch["labels"], items).item()

    items = int((collate(ROWS)["labels"] != -100).sum())
    assert loss(ROWS) == pytest.approx(loss(ROWS, items), rel=1e-6)
    assert sum(loss([one], items) for one in ROWS) == pytest.approx(loss(ROWS), rel=1e-5)
    assert loss(ROWS[:1], items) + loss(ROWS[1:], items) == pytest.approx(loss(ROWS), rel=1e-5)


def test_the_match_loss_is_the_mean_over_possible_pairs_weighted_by_the_context(tiny_config, tokenizers):
    model = random_model(tiny_config("bert"), span_match=True)
    batch = SpanCollator(tokenizers["unigram"], span_match=True)(ROWS)
    output = model(**batch)
    hidden = model.encoder(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])[0]
    yes = output.logits.argmax(-1).bool()
    expected = 0.0
    for i, one in enumerate(ROWS):
        context = range(*one["context"])
        starts = {p for p in context if yes[i, p, 0]} | {span[0] for span in one["spans"]}
        ends = {p for p in context if yes[i, p, 1]} | {span[1] for span in one["spans"]}
        losses = []
        for start in starts:
            for end in (end for end in ends if end >= start):
                truth = torch.tensor([float([start, end] in one["spans"])])
                logit = model.match(torch.cat([hidden[i, start], hidden[i, end]]))
                losses.append(F.binary_cross_entropy_with_logits(logit, truth).item())
        expected += len(context) * sum(losses) / max(1, len(losses))
    assert output.match_loss.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("span_match", [False, True])
def test_a_saved_model_comes_back_bit_for_bit(architecture, tiny_config, tokenizers, tmp_path, span_match):
    model = random_model(tiny_config(architecture), span_match=span_match)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSpanExtraction.from_pretrained(str(tmp_path), trust_remote_code=False)
    assert isinstance(loaded, SpanExtractionModel) and loaded.config.span_match == span_match
    before, after = model.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    batch = SpanCollator(tokenizers["unigram"], span_match=span_match)(ROWS)
    assert torch.equal(model(**batch).logits, loaded(**batch).logits)


@pytest.mark.parametrize("kind", ["encoder", "mlm"])
def test_a_plain_encoder_and_an_mlm_checkpoint_keep_their_encoder(architecture, checkpoint, kind):
    folder = checkpoint(architecture, kind)
    model = AutoModelForSpanExtraction.from_pretrained(folder, trust_remote_code=False)
    encoder = AutoModel.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False).state_dict()
    ours = model.encoder.state_dict()
    assert ours and all(torch.equal(encoder[name], tensor) for name, tensor in ours.items())
    assert set(encoder) - set(ours) <= {name for name in encoder if "pooler" in name}
    assert not model.training


def test_a_saved_model_says_no_when_asked_for_another_kind_of_head(tiny_config, tmp_path):
    AutoModelForSpanExtraction.from_config(tiny_config("bert")).save_pretrained(tmp_path)
    model = AutoModelForSpanExtraction.from_pretrained(str(tmp_path), trust_remote_code=False, span_match=False)
    assert not model.config.span_match
    with pytest.raises(ModelError, match="span_match=False"):
        AutoModelForSpanExtraction.from_pretrained(str(tmp_path), span_match=True, trust_remote_code=False)


def test_a_saved_model_needs_no_code_from_its_folder(tiny_config, tmp_path):
    AutoModelForSpanExtraction.from_config(tiny_config("bert")).save_pretrained(tmp_path)
    assert not list(Path(tmp_path).glob("*.py"))
    assert "auto_map" not in json.loads((tmp_path / "config.json").read_text())


def test_ignored_pieces_and_padding_carry_no_label(tokenizers):
    for tokenizer in (tokenizers["unigram"], load_tokenizer(tokenizers["wordpiece"].name_or_path)):
        batch = SpanCollator(tokenizer, span_match=True)(ROWS)
        for i, one in enumerate(ROWS):
            first, end = one["context"]
            for piece in range(15):
                labels = batch["labels"][i, piece].tolist()
                if first <= piece < end and piece not in one["ignored"]:
                    assert labels == [int(any(span[side] == piece for span in one["spans"])) for side in (0, 1)]
                else:
                    assert labels == [-100, -100]
            given_spans = [span for span in batch["spans"][i].tolist() if span != [-1, -1]]
            assert given_spans == one["spans"]
        assert torch.equal(batch["attention_mask"].sum(1), torch.tensor([one["length"] for one in ROWS]))
