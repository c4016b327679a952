"""Distillation: a student learns the class probabilities of teachers on unlabelled target text.

Related methods use target text in this way: TSL (Wu et al. 2020, ACL) and UniTrans (Wu et al. 2020, IJCAI).
"""

import functools
from collections.abc import Mapping, Sequence

from datasets import Dataset

from tof_hf.config import DistillationConfig
from tof_hf.config.row_kinds import RowKind
from tof_hf.data.soft_labels import encode_soft_labels
from tof_hf.stages.ner import build_tagger, tagger_trainer, tagger_validation
from tof_hf.stages.soft_loss import SoftCollator, distillation_loss
from tof_hf.stages.stage import Stage, StageSetup


def distillation_stage(
    setup: StageSetup[DistillationConfig],
    *,
    labelled: Dataset,
    validation: Mapping[str, Dataset],
    label_names: Sequence[str],
) -> Stage:
    """The stage that trains a student with a fresh classifier on soft labels.

    Args:
        setup: its start is the checkpoint whose encoder is trained.
        labelled: rows of `tof_hf.data.soft_labels.soft_label`.
        validation: source NER rows by kind; the checkpoint with the best entity F1 on them is kept.
        label_names: the IOB2 labels.
    """
    config, tokenizer = setup.config, setup.tokenizer
    return Stage(
        **vars(setup),
        build=lambda: build_tagger(setup, label_names, keep_head=False),
        train=encode_soft_labels(labelled, tokenizer, max_length=config.max_length, stride=config.stride),
        collator=SoftCollator(tokenizer),
        loss=functools.partial(distillation_loss, soft_loss=config.soft_loss, hard_weight=config.hard_weight),
        trainer=tagger_trainer(config),
        rows={str(RowKind.TAUGHT): len(labelled)},
        label_names=label_names,
        validation=tagger_validation(setup, validation, label_names),
    )
