"""Span extraction with per-token start and end classifiers on any encoder (paper Eq. 2): many spans per question."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    AutoConfig,
    AutoModel,
    AutoModelForTokenClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import ModelOutput

from tof_hf.errors import ModelError
from tof_hf.modeling.checkpoints import load_whole, read_config
from tof_hf.utils.pretrained import make_from_config

NO_SPAN = -1
_YES = 1
RARE = 0.01  # the share of pieces at which a span starts, before anything is learned


class SpanExtractionConfig(PreTrainedConfig):
    """The encoder's configuration, whether a span-match head is added, and the heads' dropout."""

    model_type = "span-extraction"
    sub_configs = {"encoder": AutoConfig}

    def __init__(self, encoder: Any = None, span_match: bool = False, dropout: float = 0.1, **kwargs: Any) -> None:
        if isinstance(encoder, dict):
            encoder = AutoConfig.for_model(**encoder)
        self.encoder = encoder
        self.span_match = span_match
        self.dropout = dropout
        super().__init__(**kwargs)


@dataclass
class SpanExtractionOutput(ModelOutput):
    """`loss`: scalar or None. `logits`: (batch, pieces, 2: start and end, 2: no and yes). `span_ends`: (batch,
    pieces), the piece at which the span that starts here ends, or -1."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    match_loss: Tensor | None = None
    span_ends: Tensor | None = None


class SpanExtractionModel(PreTrainedModel):
    """An encoder, two linear layers to two classes (start, end), and optionally a span-match layer over both ends."""

    config_class = SpanExtractionConfig
    base_model_prefix = "encoder"
    supports_gradient_checkpointing = True

    def __init__(self, config: SpanExtractionConfig) -> None:
        super().__init__(config)
        self.encoder = _bare_encoder(config.encoder)
        self.dropout = nn.Dropout(config.dropout)
        size = config.encoder.hidden_size
        self.start = nn.Linear(size, 2)
        self.end = nn.Linear(size, 2)
        if config.span_match:
            self.match = nn.Sequential(nn.Linear(2 * size, size), nn.GELU(), nn.Linear(size, 1))
        self._encoder_inputs = frozenset(inspect.signature(self.encoder.forward).parameters)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            std = self.config.encoder.to_dict().get("initializer_range", 0.02)
            nn.init.normal_(module.weight, std=std)
            nn.init.zeros_(module.bias)
            if module in (self.start, self.end):
                # Spans are rare: even odds for every piece would make the first steps one big push to the encoder.
                with torch.no_grad():
                    module.bias[_YES] = math.log(RARE / (1 - RARE))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        context_mask: Tensor | None = None,
        spans: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> SpanExtractionOutput:
        """Start and end logits for every piece, and the loss if `labels` are given.

        input_ids, attention_mask, token_type_ids: (batch, pieces). context_mask: (batch, pieces), true on the
        context, the only place where spans are found; needed for decoding. labels: (batch, pieces, 2), 0 or 1 for
        start and end, -100 outside the loss. spans: (batch, most spans, 2) start and end pieces of the true spans,
        padded with -1, for the span-match loss.
        """
        given = {"attention_mask": attention_mask, "token_type_ids": token_type_ids}
        given = {k: v for k, v in given.items() if v is not None and k in self._encoder_inputs}
        hidden = self.dropout(self.encoder(input_ids=input_ids, **given)[0])
        logits = torch.stack([self.start(hidden), self.end(hidden)], dim=2)
        match_loss = None
        if self.config.span_match and spans is not None and context_mask is not None:
            match_loss = self._match_loss(hidden, logits, context_mask, spans)
        loss = None if labels is None else span_loss({"logits": logits, "match_loss": match_loss}, labels)
        span_ends = None
        if context_mask is not None and not self.training:
            span_ends = self.decode(hidden, logits, context_mask)
        return SpanExtractionOutput(loss=loss, logits=logits, match_loss=match_loss, span_ends=span_ends)

    def decode(self, hidden: Tensor, logits: Tensor, context_mask: Tensor) -> Tensor:
        """(batch, pieces): for every predicted start the nearest predicted end not before it, else -1.

        With a span-match head the pair must also be more likely a span than not.
        """
        yes = (logits.argmax(-1) == _YES) & context_mask.bool()[..., None]
        pieces = yes.shape[1]
        at = torch.arange(pieces, device=logits.device)
        # The nearest end at or after each piece: a running minimum from the right.
        ends = torch.where(yes[..., 1], at, pieces).flip(1).cummin(1).values.flip(1)
        span_ends = torch.where(yes[..., 0] & (ends < pieces), ends, NO_SPAN)
        if self.config.span_match:
            row, start = (span_ends != NO_SPAN).nonzero(as_tuple=True)
            refused = self._match_logits(hidden, row, start, span_ends[row, start]) <= 0
            span_ends[row[refused], start[refused]] = NO_SPAN
        return span_ends

    def _match_logits(self, hidden: Tensor, row: Tensor, start: Tensor, end: Tensor) -> Tensor:
        return self.match(torch.cat([hidden[row, start], hidden[row, end]], dim=-1)).squeeze(-1)

    def _match_loss(self, hidden: Tensor, logits: Tensor, context_mask: Tensor, spans: Tensor) -> Tensor:
        """Per row the mean binary cross entropy over the pairs of a possible start and a possible end, times the
        row's context pieces: a sum, so that batches of any cut add up.

        Possible are the true and the predicted ones; all pairs would take memory quadratic in the length.
        """
        context = context_mask.bool()
        possible = (logits.detach().argmax(-1) == _YES) & context[..., None]
        row, span = (spans[..., 0] >= 0).nonzero(as_tuple=True)
        start, end = spans[row, span].unbind(-1)
        possible[row, start, 0] = True
        possible[row, end, 1] = True
        truth = torch.zeros(*context.shape, context.shape[1], dtype=torch.bool, device=logits.device)
        truth[row, start, end] = True
        pairs = (possible[..., 0, None] & possible[:, None, :, 1]).triu()
        row, start, end = pairs.nonzero(as_tuple=True)
        each = F.binary_cross_entropy_with_logits(
            self._match_logits(hidden, row, start, end).float(),
            truth[row, start, end].float(),
            reduction="none",
        )
        weight = context.sum(1) / pairs.sum((1, 2)).clamp(min=1)
        return (each * weight[row]).sum()


