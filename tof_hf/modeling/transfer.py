"""The transfer of the encoder between heads: copied strictly, compared bit by bit, with fresh heads by default.

`from_pretrained` would do most of this, and sometimes too much: heads of two tasks can have the same tensor names (as
in ModernBERT), and then one task's head silently starts as the other's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, AutoModelForTokenClassification, PreTrainedModel

from tof_hf.errors import ModelError
from tof_hf.modeling.checkpoints import encoder_of, load_whole, read_config
from tof_hf.modeling.hand_off import HandOff
from tof_hf.modeling.span_extraction import AutoModelForSpanExtraction, SpanExtractionConfig, load_encoder
from tof_hf.utils.pretrained import make_from_config


def load_for_mlm(checkpoint: str, *, base: str | None = None) -> tuple[PreTrainedModel, HandOff]:
    """A masked language model with the encoder of `checkpoint` and the MLM head of `base` (Algorithm 1, line 1).

    Args:
        checkpoint: a folder or Hub id whose encoder is taken.
        base: the pretrained encoder with its MLM head; by default `checkpoint`.

    Returns:
        The model, and which tensors it took. A base without an MLM head gives a fresh head, listed in `head_fresh`:
        train it first, so that it does not disturb the encoder.

    Raises:
        ModelError: a checkpoint cannot be loaded, is not complete, or does not fit the base.

    Example:
        >>> model, hand_off = load_for_mlm("mrc", base="google-bert/bert-base-multilingual-cased")
    """
    base = base or checkpoint
    model, missing = load_whole(AutoModelForMaskedLM, base, fresh_head=True)
    if checkpoint != base:
        _copy_encoder(load_encoder(checkpoint), model)
        model.tie_weights()
    return model, _hand_off(checkpoint, model, fresh=missing)


def load_for_mrc(checkpoint: str, *, span_match: bool = False) -> tuple[PreTrainedModel, HandOff]:
    """A span-extraction model with the encoder of `checkpoint` and a fresh head (Algorithm 1, lines 3 and 13).

    Args:
        checkpoint: a folder or Hub id whose encoder is taken.
        span_match: whether to add a span-match head.

    Returns:
        The model, and which tensors it took.

    Raises:
        ModelError: the checkpoint cannot be loaded or is not complete.
    """
    encoder = load_encoder(checkpoint)
    model = AutoModelForSpanExtraction.from_config(encoder.config, span_match=span_match)
    _copy_encoder(encoder, model)
    return model, _hand_off(checkpoint, model, fresh=_head(model))


def load_for_ner(
    checkpoint: str, label_names: Sequence[str], *, keep_head: bool = False
) -> tuple[PreTrainedModel, HandOff]:
    """A stock token-classification model with the encoder of `checkpoint` (Algorithm 1, lines 5, 8 and 15).

    Args:
        checkpoint: a folder or Hub id whose encoder is taken.
        label_names: the labels, in the order of their numbers.
        keep_head: take the head of the checkpoint too (line 8), which must be a tagger with the same labels.

    Returns:
        The model, and which tensors it took.

    Raises:
        ModelError: the checkpoint cannot be loaded, is not complete, or with `keep_head` has other labels.

    Example:
        >>> model, hand_off = load_for_ner("mrc", ["O", "B-PER", "I-PER"])
    """
    id2label = dict(enumerate(label_names))
    if keep_head:
        return _same_tagger(checkpoint, id2label)
    encoder = load_encoder(checkpoint)
    config = encoder.config.__class__.from_dict(encoder.config.to_dict())
    config.id2label = id2label
    config.label2id = {label: i for i, label in id2label.items()}
    config.architectures = None
    model = make_from_config(AutoModelForTokenClassification, config, dtype=torch.float32)
    _copy_encoder(encoder, model)
    return model, _hand_off(checkpoint, model, fresh=_head(model))


def _same_tagger(checkpoint: str, id2label: dict[int, str]) -> tuple[PreTrainedModel, HandOff]:
    config = read_config(checkpoint)
    is_mrc = isinstance(config, SpanExtractionConfig)
    if is_mrc or config.id2label != id2label:
        found = "a span-extraction head" if is_mrc else f"labels {list((config.id2label or {}).values())}"
        raise ModelError(
            f"{checkpoint}: cannot keep the NER head: found {found}, needed labels {list(id2label.values())}. "
            "What to do: start from a tagger with the same labels."
        )
    model, _ = load_whole(AutoModelForTokenClassification, checkpoint)
    file, state = Path(checkpoint) / "model.safetensors", model.state_dict()
    if file.is_file():
        saved = load_file(file)
        changed = [name for name in state if name in saved and not torch.equal(state[name], saved[name].float())]
        if changed or not saved.keys() & state.keys():
            raise ModelError(f"{len(changed)} tensors of {checkpoint} changed while loading, e.g. {changed[:1]}.")
    return model, _hand_off(checkpoint, model, fresh=set())


def _hand_off(checkpoint: str, model: PreTrainedModel, *, fresh: set[str]) -> HandOff:
    head, encoder, names = _head(model), set(encoder_of(model).state_dict()), set[str]()
    kept = head - fresh
    for file in Path(checkpoint).glob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            names |= set(tensors.keys())
    # Every kind of model has another prefix before the names of the encoder's tensors.
    dropped = (name for name in names - kept if name not in encoder and name.partition(".")[2] not in encoder)
    return HandOff(len(encoder), *(tuple(sorted(group)) for group in (kept, head & fresh, dropped)))


def _head(model: PreTrainedModel) -> set[str]:
    prefix = f"{model.base_model_prefix}."
    return {name for name in model.state_dict() if not name.startswith(prefix)}


def _copy_encoder(encoder: PreTrainedModel, model: PreTrainedModel) -> None:
    """Copy strictly, then check that the model has every tensor of the encoder bit for bit."""
    wanted, copy = encoder.state_dict(), encoder_of(model)
    try:
        copy.load_state_dict(wanted, strict=True)
    except RuntimeError as problem:
        raise ModelError(f"The encoder does not fit into {type(model).__name__}: {problem}") from problem
    found = copy.state_dict()
    changed = [name for name in wanted if not torch.equal(wanted[name], found[name])]
    if changed:
        raise ModelError(f"{len(changed)} tensors of the encoder changed while copying, e.g. {changed[0]}.")
