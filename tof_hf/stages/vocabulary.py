"""Input embeddings of only those pieces that a stage's rows have, while it trains: less time and memory, same weights.

The other pieces get no gradient, so AdamW only ever multiplies them by its weight decay. The narrow embedding takes the
ids of the whole one and is saved and loaded as the whole one: checkpoints are those of a plain run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import PreTrainedModel, Trainer, TrainerCallback

_OPTIMIZERS = ("adamw_torch", "adamw_torch_fused")  # which treat every number on its own
_BLOCK = 2**18  # numbers that stay in a processor's cache


class NarrowEmbedding(nn.Embedding):
    """Some rows of an embedding, for the ids that they have there; its state is that of the whole embedding.

    Args:
        whole: the embedding; its weights are taken over.
        pieces: the ids to keep, ascending.
    """

    rows: Tensor

    def __init__(self, whole: nn.Embedding, pieces: Tensor) -> None:
        count, device = len(pieces), whole.weight.device
        # Other pieces have a number that no row has, so that looking them up fails on every device.
        rows = torch.full((whole.num_embeddings,), count, dtype=torch.int32, device=device)
        rows[pieces] = torch.arange(count, dtype=torch.int32, device=device)
        padding = None if whole.padding_idx is None else int(rows[whole.padding_idx])
        weight = whole.weight.detach()
        super().__init__(count, whole.embedding_dim, padding_idx=padding, _weight=weight[pieces])
        self.register_buffer("rows", rows, persistent=False)
        self.pieces, self.whole = pieces.cpu(), weight.cpu()
        self.decays: list[float] = []

    def forward(self, input: Tensor) -> Tensor:
        """The vectors of these ids of the whole embedding."""
        rows = self.rows.index_select(0, input.flatten()).view(input.shape)
        try:
            return super().forward(rows)
        except IndexError as problem:
            message = "a batch has a piece that no row of the stage has; narrow_vocabulary: false trains all pieces"
            raise RuntimeError(message) from problem

    @torch.no_grad()
    def whole_weight(self) -> Tensor:
        """The weights of the whole embedding, with the weight decay that its other rows have missed."""
        for block in self.whole.view(-1).split(_BLOCK):
            for decay in self.decays:  # one by one, which rounds as the optimizer does
                block.mul_(decay)
        self.decays.clear()
        self.whole[self.pieces] = self.weight.cpu()
        return self.whole

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}weight"] = self.whole_weight()

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        if (weight := state_dict.get(f"{prefix}weight")) is not None:
            self.whole.copy_(weight)
            self.decays.clear()
            state_dict = state_dict | {f"{prefix}weight": self.whole[self.pieces]}
        super()._load_from_state_dict(state_dict, prefix, *args)


class _WeightDecay(TrainerCallback):
    """Notes in every step the weight decay of the rows that a narrow embedding lacks."""

    def __init__(self, embedding: NarrowEmbedding) -> None:
        self.embedding = embedding

    def on_train_begin(self, args: Any, state: Any, control: Any, optimizer: Any = None, **kwargs: Any) -> None:
        """Follow the optimizer, and narrow its state if a checkpoint of an older release had the whole one."""
        embedding, weight = self.embedding, self.embedding.weight
        optimizer = optimizer.optimizer  # without accelerate's wrapper
        group = next(group for group in optimizer.param_groups if any(weight is one for one in group["params"]))
        moments = optimizer.state.get(weight, {})
        for name, value in moments.items():
            if value.shape == embedding.whole.shape:
                moments[name] = value[embedding.pieces.to(value.device)]

        def note(optimizer: Any, *_: Any) -> None:
            """Note the factor of a step, unless it was left out because a gradient in half precision overflowed."""
            if group["weight_decay"] and not getattr(optimizer, "found_inf", False):
                embedding.decays.append(1 - group["lr"] * group["weight_decay"])

        optimizer.register_step_post_hook(note)


def narrow_vocabulary(trainer: Trainer, rows: Iterable[Dataset], special: Iterable[int]) -> None:
    """Train the embeddings of only those pieces that the rows have, if the others would get nothing but weight decay.

    That is not so for embeddings that are an output layer too, and for optimizers other than AdamW. Frozen embeddings
    and weights that are spread over several devices stay as they are.

    Args:
        trainer: a Trainer that has not started.
        rows: all rows that it trains on or evaluates, with `input_ids`.
        special: ids that a collator can add, such as that of padding.
    """
    model: Any = trainer.model
    whole = model.get_input_embeddings()
    spread = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    if spread or not can_be_narrow(model) or trainer.args.optim not in _OPTIMIZERS:
        return
    pieces = used_pieces(rows, whole.num_embeddings)
    pieces[[*special, *({whole.padding_idx} - {None})]] = True
    narrow = NarrowEmbedding(whole, pieces.nonzero().squeeze(1).to(whole.weight.device))
    model.set_input_embeddings(narrow)
    trainer.add_callback(_WeightDecay(narrow))


def can_be_narrow(model: PreTrainedModel) -> bool:
    """Whether the model trains its input embeddings and uses them for nothing else."""
    whole: Any = model.get_input_embeddings()
    names = [name for name, weight in model.named_parameters(remove_duplicate=False) if weight is whole.weight]
    plain = type(whole) is nn.Embedding and whole.max_norm is None and not whole.scale_grad_by_freq
    return plain and len(names) == 1 and whole.weight.requires_grad


def used_pieces(rows: Iterable[Dataset], count: int) -> Tensor:
    """(count,): whether the rows' `input_ids` have the piece."""
    used = torch.zeros(count, dtype=torch.bool)
    for part in rows:
        for table in part.select_columns("input_ids").with_format("arrow").iter(batch_size=10_000):
            used[torch.tensor(table["input_ids"].combine_chunks().flatten().to_numpy(zero_copy_only=False))] = True
    return used
