"""Checks before a run for what would otherwise fail hours into it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from datasets import Dataset
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    PreTrainedTokenizerBase,
)

from tof_hf.algorithm.recipes import RECIPES
from tof_hf.algorithm.training_data import TofData
from tof_hf.algorithm.walk import visited_sections, visits
from tof_hf.config import MrcConfig, StageConfig, TofConfig
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.errors import ConfigError, ModelError, TargetLabelLeak
from tof_hf.modeling.checkpoints import read_config
from tof_hf.run.leakage import sentences
from tof_hf.stages.arguments import training_arguments

Check = tuple[str, Callable[[], None]]  # the option that a check is about, and the check, which raises TofError


def check_run(
    config: TofConfig, data: TofData, tokenizer: PreTrainedTokenizerBase, gold: Mapping[str, Dataset] | None = None
) -> None:
    """Check what would otherwise fail hours into a run, and that nothing is trained or selected on the target's gold.

    Args:
        config: The run's options.
        data: The run's training data.
        tokenizer: The encoder's; its `model_max_length`, in pieces, is taken as the encoder's window.
        gold: The labelled data for scores, by split.

    Raises:
        TofError: The output folder, encoder, windows, queries, mixtures or training arguments cannot work.

    Example:
        >>> data = Inputs(config).training()
        >>> check_run(config, data, load_encoder_tokenizer(config.model))
    """
    _check_folder(Path(config.output_dir))
    for _, check in checks(config, tokenizer, data, gold):
        check()


def checks(
    config: TofConfig,
    tokenizer: PreTrainedTokenizerBase,
    data: TofData | None = None,
    gold: Mapping[str, Dataset] | None = None,
) -> list[Check]:
    """The checks of `check_run`, one by one; without `data` only those that need none. They write nothing."""
    named: list[Check] = [
        ("model", partial(_check_encoder, config, tokenizer)),
        ("target.test_text", partial(_check_target_test, config)),
        ("mlm.eval_strategy", partial(_check_mlm_evaluation, config)),
    ]
    for option, problem in dict.fromkeys(problems_of_systems(config)):
        named.append((option, partial(_refuse, f"{option} {problem}")))
    for name, stage in used_stages(config).items():
        named.append((f"{name}.max_length", partial(_check_window, config, name, stage, tokenizer)))
        named.append((name, partial(_check_arguments, config, name, stage)))
    if data is not None:
        named.append(("queries", partial(_check_queries, config, data)))
        named += [(name, partial(_check_questions, name, stage, data)) for name, stage in _mrc_stages(config).items()]
        if gold and "target" in gold:
            named += _gold_checks(data, gold["target"])
    return named


def used_stages(config: TofConfig) -> dict[str, StageConfig]:
    """The stages that the config's systems train, by section."""
    return visited_sections([RECIPES[system] for system in config.systems], config)


def problems_of_systems(config: TofConfig) -> Iterator[tuple[str, str]]:
    """What the systems need and the config does not provide: the option, and the problem."""
    for system in config.systems:
        for visit in visits(RECIPES[system], config):
            name, stage = visit.section, config.stages().get(visit.section)
            if stage is None:  # labels for the target
                if config.labelling.selection == "agreement" and not visit.after_mrc:
                    yield (
                        "labelling.selection",
                        f"is agreement, but {system} trains no MRC stage before it labels: there is no MRC head to "
                        "agree with. Turn mrc on, or choose another selection.",
                    )
            elif not stage.enabled:
                yield f"{name}.enabled", f"must be true for {system}."
            elif name != "mlm" and not visit.translated and (problem := stage.missing_data(translation=False)):
                yield name, f"{problem} The system {system} uses no translations."


def _refuse(problem: str) -> None:
    raise ConfigError(problem)


def check_place(folder: Path, option: str = "output_dir") -> None:
    """Raise ConfigError if the folder cannot be made or written to; nothing is written to find out.

    `option`: the option to change, for the message.
    """
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        reason = "is not a folder" if not place.is_dir() else "cannot be written to"
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


def _gold_checks(data: TofData, gold: Dataset) -> list[Check]:
    """The checks that no sentence or question for training reveals the target's gold labels."""
    named: list[Check] = [("target.gold", partial(_check_gold_sentences, data, gold))]
    questions = {"target.mrc": data.target_qa, "source.mrc": data.source_qa}
    for option, rows in (questions | {"source.mrc_validation": data.validation_qa}).items():
        if rows is not None and "label" in rows.column_names:
            named.append((option, partial(_check_gold_questions, option, rows, gold)))
    return named


def _check_gold_sentences(data: TofData, gold: Dataset) -> None:
    scored = sentences(gold)
    for option, rows in (("source.train", data.source), ("source.validation", data.validation)):
        shared = scored & sentences(rows)
        if 2 * len(shared) > len(scored):
            raise TargetLabelLeak(
                f"{option} holds {len(shared):,} of the {len(scored):,} sentences of target.gold, whose labels are for "
                "the score alone: nothing is trained or selected on them. Name other data for one of the two."
            )


def _check_gold_questions(option: str, questions: Dataset, gold: Dataset) -> None:
    """Questions with a `label` ask for entities: their answers are the gold in another form."""
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


def _mrc_stages(config: TofConfig) -> dict[str, StageConfig]:
    return {name: stage for name, stage in used_stages(config).items() if isinstance(stage, MrcConfig)}


def _check_queries(config: TofConfig, data: TofData) -> None:
    if _mrc_stages(config):
        ner_to_mrc(data.validation.select(range(1)), data.queries)  # its error names a type without a query


def _check_questions(name: str, stage: StageConfig, data: TofData) -> None:
    available = {
        "use_target_qa": data.target_qa is not None,
        "use_source_qa": data.source_qa is not None,
        "use_ner_mrc": True,
        "use_pseudo_mrc": True,
        "use_translated_qa": data.translated is not None and data.source_qa is not None,
        "use_translated_ner_mrc": data.translated is not None,
    }
    if not any(there and getattr(stage, option) for option, there in available.items()):
        raise ConfigError(
            f"{name} has nothing to learn from: no question-answering data is named, and NER data in MRC form is "
            f"turned off. Name target.mrc or source.mrc, turn on {name}.use_ner_mrc, or set {name}.enabled=false."
        )
