"""Steps 2 and 6: span extraction from questions of all kinds (Algorithm 1, lines 3-4 and 13-14; Eq. 2)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

from datasets import Dataset
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedTokenizerBase, PrinterCallback

from tof_hf.config import MrcConfig
from tof_hf.data.encoding import by_length
from tof_hf.data.mixing import mix
from tof_hf.data.mrc_encoding import encode_mrc, read_spans
from tof_hf.errors import TofError
from tof_hf.inference import OrderedTrainer
from tof_hf.modeling.collators import SpanCollator
from tof_hf.modeling.span_extraction import AutoModelForSpanExtraction, span_loss
from tof_hf.modeling.transfer import load_for_mrc
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.task import Checkpoint, StageTask

COLUMNS = ("id", "question", "context", "spans")


def mrc_task(
    start: Checkpoint,
    config: MrcConfig,
    *,
    stage: str,
    questions: Mapping[str, Dataset],
    validation: Mapping[str, Dataset],
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
) -> StageTask:
    """A stage: the model that answers best on `validation` (source questions, span F1) after training on `questions`.

    `questions` and `validation` map the name of each source of MRC rows (target_qa, source_qa, ner_mrc, pseudo_mrc) to
    its rows, already capped; `stage` is mrc in step 2 and mrc1, mrc2, ... in the rounds of continual learning.
    """
    options = {"max_length": config.max_length, "stride": config.stride, "end_label": config.end_label}
    train = mix(list(questions.values()), columns=COLUMNS)
    if not len(train):
        raise TofError(
            f"{start.name}-{stage}: no question is left to learn from, every sentence has unsure words. What to do: "
            "choose labels less strictly (labelling), or name target.mrc."
        )
    held = mix(list(validation.values()), columns=COLUMNS)
    held_out = by_length(encode_mrc(held, tokenizer, **options, offsets=True))
    return StageTask(
        stage=stage,
        start=start,
        config=config,
        seed=seed,
        tokenizer=tokenizer,
        build=lambda: load_for_mrc(start.path, span_match=config.span_match_head),
        train=encode_mrc(train, tokenizer, **options, negative_windows=config.negative_windows),
        collator=SpanCollator(tokenizer, span_match=config.span_match_head),
        loss=span_loss,
        rows={name: len(rows) for name, rows in questions.items()},
        validation_rows={name: len(rows) for name, rows in validation.items()},
        validation=held_out,
        metrics=SpanF1(held, held_out),
        reduce_logits=only_span_ends,
        trainer=_decaying(config.lr_decay_per_epoch) if config.lr_decay_per_epoch else OrderedTrainer,
    )


def answer_questions(
    reader: Checkpoint, questions: Dataset, config: MrcConfig, *, tokenizer: PreTrainedTokenizerBase
) -> list[tuple[int, int, int]]:
    """The reader's spans as (row of `questions`, start, end) in characters of its context, in the windows of `config`.

    Spans in the questions themselves are not looked at.
    """
    options = {"max_length": config.max_length, "stride": config.stride, "end_label": config.end_label}
    windows = by_length(encode_mrc(questions, tokenizer, **options, offsets=True))
    with tempfile.TemporaryDirectory() as folder:  # the Trainer wants one, and leaves it empty
        trainer = OrderedTrainer(
            model=AutoModelForSpanExtraction.from_pretrained(reader.path),
            args=training_arguments(config, folder, seed=0, selects=False, trains=False),
            data_collator=SpanCollator(tokenizer),
            preprocess_logits_for_metrics=only_span_ends,
        )
        trainer.remove_callback(PrinterCallback)
        predicted = trainer.predict(windows).predictions
        trainer.accelerator.free_memory()
    return read_spans(windows, predicted)


class SpanF1:
    """Exact-match precision, recall and F1 of the spans of all questions, in characters of their contexts."""

    def __init__(self, rows: Dataset, windows: Dataset) -> None:
        self.rows, self.windows = rows, windows

    def __call__(self, prediction: Any) -> dict[str, float]:
        """`precision`, `recall`, `f1` for the Trainer's EvalPrediction of decoded span ends (windows, pieces)."""
        found = set(read_spans(self.windows, prediction.predictions))
        true = {(row, span["start"], span["end"]) for row, spans in enumerate(self.rows["spans"]) for span in spans}
        hits = len(found & true)
        precision, recall = hits / max(1, len(found)), hits / max(1, len(true))
        f1 = 2 * precision * recall / max(precision + recall, 1e-12)
        return {"precision": precision, "recall": recall, "f1": f1}


def only_span_ends(outputs: tuple[Tensor, ...], labels: Tensor | None) -> Tensor:
    """(batch, pieces): the decoded span ends, the last of the model's outputs, instead of all logits."""
    return outputs[-1]


def _decaying(factor: float) -> type[OrderedTrainer]:
    """A Trainer whose learning rate is multiplied by `factor` after every epoch, as in the published code."""

    class DecayingTrainer(OrderedTrainer):
        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            if self.lr_scheduler is None:
                per_epoch = max(1, round(num_training_steps / self.args.num_train_epochs))
                self.lr_scheduler = LambdaLR(optimizer or self.optimizer, lambda step: factor ** (step // per_epoch))
            return self.lr_scheduler

    return DecayingTrainer
