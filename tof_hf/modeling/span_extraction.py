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
from tof_hf.modeling.checkpoints import encoder_of, load_whole, read_config
from tof_hf.utils.pretrained import make_from_config

NO_SPAN = -1
_YES = 1
SPAN_PRIOR = 0.01  # the probability of a start (or end) at a piece that fresh heads predict


class SpanExtractionConfig(PreTrainedConfig):
    """The configuration of a `SpanExtractionModel`.

    Args:
        encoder: the configuration of the encoder, or its values as a dict with `model_type`.
        span_match: whether the model has a span-match head, which scores pairs of a start and an end.
        dropout: of the encoder's output, before the heads.
        kwargs: other settings of `PreTrainedConfig`.
    """

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
    """What `SpanExtractionModel` returns.

    Attributes:
        loss: scalar; None without labels.
        logits: (batch, pieces, 2, 2): start and end, then no and yes.
        match_loss: scalar, the sum of the span-match loss; None without the head or without spans.
        span_ends: (batch, pieces): the last piece of the span that starts here, or -1; None in training.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    match_loss: Tensor | None = None
    span_ends: Tensor | None = None


class SpanExtractionModel(PreTrainedModel):
    """An encoder with a start and an end classifier over its pieces (paper Eq. 2), optionally with a span-match head.

    Args:
        config: the configuration; weights are random. `AutoModelForSpanExtraction` loads trained ones.
    """

    config_class = SpanExtractionConfig
    base_model_prefix = "encoder"
    supports_gradient_checkpointing = True

    def __init__(self, config: SpanExtractionConfig) -> None:
        super().__init__(config)
        self.encoder = encoder_of(make_from_config(_encoder_loader(config.encoder), config.encoder))
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
                # Spans are rare: with even odds the large loss of the first steps would disturb the encoder.
                with torch.no_grad():
                    module.bias[_YES] = math.log(SPAN_PRIOR / (1 - SPAN_PRIOR))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        context_mask: Tensor | None = None,
        spans: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> SpanExtractionOutput:
        """Start and end logits for every piece, the loss if there are `labels`, and the spans outside training.

        Args:
            input_ids: (batch, pieces).
            attention_mask: (batch, pieces).
            token_type_ids: (batch, pieces).
            context_mask: (batch, pieces), true on the context, the only place for spans; needed to decode spans.
            spans: (batch, most spans, 2), first and last pieces of the true spans, padded with -1; for the
                span-match loss.
            labels: (batch, pieces, 2), 0 or 1 for start and end, -100 where there is no loss.
        """
        optional = {"attention_mask": attention_mask, "token_type_ids": token_type_ids}
        optional = {k: v for k, v in optional.items() if v is not None and k in self._encoder_inputs}
        hidden = self.dropout(self.encoder(input_ids=input_ids, **optional)[0])
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
        """(batch, pieces): for every predicted start the nearest predicted end at or after it, else -1.

        With a span-match head, pairs with a probability of at most 0.5 are dropped.
        """
        yes = (logits.argmax(-1) == _YES) & context_mask.bool()[..., None]
        pieces = yes.shape[1]
        at = torch.arange(pieces, device=logits.device)
        # The nearest end at or after each piece: a running minimum from the right.
        ends = torch.where(yes[..., 1], at, pieces).flip(1).cummin(1).values.flip(1)
        span_ends = torch.where(yes[..., 0] & (ends < pieces), ends, NO_SPAN)
        if self.config.span_match:
            row, start = (span_ends != NO_SPAN).nonzero(as_tuple=True)
            dropped = self._match_logits(hidden, row, start, span_ends[row, start]) <= 0
            span_ends[row[dropped], start[dropped]] = NO_SPAN
        return span_ends

    def _match_logits(self, hidden: Tensor, row: Tensor, start: Tensor, end: Tensor) -> Tensor:
        return self.match(torch.cat([hidden[row, start], hidden[row, end]], dim=-1)).squeeze(-1)

    def _match_loss(self, hidden: Tensor, logits: Tensor, context_mask: Tensor, spans: Tensor) -> Tensor:
        """The sum over rows of the mean binary cross entropy of the row's candidate pairs, times its context pieces.

        Candidates are the true and the predicted starts and ends; all pairs would need memory quadratic in the
        length. A sum, so that the losses of parts of a batch add up to that of the batch.
        """
        context = context_mask.bool()
        candidates = (logits.detach().argmax(-1) == _YES) & context[..., None]
        row, span = (spans[..., 0] >= 0).nonzero(as_tuple=True)
        start, end = spans[row, span].unbind(-1)
        candidates[row, start, 0] = True
        candidates[row, end, 1] = True
        truth = torch.zeros(*context.shape, context.shape[1], dtype=torch.bool, device=logits.device)
        truth[row, start, end] = True
        pairs = (candidates[..., 0, None] & candidates[:, None, :, 1]).triu()
        row, start, end = pairs.nonzero(as_tuple=True)
        losses = F.binary_cross_entropy_with_logits(
            self._match_logits(hidden, row, start, end).float(),
            truth[row, start, end].float(),
            reduction="none",
        )
        weight = context.sum(1) / pairs.sum((1, 2)).clamp(min=1)
        return (losses * weight[row]).sum()


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
    """Loads or creates a `SpanExtractionModel` on any encoder that `AutoModel` supports (paper Eq. 2).

    Example:
        >>> encoder = "google-bert/bert-base-multilingual-cased"
        >>> model = AutoModelForSpanExtraction.from_pretrained(encoder, trust_remote_code=False)
        >>> model.save_pretrained("mrc")
        >>> model = AutoModelForSpanExtraction.from_pretrained("mrc", trust_remote_code=False)
    """

    @classmethod
    def from_config(cls, config: PreTrainedConfig, *, span_match: bool = False) -> SpanExtractionModel:
        """A model with random weights.

        Args:
            config: the configuration of an encoder, or a `SpanExtractionConfig`.
            span_match: whether to add a span-match head; ignored for a `SpanExtractionConfig`, which says it.

        Returns:
            The model, in training mode.

        Raises:
            ModelError: transformers has no such encoder, or it needs code of its own.

        Example:
            >>> model = AutoModelForSpanExtraction.from_config(BertConfig(), span_match=True)
        """
        if not isinstance(config, SpanExtractionConfig):
            config = SpanExtractionConfig(encoder=config, span_match=span_match)
        return SpanExtractionModel(config)

    @classmethod
    def from_pretrained(cls, name_or_path: str, *, span_match: bool | None = None, **kwargs: Any) -> Any:
        """The saved span-extraction model, or another checkpoint's encoder with a fresh head, in evaluation mode.

        Args:
            name_or_path: a folder or a Hub id.
            span_match: whether a fresh model gets a span-match head; for a saved model the value that it must have.
            kwargs: for `from_pretrained` of transformers (`revision`, `token`, `dtype`, ...).

        Returns:
            A `SpanExtractionModel` in single precision, unless `dtype` asks for another.

        Raises:
            ModelError: there is no whole model, `span_match` differs from what was saved, or for
                `trust_remote_code=True` and models that need it: code that comes with a model is never run.

        Example:
            >>> model = AutoModelForSpanExtraction.from_pretrained("runs/es/final", trust_remote_code=False)
        """
        config = read_config(name_or_path, **kwargs)
        if not isinstance(config, SpanExtractionConfig):
            encoder = load_encoder(name_or_path, **kwargs)
            model = cls.from_config(encoder.config, span_match=bool(span_match))
            model.encoder.load_state_dict(encoder.state_dict(), strict=True)
            return model.eval()
        if span_match is not None and span_match != config.span_match:
            raise ModelError(
                f"{name_or_path} was saved with span_match={config.span_match}, not with span_match={span_match}. "
                "Leave the argument out to load what was saved."
            )
        return load_whole(SpanExtractionModel, name_or_path, **kwargs)[0]


def load_encoder(name_or_path: str, **kwargs: Any) -> PreTrainedModel:
    """The encoder alone (no pooler, no head) of any checkpoint: encoder, MLM, MRC or NER."""
    config = read_config(name_or_path, **kwargs)
    if isinstance(config, SpanExtractionConfig):
        return encoder_of(load_whole(SpanExtractionModel, name_or_path, **kwargs)[0])
    # The head is not used, so a head with the same name and another size does not matter.
    loader = _encoder_loader(config)
    return encoder_of(load_whole(loader, name_or_path, fresh_head=True, ignore_mismatched_sizes=True, **kwargs)[0])


def _encoder_loader(config: PreTrainedConfig) -> Any:
    """The Auto class for the encoder: `AutoModel` would add a pooler, which no other head trains."""
    has_tagger = type(config) in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING
    return AutoModelForTokenClassification if has_tagger else AutoModel


AutoConfig.register(SpanExtractionConfig.model_type, SpanExtractionConfig)
