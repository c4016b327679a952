"""Checks before a run for what would otherwise fail hours into it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from datasets import Dataset
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
)

from tof_hf.algorithm.recipes import RECIPES
from tof_hf.algorithm.training_data import TofData
from tof_hf.algorithm.walk import visits
from tof_hf.config import MrcConfig, StageConfig, TofConfig
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.errors import ConfigError, DataError, ModelError, TofError
from tof_hf.modeling.checkpoints import check_vocabulary, read_config
from tof_hf.modeling.freezing import layers_to_freeze
from tof_hf.modeling.span_extraction import load_encoder
from tof_hf.run.leakage import gold_problems
from tof_hf.stages.dry_run import refusals


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
    check_place(Path(config.output_dir))
    found = [problem for _, problem in problems(config, tokenizer, data, gold)]
    if found and all(isinstance(problem, ConfigError) for problem in found):
        raise ConfigError("\n".join(map(str, found)))
    for problem in found:
        raise problem


def problems(
    config: TofConfig,
    tokenizer: PreTrainedTokenizerBase,
    data: TofData | None = None,
    gold: Mapping[str, Dataset] | None = None,
) -> Iterator[tuple[str, TofError]]:
    """The errors that `check_run` looks for, by option; without `data` only those that need none. Writes nothing."""
    stages = used_stages(config)
    try:
        encoder = _usable_encoder(config.model, tokenizer, masked="mlm" in stages)
    except ModelError as problem:
        yield "model", problem
    else:
        yield from refusals(stages, encoder)
        frozen = {name: stage.freeze_layers for name, stage in stages.items() if stage.freeze_layers}
        layers = layers_to_freeze(encoder) if frozen else 0
        for name, count in frozen.items():
            if count > layers:
                found = (
                    f"{name}.freeze_layers is {count}, but {config.model} has {layers} layers with weights of their "
                    "own. Lower it."
                )
                yield f"{name}.freeze_layers", ConfigError(found)
    for option, found in _problems_of_options(config, stages, tokenizer):
        yield option, ConfigError(found)
    if data is not None and any(isinstance(stage, MrcConfig) for stage in stages.values()):
        try:
            ner_to_mrc(data.validation.select(range(1)), data.queries)
        except DataError as error:  # a type without a query
            yield "queries", error
    if data is not None and gold and "target" in gold:
        yield from gold_problems(data, gold["target"])


def _problems_of_options(
    config: TofConfig, stages: Mapping[str, StageConfig], tokenizer: PreTrainedTokenizerBase
) -> Iterator[tuple[str, str]]:
    if config.mlm.include_target_test and not config.target.test_text:
        yield (
            "target.test_text",
            "mlm.include_target_test is on, but target.test_text names no file. "
            "Name the unlabelled test sentences there, or set mlm.include_target_test=false.",
        )
    if (strategy := config.mlm.training.get("eval_strategy", "no")) != "no":
        yield (
            "mlm.eval_strategy",
            f"mlm.eval_strategy is {strategy!r}, but masked language modelling has no validation data here: "
            "its last epoch is kept. Leave it out, or set mlm.eval_strategy=no.",
        )
    for option, problem in dict.fromkeys(problems_of_systems(config)):
        yield option, f"{option} {problem}"
    for name, stage in stages.items():
        if stage.max_length > tokenizer.model_max_length:
            yield (
                f"{name}.max_length",
                f"{name}.max_length is {stage.max_length}, but {config.model} takes {tokenizer.model_max_length} "
                f"pieces at most. Set {name}.max_length={tokenizer.model_max_length} or less; "
                "longer sentences are cut into overlapping windows, nothing is lost.",
            )


def used_stages(config: TofConfig) -> dict[str, StageConfig]:
    """The stages that the config's systems train, by section, in the order of the run file."""
    used = {visit.section for system in config.systems for visit in visits(RECIPES[system], config)}
    return {section: stage for section, stage in config.stages().items() if section in used}


def uses_labels(config: TofConfig) -> bool:
    """Whether a system learns from `target.labels`: by themselves, or among pseudo-labels."""
    recipes = [RECIPES[system] for system in config.systems]
    return any(
        "labels" in recipe.needs or any(visit.section == "labelling" for visit in visits(recipe, config))
        for recipe in recipes
    )


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
            elif problem := stage.missing_data(config.available_rows(translation=visit.translated)):
                yield name, problem if visit.translated else f"{problem} The system {system} uses no translations."


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


def _usable_encoder(model: str, tokenizer: PreTrainedTokenizerBase, *, masked: bool) -> PreTrainedConfig:
    """The encoder's configuration; ModelError if it is not whole, or lacks what the stages need of it.

    `masked`: a stage trains it by masked language modelling.
    """
    encoder = read_config(model)
    has = {
        "token classification head": type(encoder) in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
        "padding token": tokenizer.pad_token is not None,
    }
    if masked:
        masking = {
            "masked language modelling head": type(encoder) in MODEL_FOR_MASKED_LM_MAPPING,
            "mask token": tokenizer.mask_token is not None,
        }
        has |= {f"{part} (mlm.enabled=false does without)": there for part, there in masking.items()}
    lacks = [part for part, there in has.items() if not there]
    if lacks:
        raise ModelError(
            f"{model}: {encoder.model_type} models have no {', no '.join(lacks)} in transformers. "
            "Take a BERT-like encoder, e.g. google-bert/bert-base-multilingual-cased."
        )
    check_vocabulary(tokenizer, encoder, model)
    if Path(model).is_dir():  # one of the Hub is not downloaded for that
        load_encoder(model)
    return encoder
