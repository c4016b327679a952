"""Steps 3, 5 and 7: the tagger, on gold source or pseudo-labelled target sentences (Algorithm 1, lines 6, 9, 16)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from datasets import Dataset
from torch import Tensor
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerBase

from tof_hf.config import NerConfig, TaggerConfig
from tof_hf.data.mixing import mix
from tof_hf.data.pseudo_labels import WordPredictions, mix_labelled
from tof_hf.data.windows import by_length, encode_ner, join_words
from tof_hf.evaluation.entity_scores import entity_scores
from tof_hf.inference.words import WordCollator, predict_probabilities, predict_words
from tof_hf.modeling.transfer import load_for_ner
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.fit import token_loss
from tof_hf.stages.name import StageName
from tof_hf.stages.stage import Checkpoint, StageTask

T = TypeVar("T")
COLUMNS = ("id", "tokens", "ner_tags")


def ner_task(
    start: Checkpoint,
    config: NerConfig,
    *,
    stage: StageName,
    sentences: Mapping[str, Dataset],
    validation: Mapping[str, Dataset],
    label_names: Sequence[str],
    keep_head: bool,
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
) -> StageTask:
    """The stage that trains a tagger (Algorithm 1, lines 6, 9 and 16).

    Args:
        start: the checkpoint whose encoder, and with `keep_head` whose classifier, it starts from.
        config: the options of the section `ner`, `pseudo_ner` or `continual_ner`.
        stage: what the stage is called.
        sentences: NER rows by kind (source, translated, pseudo), already capped.
        validation: source NER rows by kind; the checkpoint with the best entity F1 on them is kept.
        label_names: the IOB2 labels.
        keep_head: True for pseudo NER, which starts from a tagger (line 8); False after MRC (lines 5 and 15).
        tokenizer: the encoder's.
        seed: of training.
    """
    held_out, metrics = held_out_sentences(validation, config, label_names, tokenizer)
    return StageTask(
        stage=stage,
        start=start,
        config=config,
        seed=seed,
        tokenizer=tokenizer,
        build=lambda: load_for_ner(start.path, label_names, keep_head=keep_head),
        train=encode_ner(
            mix_labelled(list(sentences.values()), columns=COLUMNS),
            tokenizer,
            max_length=config.max_length,
            stride=config.stride,
            label_all_pieces=config.label_all_pieces,
        ),
        collator=WordCollator(tokenizer),
        loss=token_loss,
        rows={name: len(rows) for name, rows in sentences.items()},
        validation_rows={name: len(rows) for name, rows in validation.items()},
        label_names=label_names,
        validation=held_out,
        metrics=metrics,
        reduce_logits=argmax,
    )


def held_out_sentences(
    validation: Mapping[str, Dataset],
    config: TaggerConfig,
    label_names: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
) -> tuple[Dataset, EntityF1OfWords]:
    """The windows of all validation sentences, and the metrics that select a checkpoint on them."""
    held = mix(list(validation.values()), columns=COLUMNS)
    windows = by_length(encode_ner(held, tokenizer, max_length=config.max_length, stride=config.stride))
    return windows, EntityF1OfWords(held, windows, label_names)


def label_words(
    tagger: Checkpoint, dataset: Dataset, config: TaggerConfig, *, tokenizer: PreTrainedTokenizerBase
) -> WordPredictions:
    """The tagger's label and its probability for every word (Algorithm 1, lines 7, 10, 17), in windows of `config`."""
    return _predicted(predict_words, tagger, dataset, config, tokenizer)


def class_probabilities(
    tagger: Checkpoint, dataset: Dataset, config: TaggerConfig, *, tokenizer: PreTrainedTokenizerBase
) -> list[list[np.ndarray]]:
    """The tagger's probability of every class for every word, in the windows of `config`."""
    return _predicted(predict_probabilities, tagger, dataset, config, tokenizer)


def _predicted(
    predict: Callable[..., T],
    tagger: Checkpoint,
    dataset: Dataset,
    config: TaggerConfig,
    tokenizer: PreTrainedTokenizerBase,
) -> T:
    model = AutoModelForTokenClassification.from_pretrained(tagger.path, trust_remote_code=False)
    with tempfile.TemporaryDirectory() as folder:  # the Trainer needs one but writes nothing to it
        args = training_arguments(config, folder, seed=0, selects=False, trains=False)
        return predict(model, tokenizer, dataset, args=args, max_length=config.max_length, stride=config.stride)


class EntityF1OfWords:
    """Entity precision, recall and F1 on whole sentences, whose windows are joined again."""

    def __init__(self, rows: Dataset, windows: Dataset, label_names: Sequence[str]) -> None:
        self.windows, self.names = windows, list(label_names)
        self.truth = [[self.names[tag] for tag in tags] for tags in rows["ner_tags"]]

    def __call__(self, prediction: Any) -> dict[str, float]:
        """`precision`, `recall`, `f1` for the Trainer's EvalPrediction of label numbers (windows, pieces)."""
        lengths = [len(tags) for tags in self.truth]
        tags = join_words(self.windows, prediction.predictions, lengths=lengths, fill=self.names.index("O"))
        scores = entity_scores(self.truth, [[self.names[tag] for tag in row] for row in tags])
        return {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1}


def argmax(logits: Tensor | tuple[Tensor, ...], labels: Any) -> Tensor:
    """(batch, pieces): the most probable label, instead of all logits."""
    return (logits[0] if isinstance(logits, tuple) else logits).argmax(-1)
