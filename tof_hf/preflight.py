"""What could only fail hours into a run is looked for before it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from datasets import Dataset
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    PreTrainedTokenizerBase,
)

from tof_hf.config import StageConfig, TofConfig
from tof_hf.data.conversion import ner_to_mrc
from tof_hf.errors import ConfigError, ModelError, TargetLabelLeak
from tof_hf.inputs import TofData
from tof_hf.modeling.checkpoints import read_config
from tof_hf.stages.arguments import training_arguments


def check_run(
    config: TofConfig, data: TofData, tokenizer: PreTrainedTokenizerBase, gold: Mapping[str, Dataset] | None = None
) -> None:
    """Raise a TofError for what cannot work: output folder, encoder, windows, queries, mixtures, training arguments.

    And for what must not: training or selecting on the `gold` of the target.

    The tokenizer's `model_max_length` is taken as the encoder's window.
    """
    _check_folder(Path(config.output_dir))
    _check_encoder(config, tokenizer)
    if config.mlm.include_target_test and data.target_test is None:
        raise ConfigError(
            "mlm.include_target_test is on, but target.test_text names no file. "
            "Name the unlabelled test sentences there, or set mlm.include_target_test=false."
        )
    if config.mlm.training.get("eval_strategy", "no") != "no":
        raise ConfigError(
            f"mlm.eval_strategy is {config.mlm.training['eval_strategy']!r}, but masked language modelling has no "
            "validation data here: its last epoch is kept. Leave it out, or set mlm.eval_strategy=no."
        )
    for name, stage in _stages(config).items():
        if stage.max_length > tokenizer.model_max_length:
            raise ConfigError(
                f"{name}.max_length is {stage.max_length}, but {config.model} takes {tokenizer.model_max_length} "
                f"pieces at most. Set {name}.max_length={tokenizer.model_max_length} or less; "
                "longer sentences are cut into overlapping windows, nothing is lost."
            )
        try:
            training_arguments(stage, Path(config.output_dir), seed=config.seed, selects=name != "mlm")
        except (ValueError, ImportError) as problem:
            raise ConfigError(f"{name}: transformers refuses these training arguments: {problem}") from problem
    _check_questions(config, data)
    if gold and "target" in gold:
        _check_gold(data, gold["target"])


def _check_gold(data: TofData, gold: Dataset) -> None:
    scored = _sentences(gold)
    for option, rows in (("source.train", data.source), ("source.validation", data.validation)):
        shared = scored & _sentences(rows)
        if 2 * len(shared) > len(scored):
            raise TargetLabelLeak(
                f"{option} holds {len(shared):,} of the {len(scored):,} sentences of target.gold, whose labels are for "
                "the score alone: nothing is trained or chosen on them. Name other data for one of the two."
            )


def _sentences(dataset: Dataset) -> set[str]:
    return {" ".join(tokens) for tokens in dataset["tokens"]}


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
    if "mlm" in _stages(config):
        if type(encoder) not in MODEL_FOR_MASKED_LM_MAPPING:
            lacks.append("masked language modelling head (mlm.enabled=false does without)")
        if tokenizer.mask_token is None:
            lacks.append("mask token (mlm.enabled=false does without)")
    if lacks:
        raise ModelError(
            f"{config.model}: {encoder.model_type} models have no {', no '.join(lacks)} in transformers. "
            "Take an encoder of the kinds of BERT, e.g. google-bert/bert-base-multilingual-cased."
        )


def _stages(config: TofConfig) -> dict[str, StageConfig]:
    """The stages that the named systems will run."""
    used = {"ner"}
    if set(config.systems) - {"source_only"}:
        used.add("mlm")
    if "tof" in config.systems:
        used |= {"mrc", "pseudo_ner"} | ({"continual_mrc", "continual_ner"} if config.rounds else set())
    return {name: value for name, value in vars(config).items() if name in used and value.enabled}


def _check_questions(config: TofConfig, data: TofData) -> None:
    stages = [name for name in ("mrc", "continual_mrc") if name in _stages(config)]
    if stages:
        ner_to_mrc(data.validation.select(range(1)), data.queries)  # names a type without a query
    found = {
        "use_target_qa": data.target_qa is not None,
        "use_source_qa": data.source_qa is not None,
        "use_ner_mrc": True,
        "use_pseudo_mrc": True,
        "use_translated_qa": data.translated is not None and data.source_qa is not None,
        "use_translated_ner_mrc": data.translated is not None,
    }
    for name in stages:
        stage = vars(config)[name]
        if not any(vars(stage)[option] and there for option, there in found.items()):
            raise ConfigError(
                f"{name} has nothing to learn from: no question-answering data is named, and no NER data in MRC form "
                f"is asked for. Name target.mrc or source.mrc, turn on {name}.use_ner_mrc, or set {name}.enabled=false."
            )
