"""Steps 2 and 6: span extraction from questions of all kinds (Algorithm 1, lines 3-4 and 13-14; Eq. 2)."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from typing import Any

from datasets import Dataset
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedTokenizerBase, PrinterCallback

from tof_hf.config import MrcConfig
from tof_hf.data.mixing import mix
from tof_hf.data.mrc_windows import encode_mrc, read_spans
from tof_hf.data.windows import by_length
from tof_hf.errors import TofError
from tof_hf.inference.words import OrderedTrainer
from tof_hf.modeling.collators import SpanCollator
from tof_hf.modeling.span_extraction import AutoModelForSpanExtraction, span_loss
from tof_hf.modeling.transfer import load_for_mrc
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.name import StageName
from tof_hf.stages.stage import Checkpoint, StageTask

COLUMNS = ("id", "question", "context", "spans")


def mrc_task(
    start: Checkpoint,
    config: MrcConfig,
    *,
    stage: StageName,
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
            f"{stage.after(start.stage)}: no question is left to learn from, every sentence has unsure words. "
            "What to do: choose labels less strictly (labelling), or name target.mrc."
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
        trainer=functools.partial(MrcTrainer, head_rate=config.head_learning_rate, decay=config.lr_decay_per_epoch),
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
            model=AutoModelForSpanExtraction.from_pretrained(reader.path, trust_remote_code=False),
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


class MrcTrainer(OrderedTrainer):
    """A Trainer with a learning rate of its own for the fresh span head, and the schedule of the published code.

    `head_rate` is that of the head, scheduled like the encoder's; `decay` is the factor after every epoch.
    """

    def __init__(self, *args: Any, head_rate: float | None = None, decay: float | None = None, **kwargs: Any) -> None:
        self.head_rate, self.decay = head_rate, decay
        super().__init__(*args, **kwargs)

    def create_optimizer(self, model: Any = None) -> Any:
        """The stock optimizer; with `head_rate` the head's parameters are groups of their own in it."""
        if self.optimizer is not None or self.head_rate is None:
            return super().create_optimizer(model)
        optimizer = super().create_optimizer(model)
        encoder = {id(parameter) for parameter in self.accelerator.unwrap_model(self.model).base_model.parameters()}
        for group in list(optimizer.param_groups):
            head = [parameter for parameter in group["params"] if id(parameter) not in encoder]
            if head:
                group["params"] = [parameter for parameter in group["params"] if id(parameter) in encoder]
                optimizer.add_param_group(group | {"params": head, "lr": self.head_rate})
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The stock scheduler, or with `decay` a rate that is multiplied by it after every epoch."""
        if self.decay is None:
            return super().create_scheduler(num_training_steps, optimizer)
        if self.lr_scheduler is None:
            factor, per_epoch = self.decay, max(1, round(num_training_steps / self.args.num_train_epochs))
            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, lambda step: factor ** (step // per_epoch))
        return self.lr_scheduler