def span_loss(outputs: Any, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
    """Cross entropy of the start plus that of the end (paper Eq. 2), each a mean over the context's pieces.

    `num_items_in_batch` is the number of labels (two per piece) in all the batches that make one step, so that
    gradient accumulation and several processes give the loss of one large batch.
    """
    logits = outputs["logits"]
    total = F.cross_entropy(logits.reshape(-1, 2).float(), labels.reshape(-1), ignore_index=-100, reduction="sum")
    if outputs.get("match_loss") is not None:
        total = total + outputs["match_loss"]
    items = (labels != -100).sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
    return 2 * total / items


class AutoModelForSpanExtraction:
    """Makes a `SpanExtractionModel` for any encoder that AutoModel knows, or loads a saved one."""

    @classmethod
    def from_config(cls, config: PreTrainedConfig, *, span_match: bool = False) -> SpanExtractionModel:
        """A model with random weights for an encoder's configuration or a SpanExtractionConfig."""
        if not isinstance(config, SpanExtractionConfig):
            config = SpanExtractionConfig(encoder=config, span_match=span_match)
        return SpanExtractionModel(config)

    @classmethod
    def from_pretrained(cls, name_or_path: str, *, span_match: bool | None = None, **kwargs: Any) -> Any:
        """The saved model, or for a plain encoder its weights under a fresh head.

        `span_match` asks for the span-match head on a fresh head; on a saved model it must agree with what was
        saved (ModelError otherwise). Further arguments go to `from_pretrained` of transformers, but code that comes
        with a model is never run: ModelError for `trust_remote_code=True` and for a model that needs it.
        """
        config = read_config(name_or_path, **kwargs)
        if not isinstance(config, SpanExtractionConfig):
            encoder = load_encoder(name_or_path, **kwargs)
            model = cls.from_config(encoder.config, span_match=bool(span_match))
            model.encoder.load_state_dict(encoder.state_dict(), strict=True)
            return model.eval()
        if span_match is not None and span_match != config.span_match:
            raise ModelError(
                f"{name_or_path} was saved with span_match={config.span_match}, asked for was span_match={span_match}. "
                "Leave the argument out to load what was saved."
            )
        return load_whole(SpanExtractionModel, name_or_path, **kwargs)[0]


def load_encoder(name_or_path: str, **kwargs: Any) -> PreTrainedModel:
    """The encoder alone (no pooler, no head) of any checkpoint: encoder, MLM, MRC or NER."""
    config = read_config(name_or_path, **kwargs)
    if isinstance(config, SpanExtractionConfig):
        return load_whole(SpanExtractionModel, name_or_path, **kwargs)[0].encoder
    loader = AutoModelForTokenClassification if _has_token_head(config) else AutoModel
    # The head is thrown away, so that a head of another size under the same name may be passed over.
    model, _ = load_whole(loader, name_or_path, fresh_head=True, ignore_mismatched_sizes=True, **kwargs)
    return model.base_model


def _has_token_head(config: PreTrainedConfig) -> bool:
    return type(config) in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING


def _bare_encoder(config: PreTrainedConfig) -> PreTrainedModel:
    """The encoder as the NER head has it: `AutoModel` would add a pooler that no other head trains."""
    if _has_token_head(config):
        return make_from_config(AutoModelForTokenClassification, config).base_model
    return make_from_config(AutoModel, config)


AutoConfig.register(SpanExtractionConfig.model_type, SpanExtractionConfig)
