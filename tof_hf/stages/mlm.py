"""Step 1: masked language modelling on raw target and source text (Algorithm 1, lines 1-2)."""

from typing import Any

from datasets import Dataset
from torch import Tensor, nn
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerBase, Trainer

from tof_hf.config import MlmConfig
from tof_hf.config.row_kinds import RowKind
from tof_hf.data.mixing import cap, mix
from tof_hf.data.windows import IGNORE, encode_text
from tof_hf.modeling.transfer import load_for_mlm
from tof_hf.stages.fit import token_loss
from tof_hf.stages.stage import Stage, StageSetup, row_counts


def mlm_stage(
    setup: StageSetup[MlmConfig], *, base: str, target: Dataset, source: Dataset, translated: Dataset | None = None
) -> Stage:
    """The stage that tunes the encoder on target and source text by MLM (Algorithm 1, line 2).

    Every epoch has `config.maskings` copies of each sentence, each with its own mask. A fresh MLM head is first trained
    on its own for `config.head_warmup_steps` steps, because its random gradients would damage the encoder.

    Args:
        setup: its start is the pretrained encoder.
        base: the encoder whose MLM head is used if the start has none.
        target: rows of `tokens`.
        source: rows of `tokens`; `config.source_ratio` of them are drawn for each target sentence.
        translated: rows of `tokens`; as many are drawn as of the source, or of the target if no source is.
    """
    config, seed = setup.config, setup.seed
    target = cap(target, config.max_sentences, seed=seed)
    limit = round(len(target) * config.source_ratio)
    parts = {RowKind.TARGET: target, RowKind.SOURCE: cap(source, limit, seed=seed)}
    if translated is not None:
        # With the same seed, translations of the drawn source sentences would be drawn.
        parts[RowKind.TRANSLATED] = cap(translated, limit or len(target), seed=seed + 1)
    text = mix([rows for rows in parts.values() if len(rows)], columns=["id", "tokens"])
    warmup = config.replace(
        max_steps=config.head_warmup_steps,
        learning_rate=config.head_warmup_learning_rate,
        warmup_steps=0,
    )
    return Stage(
        **vars(setup),
        build=lambda: load_for_mlm(setup.start.path, base=base),
        train=encode_text(text, setup.tokenizer, max_length=config.max_length, stride=config.stride),
        collator=MaskingCollator(setup.tokenizer, config.mlm_probability),
        loss=token_loss,
        rows=row_counts(parts),
        trainer=MlmTrainer,
        repeats=config.maskings,
        head_warmup=warmup if config.head_warmup_steps else None,
    )


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

        def keep_masked(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            """The encoder's output at the masked positions only, as a single row."""
            output["last_hidden_state"] = output["last_hidden_state"][masked][None]
            return output

        with self.accelerator.unwrap_model(model).base_model.register_forward_hook(keep_masked):
            return super().compute_loss(model, inputs, *args, **kwargs)
