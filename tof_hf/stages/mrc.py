"""Steps 2 and 6: span extraction for questions of all kinds (Algorithm 1, lines 3-4 and 13-14; Eq. 2)."""

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
    """The stage that trains an extractive MRC model (Algorithm 1, lines 4 and 14).

    Args:
        start: the checkpoint whose encoder it starts from.
        config: the options of the section `mrc` or `continual_mrc`.
        stage: `mrc` in step 2; `mrc1`, `mrc2`, ... in the rounds of continual learning.
        questions: MRC rows by kind (target_qa, source_qa, ner_mrc, pseudo_mrc), already capped.
        validation: source MRC rows by kind; the checkpoint with the best span F1 on them is kept.
        tokenizer: the encoder's.
        seed: of training.

    Raises:
        TofError: if there is no question.
    """
    train = mix(list(questions.values()), columns=COLUMNS)
    if not len(train):
        raise TofError(
            f"{stage.after(start.stage)}: no question is left to train on: every sentence has an uncertain word. "
            "What to do: select labels less strictly (labelling), or set target.mrc."
        )
    held = mix(list(validation.values()), columns=COLUMNS)
    held_out = by_length(_encode(held, config, tokenizer, trains=False))
    return StageTask(
        stage=stage,
        start=start,
        config=config,
        seed=seed,
        tokenizer=tokenizer,
        build=lambda: load_for_mrc(start.path, span_match=config.span_match_head),
        train=_encode(train, config, tokenizer, trains=True),
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
    """The spans that the MRC model predicts, as (row of `questions`, start, end) in characters of its context.

    The windows are those of `config`. Spans that `questions` has already are ignored.
    """
    windows = by_length(_encode(questions, config, tokenizer, trains=False))
    with tempfile.TemporaryDirectory() as folder:  # the Trainer needs one but writes nothing to it
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


def _encode(rows: Dataset, config: MrcConfig, tokenizer: PreTrainedTokenizerBase, *, trains: bool) -> Dataset:
    """Windows to train on, or windows to predict in, which have the offsets of their pieces."""
    return encode_mrc(
        rows,
        tokenizer,
        max_length=config.max_length,
        stride=config.stride,
        end_label=config.end_label,
        negative_windows=config.negative_windows if trains else 1.0,
        offsets=not trains,
    )


class SpanF1:
    """Exact-match precision, recall and F1 of the predicted spans of all questions."""

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


def only_span_ends(outputs: Any, labels: Any) -> Tensor:
    """(batch, pieces): the decoded span ends, the last of the model's outputs, instead of all logits."""
    return outputs[-1]


class MrcTrainer(OrderedTrainer):
    """A Trainer with the learning-rate schedule of the published code, and a separate rate for the fresh span head.

    `head_rate` is the head's learning rate, with the encoder's schedule; `decay` is the factor after every epoch.
    """

    def __init__(self, *args: Any, head_rate: float | None = None, decay: float | None = None, **kwargs: Any) -> None:
        self.head_rate, self.decay = head_rate, decay
        super().__init__(*args, **kwargs)

    def create_optimizer(self, model: Any = None) -> Any:
        """The stock optimizer; with `head_rate` the head's parameters are in separate groups."""
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
        """The stock scheduler; with `decay` the learning rate is multiplied by it after every epoch."""
        if self.decay is None:
            return super().create_scheduler(num_training_steps, optimizer)
        if self.lr_scheduler is None:
            factor, per_epoch = self.decay, max(1, round(num_training_steps / self.args.num_train_epochs))
            self.lr_scheduler = LambdaLR(
                optimizer or self.create_optimizer(), lambda step: factor ** (step // per_epoch)
            )
        return self.lr_scheduler
