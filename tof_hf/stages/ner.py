"""Steps 3, 5 and 7: the tagger, on gold source or pseudo-labelled target sentences (Algorithm 1, lines 6, 9, 16)."""

import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from transformers import AutoModelForTokenClassification, PreTrainedModel, PreTrainedTokenizerBase

from tof_hf.config import NerConfig, TaggerConfig
from tof_hf.config.row_kinds import RowKind
from tof_hf.data.mixing import mix
from tof_hf.data.pseudo_labels import PROBABILITIES, WordPredictions, mix_labelled
from tof_hf.data.soft_labels import encode_soft_labels, with_probabilities
from tof_hf.data.windows import by_length, encode_ner, join_words
from tof_hf.data.words import store_decoding
from tof_hf.evaluation.entity_scores import entity_scores
from tof_hf.inference.decoding import viterbi
from tof_hf.inference.words import OrderedTrainer, WordCollator, WordPredictor, predict_words
from tof_hf.modeling.hand_off import HandOff
from tof_hf.modeling.transfer import load_for_ner
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.averaging import AveragingTrainer
from tof_hf.stages.fit import generalized_cross_entropy, token_loss
from tof_hf.stages.soft_loss import SoftCollator, distillation_loss
from tof_hf.stages.stage import Checkpoint, Stage, StageSetup, Validation, row_counts
from tof_hf.utils.processes import of_all_processes, process_number

COLUMNS = ("id", "tokens", "ner_tags")


def ner_stage(
    setup: StageSetup[NerConfig],
    *,
    sentences: Mapping[RowKind, Dataset],
    validation: Mapping[str, Dataset],
    label_names: Sequence[str],
    keep_head: bool,
) -> Stage:
    """The stage that trains a tagger (Algorithm 1, lines 6, 9 and 16).

    Args:
        setup: its start is the checkpoint whose encoder, and with `keep_head` whose classifier, is trained.
        sentences: NER rows by kind, already capped.
        validation: source NER rows by kind; the checkpoint with the best entity F1 on them is kept.
        label_names: the IOB2 labels.
        keep_head: True for pseudo NER, which starts from a tagger (line 8); False after MRC (lines 5 and 15).
    """
    config, tokenizer = setup.config, setup.tokenizer
    rows, columns = list(sentences.values()), list(COLUMNS)
    soft = any(PROBABILITIES in part.column_names for part in rows)
    if soft:
        rows, columns = [with_probabilities(part) for part in rows], [*COLUMNS, PROBABILITIES]
    mixed = mix_labelled(rows, columns=columns)
    if soft:
        train = encode_soft_labels(mixed, tokenizer, max_length=config.max_length, stride=config.stride)
    else:
        train = encode_ner(
            mixed,
            tokenizer,
            max_length=config.max_length,
            stride=config.stride,
            label_all_pieces=config.label_all_pieces,
        )
    return Stage(
        **vars(setup),
        build=lambda: build_tagger(setup, label_names, keep_head=keep_head),
        train=train,
        collator=SoftCollator(tokenizer, only_agreed=True) if soft else WordCollator(tokenizer),
        loss=functools.partial(distillation_loss, soft_loss="cross_entropy") if soft else _loss(config),
        trainer=tagger_trainer(config),
        rows=row_counts(sentences),
        label_names=label_names,
        validation=tagger_validation(setup, validation, label_names),
    )


def _loss(config: NerConfig) -> Callable[..., Tensor]:
    if config.loss == "cross_entropy":
        return token_loss
    return functools.partial(generalized_cross_entropy, q=config.q)


def tagger_trainer(config: TaggerConfig) -> Callable[..., OrderedTrainer]:
    """Makes the Trainer of a stage that ends with a tagger."""
    kind = AveragingTrainer if config.average_weights == "ema" else OrderedTrainer
    return functools.partial(kind, head_rate=config.head_learning_rate)


def build_tagger(
    setup: StageSetup[TaggerConfig], label_names: Sequence[str], *, keep_head: bool
) -> tuple[PreTrainedModel, HandOff]:
    """The model of a stage that ends with a tagger, which knows how its tags are chosen."""
    model, hand_off = load_for_ner(setup.start.path, label_names, keep_head=keep_head)
    store_decoding(model.config, setup.config.decoding)
    return model, hand_off


def tagger_validation(
    setup: StageSetup[TaggerConfig], validation: Mapping[str, Dataset], label_names: Sequence[str]
) -> Validation:
    """The validation sentences of a tagger, which is selected by entity F1."""
    config, held_out = setup.config, mix(list(validation.values()), columns=COLUMNS)
    windows = by_length(encode_ner(held_out, setup.tokenizer, max_length=config.max_length, stride=config.stride))
    names = list(label_names)
    truth = [[names[tag] for tag in tags] for tags in held_out["ner_tags"]]
    lengths, outside = [len(tags) for tags in truth], names.index("O")
    by_viterbi = config.decoding == "viterbi"

    def entity_f1(prediction: Any) -> dict[str, float]:
        """Entity precision, recall and F1 on whole sentences, whose windows are joined again."""
        if by_viterbi:
            fill = np.eye(len(names))[outside]
            words = chain(*join_words(windows, prediction.predictions, lengths=lengths, fill=fill))
            bounds = np.cumsum([0, *lengths])
            tags = [row.tolist() for row in np.split(viterbi(np.array(list(words)), bounds, names), bounds[1:-1])]
        else:
            tags = join_words(windows, prediction.predictions, lengths=lengths, fill=outside)
        scores = entity_scores(truth, [[names[tag] for tag in row] for row in tags])
        f1 = scores.macro_f1 if config.selection_f1 == "macro" else scores.f1
        return {"precision": scores.precision, "recall": scores.recall, "f1": f1}

    return Validation(windows, entity_f1, probabilities if by_viterbi else argmax, row_counts(validation))


def label_words(
    tagger: Checkpoint, dataset: Dataset, config: TaggerConfig, *, tokenizer: PreTrainedTokenizerBase
) -> WordPredictions:
    """The tagger's label and its probability for every word, in windows of `config`; each process predicts a part."""
    predictor = word_predictor(tagger, config, tokenizer=tokenizer)
    rank, count = process_number()
    bounds = [len(dataset) * number // count for number in range(count + 1)]
    parts = of_all_processes(predict_words(predictor, dataset.select(range(*bounds[rank : rank + 2]))))
    return WordPredictions(
        [row for part in parts for row in part.tags], [row for part in parts for row in part.probabilities]
    )


def word_predictor(tagger: Checkpoint, config: TaggerConfig, *, tokenizer: PreTrainedTokenizerBase) -> WordPredictor:
    """The tagger, which predicts as it was trained: on the same device, in the same precision and windows."""
    args = training_arguments(config, tagger.path, seed=0, selects=False, trains=False)
    return WordPredictor(
        AutoModelForTokenClassification.from_pretrained(tagger.path, trust_remote_code=False),
        tokenizer,
        device=args.device,
        max_length=config.max_length,
        stride=config.stride,
        autocast=torch.bfloat16 if args.bf16 else torch.float16 if args.fp16 else None,
    )


def probabilities(logits: Tensor | tuple[Tensor, ...], labels: Any) -> Tensor:
    """(batch, pieces, classes): the probabilities of all labels."""
    return (logits[0] if isinstance(logits, tuple) else logits).float().softmax(-1)


def argmax(logits: Tensor | tuple[Tensor, ...], labels: Any) -> Tensor:
    """(batch, pieces): the most probable label, instead of all logits."""
    return (logits[0] if isinstance(logits, tuple) else logits).argmax(-1)
