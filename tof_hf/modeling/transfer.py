"""Handing the encoder from one head to the next: copied strictly, compared bit by bit, heads fresh unless asked for.

`from_pretrained` would do most of this, and sometimes too much: heads of two tasks can carry the same names (in
ModernBERT they do), and then one task's head starts as the other's without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForTokenClassification,
    PreTrainedModel,
)
from transformers.utils import logging

from tof_hf.data.labels import entity_types
from tof_hf.errors import ModelError
from tof_hf.modeling.checkpoints import load_whole, read_config
from tof_hf.modeling.hand_off import HandOff
from tof_hf.modeling.span_extraction import AutoModelForSpanExtraction, SpanExtractionConfig, load_encoder
from tof_hf.utils.pretrained import make_from_config


def load_for_mlm(checkpoint: str, *, base: str | None = None) -> tuple[PreTrainedModel, HandOff]:
    """A masked-language model with the encoder of `checkpoint` and the MLM head of `base` (the pretrained encoder).

    A base without an MLM head gives a fresh one, named in the HandOff: warm it up before the encoder learns from it.
    """
    base = base or checkpoint
    with _quiet():
        model, missing = load_whole(AutoModelForMaskedLM, base, fresh_head=True)
        if checkpoint != base:
            _copy_encoder(load_encoder(checkpoint), model)
            model.tie_weights()
    head = _head(model)
    fresh = tuple(sorted(name for name in head if name in missing))
    kept = tuple(sorted(head - set(fresh)))
    return model, HandOff(len(model.base_model.state_dict()), kept, fresh, _dropped(checkpoint, model, kept))


def load_for_mrc(checkpoint: str, *, span_match: bool = False) -> tuple[PreTrainedModel, HandOff]:
    """A span-extraction model with the encoder of `checkpoint` and always a fresh head (paper Algorithm 1, line 3)."""
    with _quiet():
        encoder = load_encoder(checkpoint)
        model = AutoModelForSpanExtraction.from_config(encoder.config, span_match=span_match)
        _copy_encoder(encoder, model)
    fresh = tuple(sorted(_head(model)))
    return model, HandOff(len(encoder.state_dict()), (), fresh, _dropped(checkpoint, model, ()))


def load_for_ner(
    checkpoint: str, label_names: Sequence[str], *, keep_head: bool = False
) -> tuple[PreTrainedModel, HandOff]:
    """A stock token-classification model with the encoder of `checkpoint`.

    The head is fresh (line 5 of Algorithm 1), or with `keep_head` that of the checkpoint (line 8), which must then
    be a tagger of the same labels in the same order; ModelError otherwise.
    """
    id2label = dict(enumerate(label_names))
    with _quiet():
        if keep_head:
            return _same_tagger(checkpoint, id2label)
        encoder = load_encoder(checkpoint)
        config = encoder.config.__class__.from_dict(encoder.config.to_dict())
        config.id2label = id2label
        config.label2id = {label: i for i, label in id2label.items()}
        config.architectures = None
        model = make_from_config(AutoModelForTokenClassification, config, dtype=torch.float32)
        _copy_encoder(encoder, model)
    fresh = tuple(sorted(_head(model)))
    return model, HandOff(len(encoder.state_dict()), (), fresh, _dropped(checkpoint, model, ()))


def _same_tagger(checkpoint: str, id2label: dict[int, str]) -> tuple[PreTrainedModel, HandOff]:
    config = read_config(checkpoint)
    if isinstance(config, SpanExtractionConfig) or config.id2label != id2label:
        found = (
            "a span-extraction model" if isinstance(config, SpanExtractionConfig) else list(config.id2label.values())
        )
        raise ModelError(
            f"{checkpoint}: cannot carry the NER head over, it has {found}, needed is {list(id2label.values())} "
            f"(types {', '.join(entity_types(list(id2label.values())))}). Start from a tagger with the same labels."
        )
    model, _ = load_whole(AutoModelForTokenClassification, checkpoint)
    file, state = Path(checkpoint) / "model.safetensors", model.state_dict()
    if file.is_file():
        saved = load_file(file)
        changed = [name for name in state if name in saved and not torch.equal(state[name], saved[name].float())]
        if changed or not saved.keys() & state.keys():
            raise ModelError(f"{len(changed)} tensors of {checkpoint} changed on the way, e.g. {changed[:1]}.")
    return model, HandOff(len(model.base_model.state_dict()), tuple(sorted(_head(model))), ())


def _dropped(checkpoint: str, model: PreTrainedModel, kept: Sequence[str]) -> tuple[str, ...]:
    """Head tensors of the checkpoint's files that the model has no use for."""
    names: set[str] = set()
    for file in Path(checkpoint).glob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            names |= set(tensors.keys())
    encoder = set(model.base_model.state_dict())
    # The encoder stands under a prefix of its own in every kind of model.
    head = (name for name in names - set(kept) if name not in encoder and name.partition(".")[2] not in encoder)
    return tuple(sorted(head))


def _head(model: PreTrainedModel) -> set[str]:
    prefix = f"{model.base_model_prefix}."
    return {name for name in model.state_dict() if not name.startswith(prefix)}


def _copy_encoder(encoder: PreTrainedModel, model: PreTrainedModel) -> None:
    """Copy strictly, then look: every tensor of the encoder must now stand in the model bit for bit."""
    wanted = encoder.state_dict()
    try:
        model.base_model.load_state_dict(wanted, strict=True)
    except RuntimeError as problem:
        raise ModelError(f"The encoder does not fit under {type(model).__name__}: {problem}") from problem
    found: dict[str, Any] = model.base_model.state_dict()
    changed = [name for name in wanted if not torch.equal(wanted[name], found[name])]
    if changed:
        raise ModelError(f"{len(changed)} tensors of the encoder changed on the way, e.g. {changed[0]}.")


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers reports every head that it does not load; here that is the point."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
