"""Step 1: masked language modelling on raw target and source text (Algorithm 1, lines 1-2)."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from datasets import Dataset
from torch import Tensor, nn
from transformers import (
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from tof_hf.config import MlmConfig
from tof_hf.data.mixing import cap, mix
from tof_hf.data.windows import IGNORE, encode_text
from tof_hf.modeling.hand_off import HandOff
from tof_hf.modeling.transfer import load_for_mlm
from tof_hf.stages.arguments import changed_arguments
from tof_hf.stages.fit import token_loss
from tof_hf.stages.name import StageName
from tof_hf.stages.stage import Checkpoint, StageTask
from tof_hf.utils.log import say

MLM = StageName("mlm")


def mlm_task(
    start: Checkpoint,
    config: MlmConfig,
    *,
    base: str,
    target: Dataset,
    source: Dataset,
    translated: Dataset | None = None,
    stage: StageName = MLM,
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
) -> StageTask:
    """The stage that tunes the encoder on target and source text by MLM (Algorithm 1, line 2).

    Every epoch has `config.maskings` copies of each sentence, each with its own mask. A fresh MLM head is first trained
    on its own for `config.head_warmup_steps` steps, because its random gradients would damage the encoder.

    Args:
        start: the pretrained encoder.
        config: the options of the section `mlm`.
        base: the encoder whose MLM head is used if `start` has none.
        target: rows of `tokens`.
        source: rows of `tokens`; `config.source_ratio` of them are drawn for each target sentence.
        translated: rows of `tokens`; as many are drawn as of the source, or of the target if no source is.
        stage: what the stage is called.
        tokenizer: the encoder's.
        seed: of the draws and of training.
    """
    target = cap(target, config.max_sentences, seed=seed)
    limit = round(len(target) * config.source_ratio)
    parts = {"target": target, "source": cap(source, limit, seed=seed)}
    if translated is not None:
        # With the same seed, translations of the drawn source sentences would be drawn.
        parts["translated"] = cap(translated, limit or len(target), seed=seed + 1)
    text = mix([rows for rows in parts.values() if len(rows)], columns=["id", "tokens"])
    collator = MaskingCollator(tokenizer, config.mlm_probability)
    warm_up = functools.partial(warm_up_head, config=config, collator=collator)

    return StageTask(
        stage=stage,
        start=start,
        config=config,
        seed=seed,
        tokenizer=tokenizer,
        build=lambda: load_for_mlm(start.path, base=base),
        train=encode_text(text, tokenizer, max_length=config.max_length, stride=config.stride),
        collator=collator,
        loss=token_loss,
        rows={name: len(rows) for name, rows in parts.items()},
        trainer=MlmTrainer,
        repeats=config.maskings,
        before_training=warm_up if config.head_warmup_steps else None,
    )


def warm_up_head(
    model: PreTrainedModel,
    hand_off: HandOff,
    args: TrainingArguments,
    train: Dataset,
    *,
    config: MlmConfig,
    collator: MaskingCollator,
) -> None:
    """Train the MLM head on its own if it is fresh, with the encoder frozen; the model is changed in place."""
    if not hand_off.head_fresh:
        return
    say(f"mlm: the encoder has no MLM head; a fresh one is trained on its own for {config.head_warmup_steps} steps")
    args = changed_arguments(
        args,
        max_steps=config.head_warmup_steps,
        learning_rate=config.head_warmup_learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=0,
        save_strategy="no",
    )
    model.base_model.requires_grad_(False)
    trainer = MlmTrainer(
        model=model, args=args, train_dataset=train, data_collator=collator, compute_loss_func=token_loss
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    model.base_model.requires_grad_(True)
    trainer.accelerator.free_memory()


class MaskingCollator:
    """Pads windows and draws new masks at every call: 80 % mask, 10 % random piece, 10 % unchanged."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, probability: float) -> None:
        self.stock = DataCollatorForLanguageModeling(tokenizer, mlm_probability=probability)

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `labels`, (batch, pieces); labels are -100 where nothing is masked."""
        return dict(self.stock([{"input_ids": row["input_ids"]} for row in rows]))


class MlmTrainer(Trainer):
    """A Trainer whose MLM head computes logits for the masked positions only; the loss ignores all others.

    With a vocabulary of 50,000 and 15 % masked, the other logits would take most of the memory and much of the time.
    """

    def compute_loss(self, model: nn.Module, inputs: dict[str, Tensor], *args: Any, **kwargs: Any) -> Any:
        """The loss of the stock Trainer."""
        masked = inputs["labels"] != IGNORE
        inputs = {**inputs, "labels": inputs["labels"][masked][None]}
        with _only_positions(self.accelerator.unwrap_model(model).base_model, masked):
            return super().compute_loss(model, inputs, *args, **kwargs)


@contextmanager
def _only_positions(encoder: nn.Module, chosen: Tensor) -> Iterator[None]:
    """Make the encoder return only the chosen (batch, pieces) positions inside the block, as a single row."""

    def keep_chosen(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        output["last_hidden_state"] = output["last_hidden_state"][chosen][None]
        return output

    hook = encoder.register_forward_hook(keep_chosen)
    try:
        yield
    finally:
        hook.remove()
