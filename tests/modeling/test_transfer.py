from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForTokenClassification

from tof_hf.errors import ModelError
from tof_hf.modeling.transfer import load_for_mlm, load_for_mrc, load_for_ner

pytestmark = pytest.mark.slow

ARCHITECTURES = ["bert", "xlm-roberta", "roberta", "distilbert", "deberta-v2", "modernbert", "electra"]
NAMES = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
TWO = ["O", "B-X"]  # as many labels as the span heads have classes


@pytest.fixture(scope="module", params=ARCHITECTURES)
def architecture(request):
    return request.param


def encoder_of(model):
    return {name: tensor.clone() for name, tensor in model.base_model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def save(model, folder):
    model.save_pretrained(folder)
    return str(folder)


def test_the_encoder_passes_every_head_bit_for_bit(architecture, checkpoint, tmp_path):
    base = checkpoint(architecture)
    model, _ = load_for_mlm(base)
    encoder = encoder_of(model)
    steps = [
        ("mrc", lambda folder: load_for_mrc(folder)),
        ("ner", lambda folder: load_for_ner(folder, NAMES)),
        ("ner again", lambda folder: load_for_ner(folder, NAMES, keep_head=True)),
        ("mrc again", lambda folder: load_for_mrc(folder, span_match=True)),
        ("mlm again", lambda folder: load_for_mlm(folder, base=base)),
        ("ner of two", lambda folder: load_for_ner(folder, TWO)),
        ("mrc of two", lambda folder: load_for_mrc(folder)),
    ]
    folder = save(model, tmp_path / "mlm")
    for name, step in steps:
        model, hand_off = step(folder)
        assert same(encoder_of(model), encoder), name
        assert hand_off.encoder == len(encoder)
        assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
        folder = save(model, tmp_path / name)


def test_every_new_task_starts_with_a_fresh_head(architecture, checkpoint, tmp_path):
    # ModernBERT's heads of different tasks carry the same names, and with two labels the same shapes.
    first, hand_off = load_for_ner(checkpoint(architecture), TWO)
    head = {name for name in first.state_dict() if not name.startswith(f"{first.base_model_prefix}.")}
    assert head and set(hand_off.head_fresh) == head and not hand_off.head_kept
    with torch.no_grad():
        for name, tensor in first.state_dict().items():
            if name in head:
                tensor.fill_(7.0)
    folder = save(first, tmp_path / "ner")
    mrc, hand_off = load_for_mrc(folder)
    assert not hand_off.head_kept and hand_off.head_fresh
    again, _ = load_for_ner(save(mrc, tmp_path / "mrc"), TWO)
    over, _ = load_for_ner(folder, TWO)
    for model in (mrc, again, over):
        outside = [
            tensor for name, tensor in model.state_dict().items() if not name.startswith(f"{model.base_model_prefix}.")
        ]
        assert outside and not any((tensor == 7.0).any() for tensor in outside)


def test_fresh_heads_differ_by_seed_and_repeat_with_it(checkpoint):
    heads = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        heads.append(load_for_ner(checkpoint("bert"), NAMES)[0].classifier.weight)
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])


def test_a_kept_head_is_the_same_bit_for_bit(architecture, checkpoint, tmp_path):
    tagger, _ = load_for_ner(checkpoint(architecture), NAMES)
    folder = save(tagger, tmp_path)
    kept, hand_off = load_for_ner(folder, NAMES, keep_head=True)
    assert same(dict(tagger.state_dict()), dict(kept.state_dict()))
    assert hand_off.head_kept and not hand_off.head_fresh
    assert kept.config.id2label == dict(enumerate(NAMES))


def test_a_head_of_other_labels_is_not_kept(checkpoint, tmp_path):
    folder = save(load_for_ner(checkpoint("bert"), NAMES)[0], tmp_path / "ner")
    for other in (
        ["O", "B-LOC", "I-LOC", "B-ORG", "I-ORG"],
        [*NAMES[:1], *NAMES[3:], *NAMES[1:3]],
        NAMES[:3],
    ):
        with pytest.raises(ModelError, match="head"):
            load_for_ner(folder, other, keep_head=True)
    mrc = save(load_for_mrc(folder)[0], tmp_path / "mrc")
    for no_tagger in (mrc, checkpoint("bert", "mlm"), checkpoint("bert", "encoder")):
        with pytest.raises(ModelError, match="head"):
            load_for_ner(no_tagger, NAMES, keep_head=True)


def test_a_tagger_is_a_stock_model_with_its_labels(architecture, checkpoint, tmp_path):
    folder = save(load_for_ner(checkpoint(architecture), NAMES)[0], tmp_path)
    stock = AutoModelForTokenClassification.from_pretrained(folder, trust_remote_code=False)
    assert stock.config.label2id == {label: i for i, label in enumerate(NAMES)}
    assert stock.config.architectures == [type(stock).__name__]


