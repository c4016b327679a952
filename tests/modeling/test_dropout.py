"""Dropout and attention for training on processors."""

import math

import pytest
import torch
from torch import nn
from transformers import AutoModelForTokenClassification
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from tof_hf.modeling.dropout import FastDropout, attention, fast_dropout, use_fast_dropout

SCALE = {torch.float32: 65536 / 58982, torch.bfloat16: 1.109375}  # 1 / 0.9 in each precision


def kept_by_hand(count, probability):
    """Which of some numbers are kept after `torch.manual_seed(0)`: 16 random bits of each, compared one by one."""
    torch.manual_seed(0)
    drawn = torch.empty(math.ceil(count / 4), dtype=torch.int64).random_(-(2**63), None).tolist()
    bits = b"".join(number.to_bytes(8, "little", signed=True) for number in drawn)
    levels = (int.from_bytes(bits[2 * i : 2 * i + 2], "little", signed=True) for i in range(count))
    return torch.tensor([level >= round(probability * 65536) - 32768 for level in levels])


def drop(values, probability=0.1):
    torch.manual_seed(0)
    return fast_dropout(values, probability)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_numbers_and_their_gradients_are_those_of_a_literal_loop(dtype):
    values = torch.randn(7, 11).to(dtype).requires_grad_()
    dropped = drop(values)
    dropped.sum().backward()
    mask = kept_by_hand(77, 0.1).view(7, 11).to(dtype) * SCALE[dtype]
    assert torch.equal(dropped, values * mask) and torch.equal(values.grad, mask)
    assert 0 < (mask == 0).sum() < 20


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_every_number_is_dropped_with_the_probability_and_apart_from_its_neighbours(probability):
    count = 400_000
    dropped = (drop(torch.ones(count), probability) == 0).double()
    spread = math.sqrt(probability * (1 - probability) / count)
    assert abs(dropped.mean() - probability) < 5 * spread
    for place in range(4):  # each quarter of the 64 bits that are drawn at once
        assert abs(dropped[place::4].mean() - probability) < 10 * spread
    for distance in range(1, 5):
        both = dropped[:-distance] * dropped[distance:]
        assert abs(both.mean() - probability**2) < 5 * math.sqrt(probability**2 / count)
    assert abs(drop(torch.ones(count), probability).mean() - 1) < 0.01


def test_without_training_and_at_the_limits_it_is_that_of_torch():
    values = torch.randn(5)
    assert torch.equal(FastDropout(0.5).eval()(values), values) and torch.equal(FastDropout(0.0)(values), values)
    assert torch.equal(FastDropout(1.0)(values), torch.zeros(5))


def heads(**options):
    return [torch.randn(2, 3, 5, 4, requires_grad=True, **options) for _ in range(3)]


def plain_attention(module, *args, dropout, **options):
    return sdpa_attention_forward(module, *args, dropout=0.0, **options)


@pytest.mark.parametrize("masked", [True, False])
def test_attention_is_that_of_torch_apart_from_what_is_dropped(masked):
    module, parts = nn.Module(), heads()
    module.is_causal = False
    mask = torch.ones(2, 1, 1, 5, dtype=torch.bool)
    mask[0, ..., 3:] = not masked
    mask = mask if masked else None
    expected, _ = plain_attention(module, *parts, mask, dropout=0.0)
    gradients = torch.autograd.grad(expected.square().sum(), parts)
    found, _ = attention(module, *parts, mask, dropout=1e-9)  # rounds to no dropout at all
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found.square().sum(), parts), gradients)
    torch.manual_seed(0)
    dropped, _ = attention(module, *parts, mask, dropout=0.1)
    query, key, value = parts
    scores = query @ key.mT / 2
    scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(-1) * kept_by_hand(150, 0.1).view(2, 3, 5, 5) * SCALE[torch.float32]
    torch.testing.assert_close(dropped, (weights @ value).transpose(1, 2))


def test_attention_that_it_does_not_know_is_left_to_torch():
    module, (query, key, value) = nn.Module(), heads()
    causal, _ = attention(module, query, key, value, None, dropout=1e-9)
    assert torch.allclose(causal[:, 0], value[:, :, 0])  # the first position sees only itself
    module.num_key_value_groups = 3
    grouped, _ = attention(module, query, key[:, :1], value[:, :1], None, dropout=1e-9, is_causal=False)
    assert grouped.shape == (2, 5, 3, 4)


@pytest.mark.parametrize("architecture", ["bert", "modernbert", "deberta-v2"])
def test_a_model_computes_the_same_and_is_saved_the_same(architecture, tiny_config, tmp_path):
    model = AutoModelForTokenClassification.from_config(tiny_config(architecture), trust_remote_code=False)
    batch = {"input_ids": torch.arange(40, 60).view(2, 10), "attention_mask": torch.ones(2, 10, dtype=torch.long)}
    batch["attention_mask"][1, 6:] = 0
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 1e-9
    before = model.train()(**batch).logits
    model.save_pretrained(tmp_path / "before")
    use_fast_dropout(model)
    torch.testing.assert_close(model(**batch).logits, before)
    assert not any(type(module) is nn.Dropout for module in model.modules())
    assert torch.equal(model.eval()(**batch).logits, model(**batch).logits)
    model.save_pretrained(tmp_path / "after")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "after" / name).read_bytes() == (tmp_path / "before" / name).read_bytes()
