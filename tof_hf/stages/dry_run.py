"""A stage's Trainer made over a model of one layer and two rows, to find out what libraries refuse. None trains."""

import copy
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from datasets import Dataset
from transformers import AutoModelForMaskedLM, AutoModelForTokenClassification, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from tof_hf.config import MlmConfig, MrcConfig, StageConfig
from tof_hf.errors import ConfigError
from tof_hf.inference.words import OrderedTrainer
from tof_hf.modeling.span_extraction import AutoModelForSpanExtraction
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.mlm import MlmTrainer
from tof_hf.stages.mrc import mrc_trainer
from tof_hf.utils.pretrained import make_from_config

# Raised for options that a library cannot use, and for packages and files that they need.
_REFUSED = (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError)
_ROWS = {"input_ids": [[0], [0, 0]], "labels": [[0], [0, 0]], "length": [1, 2]}


def refusals(stages: Mapping[str, StageConfig], encoder: PreTrainedConfig) -> Iterator[tuple[str, ConfigError]]:
    """The errors for stages that no Trainer can be made for: the option that a library refuses, and why.

    Args:
        stages: their options, by section of the run file.
        encoder: the configuration of the pretrained encoder.
    """
    found: dict[tuple[str, str], list[str]] = {}  # later stages inherit options, and what is wrong with them
    for section, config in stages.items():
        if (problem := _problem(config, config.training, encoder)) is not None:
            reason = " ".join(str(problem).split()).removesuffix(".") or type(problem).__name__
            found.setdefault((_refused_option(config, encoder), reason), []).append(section)
    for (option, reason), (section, *others) in found.items():
        also = f" (also in {', '.join(others)})" if others else ""
        yield (
            section,
            ConfigError(
                f"{section}{option}{also}, with which no Trainer can be made: {reason}. "
                "What to do: change it or leave it out."
            ),
        )


def _refused_option(config: StageConfig, encoder: PreTrainedConfig) -> str:
    """The first training argument without which there is no problem, with its value."""
    for option, value in config.training.items():
        others = {name: other for name, other in config.training.items() if name != option}
        if _problem(config, others, encoder) is None:
            return f".{option} is {value!r}"
    return " has training arguments"


def _problem(config: StageConfig, training: Mapping[str, Any], encoder: PreTrainedConfig) -> Exception | None:
    """What a library raises while the stage's Trainer is made, with its optimizer, schedule and data loader."""
    small = copy.deepcopy(encoder)
    small.num_hidden_layers, small.vocab_size, small.pad_token_id = 1, 8, 0
    # Determinism would hold for the rest of the process.
    config = config.model_copy(update={"training": {**training, "full_determinism": False}})
    selects, rows = not isinstance(config, MlmConfig), Dataset.from_dict(_ROWS)
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # the stage itself will warn
    with tempfile.TemporaryDirectory() as folder:
        try:
            args = training_arguments(config, folder, seed=0, selects=selects)
            trainer = _trainer_class(config)(
                model=model_of(config, small), args=args, train_dataset=rows, eval_dataset=rows if selects else None
            )
            trainer.get_train_dataloader()
            trainer.create_optimizer_and_scheduler(num_training_steps=1000)
        except (*_REFUSED, ValueError) as problem:
            return problem
        finally:
            logging.set_verbosity(verbosity)
    return None


def _trainer_class(config: StageConfig) -> Any:
    if isinstance(config, MrcConfig):
        return mrc_trainer(config)
    return MlmTrainer if isinstance(config, MlmConfig) else OrderedTrainer


def model_of(config: StageConfig, encoder: PreTrainedConfig) -> PreTrainedModel:
    """A model of the stage's kind with random weights; a tagger has the encoder's number of labels."""
    if isinstance(config, MrcConfig):
        return AutoModelForSpanExtraction.from_config(encoder, span_match=config.span_match_head)
    loader = AutoModelForMaskedLM if isinstance(config, MlmConfig) else AutoModelForTokenClassification
    return make_from_config(loader, encoder)