def test_the_mlm_head_is_that_of_the_pretrained_model_or_reported_as_fresh(architecture, checkpoint, tmp_path):
    known, hand_off = load_for_mlm(checkpoint(architecture, "mlm"))
    assert hand_off.head_kept and not hand_off.head_fresh
    _, hand_off = load_for_mlm(checkpoint(architecture, "encoder"))
    assert hand_off.head_fresh
    # After other tasks the head comes from the pretrained model again, tied to the embeddings handed on.
    mrc = load_for_mrc(checkpoint(architecture, "mlm"))[0]
    with torch.no_grad():
        mrc.encoder.get_input_embeddings().weight.add_(1.0)
    back, hand_off = load_for_mlm(save(mrc, tmp_path), base=checkpoint(architecture, "mlm"))
    assert not hand_off.head_fresh
    assert torch.equal(back.get_output_embeddings().weight, back.get_input_embeddings().weight)
    embeddings = back.get_input_embeddings().weight.data_ptr()
    for name in hand_off.head_kept:
        tensor = back.state_dict()[name]
        assert tensor.data_ptr() == embeddings or torch.equal(tensor, known.state_dict()[name])


def damaged(source, folder, *, without):
    """A copy of a checkpoint that lacks all tensors with this text in their names."""
    shutil.copytree(source, folder)
    tensors = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if without not in name}
    assert 0 < len(kept) < len(tensors)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return str(folder)


LAYER = {"distilbert": "layer.1.", "modernbert": "layers.1."}


@pytest.mark.parametrize("kind", ["encoder", "mlm", "ner", "mrc"])
@pytest.mark.parametrize("architecture", ["bert", "distilbert", "modernbert"])
def test_a_checkpoint_that_lacks_a_layer_is_refused(architecture, kind, checkpoint, tmp_path):
    whole = checkpoint(architecture, "encoder" if kind == "encoder" else "mlm")
    if kind in ("ner", "mrc"):
        model = (load_for_ner(whole, NAMES) if kind == "ner" else load_for_mrc(whole))[0]
        whole = save(model, tmp_path / "whole")
    broken = damaged(whole, tmp_path / "broken", without=LAYER.get(architecture, "layer.1."))
    loaders = [lambda: load_for_mrc(broken), lambda: load_for_ner(broken, NAMES)]
    if kind in ("encoder", "mlm"):
        loaders.append(lambda: load_for_mlm(broken))
    if kind == "ner":
        loaders.append(lambda: load_for_ner(broken, NAMES, keep_head=True))
    for load in loaders:
        with pytest.raises(ModelError):
            load()


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "modernbert"])
def test_an_encoder_of_another_shape_than_its_config_says_is_refused(architecture, checkpoint, tmp_path):
    shutil.copytree(checkpoint(architecture), tmp_path / "wrong")
    config = json.loads((tmp_path / "wrong" / "config.json").read_text())
    (tmp_path / "wrong" / "config.json").write_text(json.dumps(config | {"vocab_size": 99}))
    for load in (load_for_mlm, load_for_mrc, lambda folder: load_for_ner(folder, NAMES)):
        with pytest.raises(ModelError):
            load(str(tmp_path / "wrong"))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused_and_large_ones_are_not(number, checkpoint, tmp_path):
    model, _ = load_for_ner(checkpoint("bert"), NAMES)
    with torch.no_grad():
        model.classifier.bias[:] = 3e38  # their sum is infinite
        folder = save(model, tmp_path / "large")
        load_for_ner(folder, NAMES, keep_head=True)
        model.base_model.embeddings.word_embeddings.weight[3, 3] = number
    folder = save(model, tmp_path / "broken")
    for keep_head in (True, False):
        with pytest.raises(ModelError, match=r"broken: 1 of its tensors hold NaN or infinite .*word_embeddings"):
            load_for_ner(folder, NAMES, keep_head=keep_head)


def test_a_folder_without_a_readable_model_is_refused(checkpoint, tmp_path):
    whole = checkpoint("bert")
    empty, torn, pickled = tmp_path / "empty", tmp_path / "torn", tmp_path / "pickled"
    empty.mkdir()
    shutil.copytree(whole, torn)
    (torn / "model.safetensors").write_bytes((torn / "model.safetensors").read_bytes()[:1000])
    shutil.copytree(whole, pickled)
    (pickled / "model.safetensors").unlink()
    torch.save({"model": object.__new__(Trap)}, pickled / "pytorch_model.bin")
    for folder in (empty, torn, pickled, tmp_path / "missing"):
        for load in (load_for_mlm, load_for_mrc, lambda folder: load_for_ner(folder, NAMES)):
            with pytest.raises(ModelError, match=folder.name):
                load(str(folder))


class Trap:
    """An object that no loader of weights may rebuild from a pickle."""


def test_weights_in_half_precision_are_trained_in_single_precision(checkpoint, tmp_path):
    half = load_for_mlm(checkpoint("bert"))[0].to(torch.bfloat16)
    folder = save(half, tmp_path)
    for model, _ in (load_for_mlm(folder), load_for_mrc(folder), load_for_ner(folder, NAMES)):
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
