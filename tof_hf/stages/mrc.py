"""Steps 2 and 6: span extraction for questions of all kinds (Algorithm 1, lines 3-4 and 13-14; Eq. 2)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from datasets import Dataset
from torch import Tensor
from torch.optim.lr_scheduler import StepLR
from transformers import PreTrainedTokenizerBase

from tof_hf.config import MrcConfig
from tof_hf.config.row_kinds import RowKind
from tof_hf.data.mixing import mix
from tof_hf.data.mrc_windows import encode_mrc, read_spans
from tof_hf.data.windows import by_length
from tof_hf.errors import TofError
from tof_hf.evaluation.entity_scores import scores
from tof_hf.inference.words import OrderedTrainer
from tof_hf.modeling.collators import SpanCollator
from tof_hf.modeling.span_extraction import AutoModelForSpanExtraction, span_loss
from tof_hf.modeling.transfer import load_for_mrc
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.stage import Checkpoint, Stage, StageSetup, Validation, row_counts

COLUMNS = ("id", "question", "context", "spans")


def mrc_stage(
    setup: StageSetup[MrcConfig], *, questions: Mapping[RowKind, Dataset], validation: Mapping[str, Dataset]
) -> Stage:
    """The stage that trains an extractive MRC model (Algorithm 1, lines 4 and 14).

    Args:
        setup: its start is the checkpoint whose encoder is trained.
        questions: MRC rows by kind, already capped.
        validation: source MRC rows by kind; the checkpoint with the best span F1 on them is kept.

    Raises:
        TofError: if there is no question.
    """
    config, tokenizer = setup.config, setup.tokenizer
    train = mix(list(questions.values()), columns=COLUMNS)
    if not len(train):
        raise TofError(
            f"{setup.name}: no question is left to train on: every sentence has an uncertain word. "
            "What to do: select labels less strictly (labelling), or set target.mrc."
        )
    held_out = mix(list(validation.values()), columns=COLUMNS)
    windows = by_length(_encode(held_out, config, tokenizer, trains=False))
    true = {(row, span["start"], span["end"]) for row, spans in enumerate(held_out["spans"]) for span in spans}

    def span_f1(prediction: Any) -> dict[str, float]:
        """Exact-match precision, recall and F1 of the predicted spans of all questions."""
        found = scores(true, set(read_spans(windows, prediction.predictions)))
        return {"precision": found.precision, "recall": found.recall, "f1": found.f1}

    return Stage(
        **vars(setup),
        build=lambda: load_for_mrc(setup.start.path, span_match=config.span_match_head),
        train=_encode(train, config, tokenizer, trains=True),
        collator=SpanCollator(tokenizer, span_match=config.span_match_head),
        loss=span_loss,
        rows=row_counts(questions),
        validation=Validation(windows, span_f1, only_span_ends, row_counts(validation)),
        trainer=mrc_trainer(config),
    )


def answer_questions(
    reader: Checkpoint, questions: Dataset, config: MrcConfig, *, tokenizer: PreTrainedTokenizerBase
) -> list[tuple[int, int, int]]:
    """The spans that the MRC model predicts, as (row of `questions`, start, end) in characters of its context.

    The windows are those of `config`. Spans that `questions` has already are ignored.
    """
    windows = by_length(_encode(questions, config, tokenizer, trains=False))
    trainer = OrderedTrainer(
        model=AutoModelForSpanExtraction.from_pretrained(reader.path, trust_remote_code=False),
        args=training_arguments(config, reader.path, seed=0, selects=False, trains=False),
        data_collator=SpanCollator(tokenizer),
        preprocess_logits_for_metrics=only_span_ends,
    )
    return read_spans(windows, trainer.predictions(windows))


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


def only_span_ends(outputs: Any, labels: Any) -> Tensor:
    """(batch, pieces): the decoded span ends, the last of the model's outputs, instead of all logits."""
    return outputs[-1]


def mrc_trainer(config: MrcConfig) -> Callable[..., MrcTrainer]:
    """Makes the Trainer of a stage with these options."""
    return functools.partial(MrcTrainer, head_rate=config.head_learning_rate, decay=config.lr_decay_per_epoch)


class MrcTrainer(OrderedTrainer):
    """A Trainer with the learning-rate schedule of the published code. `decay` is the factor after every epoch."""

    def __init__(self, *args: Any, decay: float | None = None, **kwargs: Any) -> None:
        self.decay = decay
        super().__init__(*args, **kwargs)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The stock scheduler; with `decay` the learning rate is multiplied by it after every epoch."""
        if self.lr_scheduler is None and self.decay is not None:
            steps = max(1, round(num_training_steps / self.args.num_train_epochs))
            by_epoch = StepLR(optimizer or self.create_optimizer(), steps, self.decay)
            self.lr_scheduler = by_epoch  # type: ignore[assignment]  # the Trainer takes any scheduler
        return super().create_scheduler(num_training_steps, optimizer)
