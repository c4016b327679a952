"""What could only fail hours into a run is looked for before it."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from datasets import Dataset
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    PreTrainedTokenizerBase,
)

from tof_hf.algorithm.recipes import RECIPES
from tof_hf.algorithm.training_data import TofData
from tof_hf.algorithm.walk import visited_sections
from tof_hf.config import StageConfig, TofConfig
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.errors import ConfigError, ModelError, TargetLabelLeak
from tof_hf.modeling.checkpoints import read_config
from tof_hf.run.leakage import sentences
from tof_hf.stages.arguments import training_arguments


def check_run(
    config: TofConfig, data: TofData, tokenizer: PreTrainedTokenizerBase, gold: Mapping[str, Dataset] | None = None
) -> None:
    """Raise a TofError for what cannot work: output folder, encoder, windows, queries, mixtures, training arguments.

    And for what must not: training or selecting on the `gold` of the target.

    The tokenizer's `model_max_length` is taken as the encoder's window.
    """
    _check_folder(Path(config.output_dir))
    for _, check in checks(config, tokenizer, data, gold):
        check()


def checks(
    config: TofConfig,
    tokenizer: PreTrainedTokenizerBase,
    data: TofData | None = None,
    gold: Mapping[str, Dataset] | None = None,
) -> list[tuple[str, Callable[[], None]]]:
    """What `check_run` looks for, one by one: the option that a check is about, and the check, which raises TofError.

    Nothing is written. Without `data` only those that need none.
    """
    named: list[tuple[str, Callable[[], None]]] = [
        ("model", functools.partial(_check_encoder, config, tokenizer)),
        ("target.test_text", functools.partial(_check_target_test, config)),
        ("mlm.eval_strategy", functools.partial(_check_mlm_evaluation, config)),
    ]
    for name, stage in used_stages(config).items():
        named.append((f"{name}.max_length", functools.partial(_check_window, config, name, stage, tokenizer)))
        named.append((name, functools.partial(_check_arguments, config, name, stage)))
    if data is not None:
        named.append(("queries", functools.partial(_check_queries, config, data)))
        named += [(name, functools.partial(_check_questions, config, name, data)) for name in _asking_stages(config)]
        if gold and "target" in gold:
            named += _gold_checks(data, gold["target"])
    return named


def check_place(folder: Path, option: str = "output_dir") -> None:
    """Raise ConfigError if no folder can be made or filled there, as far as can be told without writing.

    `option` is what the message says to change.
    """
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        reason = "is no folder" if not place.is_dir() else "may not be written to"
        raise ConfigError(
            f"{option}: nothing can be written to {folder} ({place} {reason}). Name a folder of your own."
        )


def _check_target_test(config: TofConfig) -> None:
    if config.mlm.include_target_test and not config.target.test_text:
        raise ConfigError(
            "mlm.include_target_test is on, but target.test_text names no file. "
            "Name the unlabelled test sentences there, or set mlm.include_target_test=false."
        )


def _check_mlm_evaluation(config: TofConfig) -> None:
    if config.mlm.training.get("eval_strategy", "no") != "no":
        raise ConfigError(
            f"mlm.eval_strategy is {config.mlm.training['eval_strategy']!r}, but masked language modelling has no "
            "validation data here: its last epoch is kept. Leave it out, or set mlm.eval_strategy=no."
        )


def _check_window(config: TofConfig, name: str, stage: StageConfig, tokenizer: PreTrainedTokenizerBase) -> None:
    if stage.max_length > tokenizer.model_max_length:
        raise ConfigError(
            f"{name}.max_length is {stage.max_length}, but {config.model} takes {tokenizer.model_max_length} "
            f"pieces at most. Set {name}.max_length={tokenizer.model_max_length} or less; "
            "longer sentences are cut into overlapping windows, nothing is lost."
        )


def _check_arguments(config: TofConfig, name: str, stage: StageConfig) -> None:
    try:
        training_arguments(stage, Path(config.output_dir), seed=config.seed, selects=name != "mlm")
    except (ValueError, ImportError) as problem:
        raise ConfigError(f"{name}: transformers refuses these training arguments: {problem}") from problem


def _gold_checks(data: TofData, gold: Dataset) -> list[tuple[str, Callable[[], None]]]:
    """Each by the option it is about: `target.gold` for its sentences, and the options of questions about them."""
    questions = {"target.mrc": data.target_qa, "source.mrc": data.source_qa}
    questions["source.mrc_validation"] = data.validation_qa
    return [("target.gold", functools.partial(_check_gold_sentences, data, gold))] + [
        (option, functools.partial(_check_gold_questions, option, rows, gold))
        for option, rows in questions.items()
        if rows is not None and "label" in rows.column_names
    ]


def _check_gold_sentences(data: TofData, gold: Dataset) -> None:
    scored = sentences(gold)
    for option, rows in (("source.train", data.source), ("source.validation", data.validation)):
        shared = scored & sentences(rows)
        if 2 * len(shared) > len(scored):
            raise TargetLabelLeak(
                f"{option} holds {len(shared):,} of the {len(scored):,} sentences of target.gold, whose labels are for "
                "the score alone: nothing is trained or chosen on them. Name other data for one of the two."
            )


def _check_gold_questions(option: str, questions: Dataset, gold: Dataset) -> None:
    """Questions with a `label` ask for entities, so that their answers are the gold in another form."""
    asked = zip(questions["context"], questions["label"], strict=True)
    shared = sentences(gold) & {"".join(context.split()) for context, label in asked if label is not None}
    if shared:
        raise TargetLabelLeak(
            f"{option} asks for the entities of {len(shared):,} sentences of target.gold, whose labels are for the "
            "score alone. Name other questions."
        )


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise ConfigError(
            f"output_dir: nothing can be written to {folder} ({problem.strerror}). Name a folder of your own."
        ) from problem


def _check_encoder(config: TofConfig, tokenizer: PreTrainedTokenizerBase) -> None:
    encoder = read_config(config.model)
    lacks = []
    if type(encoder) not in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING:
        lacks.append("token classification head")
    if tokenizer.pad_token is None:
        lacks.append("padding token")
    if "mlm" in used_stages(config):
        if type(encoder) not in MODEL_FOR_MASKED_LM_MAPPING:
            lacks.append("masked language modelling head (mlm.enabled=false does without)")
        if tokenizer.mask_token is None:
            lacks.append("mask token (mlm.enabled=false does without)")
    if lacks:
        raise ModelError(
            f"{config.model}: {encoder.model_type} models have no {', no '.join(lacks)} in transformers. "
            "Take an encoder of the kinds of BERT, e.g. google-bert/bert-base-multilingual-cased."
        )


def used_stages(config: TofConfig) -> dict[str, StageConfig]:
    """The stages that the named systems will run, by section."""
    return visited_sections([RECIPES[system] for system in config.systems], config)


def _asking_stages(config: TofConfig) -> list[str]:
    return [name for name in ("mrc", "continual_mrc") if name in used_stages(config)]


def _check_queries(config: TofConfig, data: TofData) -> None:
    if _asking_stages(config):
        ner_to_mrc(data.validation.select(range(1)), data.queries)  # names a type without a query


def _check_questions(config: TofConfig, name: str, data: TofData) -> None:
    found = {
        "use_target_qa": data.target_qa is not None,
        "use_source_qa": data.source_qa is not None,
        "use_ner_mrc": True,
        "use_pseudo_mrc": True,
        "use_translated_qa": data.translated is not None and data.source_qa is not None,
        "use_translated_ner_mrc": data.translated is not None,
    }
    stage = config.stages()[name]
    if not any(getattr(stage, option) and there for option, there in found.items()):
        raise ConfigError(
            f"{name} has nothing to learn from: no question-answering data is named, and no NER data in MRC form "
            f"is asked for. Name target.mrc or source.mrc, turn on {name}.use_ner_mrc, or set {name}.enabled=false."
        )
