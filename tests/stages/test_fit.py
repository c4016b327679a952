"""Which weights a stage trains, and for how long."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from nightly import nightly, nightly_only
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForMaskedLM, AutoModelForTokenClassification, Trainer, TrainingArguments

from tof_hf.config import MrcConfig, NerConfig
from tof_hf.config.stage_name import StageName
from tof_hf.errors import ModelError
from tof_hf.inference.words import OrderedTrainer, WordCollator
from tof_hf.modeling.collators import SpanCollator
from tof_hf.modeling.freezing import freeze_layers, layers_to_freeze
from tof_hf.modeling.span_extraction import span_loss
from tof_hf.modeling.transfer import load_for_mrc, load_for_ner
from tof_hf.stages import fit as fitting
from tof_hf.stages import vocabulary
from tof_hf.stages.fingerprint import fingerprint, fingerprint_inputs
from tof_hf.stages.fit import fit, token_loss
from tof_hf.stages.ner import argmax
from tof_hf.stages.stage import Checkpoint, Stage, Validation
from tof_hf.stages.vocabulary import NarrowEmbedding, narrow_vocabulary

NAMES = ["O", "B-LOC", "I-LOC"]
FAMILIES = {"xlm-roberta": "unigram", "roberta": "bytelevel", "modernbert": "bytelevel"}
TOGETHER = {"weight_decay": 0.1, "gradient_accumulation_steps": 2, "max_grad_norm": 0.1}


class Killed(Exception):
    """Stands for the end of the process."""


def kill_at(number):
    """A training step after which the process ends."""
    steps, step = [], Trainer.training_step

    def counted(self, *args, **kwargs):
        steps.append(1)
        if len(steps) == number:
            raise Killed
        return step(self, *args, **kwargs)

    return counted


def rows(kind, count, first):
    made = []
    for i in range(count):
        pieces = [first + (7 * i + 3 * k) % 60 for k in range(4 + i % 5)]
        row = {"input_ids": pieces, "length": len(pieces)}
        if kind == "ner":
            row |= {"labels": [(i + k) % 3 for k in range(len(pieces))]}
        else:
            row |= {"context": [1, len(pieces)], "spans": [[1, 2]] if i % 2 else [], "ignored": []}
        made.append(row)
    return Dataset.from_list(made)


def stage_of(kind, base, tokenizer, **options):
    training = {
        "num_train_epochs": 2, "per_device_train_batch_size": 6, "learning_rate": 1e-3, "bf16": False,
        "disable_tqdm": True, "warmup_steps": 2,
    }  # fmt: skip
    config, loss, collator = (
        (NerConfig, token_loss, WordCollator) if kind == "ner" else (MrcConfig, span_loss, SpanCollator)
    )

    def build():
        return load_for_ner(base, NAMES) if kind == "ner" else load_for_mrc(base)

    scores = Validation(rows(kind, 7, 100), lambda prediction: {"f1": 0.5}, argmax, {})
    return Stage(
        stage_name=StageName("stage"),
        start=Checkpoint("", base, "key"),
        config=config(**(training | options)),
        seed=3,
        tokenizer=tokenizer,
        build=build,
        train=rows(kind, 36, 40),
        collator=collator(tokenizer),
        loss=loss,
        rows={},
        trainer=OrderedTrainer,
        validation=scores if kind == "ner" else None,
    )


def trained(folder, *stage, **options):
    return load_file(Path(fit(stage_of(*stage, **options), folder).path) / "model.safetensors")


def assert_same_weights(narrow, plain, start):
    name = next(name for name in plain if name.endswith(("word_embeddings.weight", "tok_embeddings.weight")))
    (before,) = (value for key, value in start.items() if name.endswith(key))
    assert narrow.keys() == plain.keys() and narrow[name].shape == before.shape == (450, before.shape[1])
    unseen = range(200, 400)
    assert torch.equal(narrow[name][unseen], plain[name][unseen])
    assert not torch.equal(plain[name][40:100], before[40:100])
    for one in plain:
        torch.testing.assert_close(narrow[one], plain[one], rtol=0, atol=1e-6)


def start_of(base):
    return {name.partition(".")[2]: value for name, value in load_file(f"{base}/model.safetensors").items()}


@pytest.fixture
def narrowed(monkeypatch):
    """The narrow embeddings that have been made."""
    made, narrow = [], vocabulary.NarrowEmbedding
    monkeypatch.setattr(vocabulary, "NarrowEmbedding", lambda *args: made.append(narrow(*args)) or made[-1])
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "kind", "options"),
    [
        ("bert", "ner", TOGETHER),
        ("xlm-roberta", "mrc", {"optim": "adamw_torch"}),
        *nightly(
            *((name, "ner", TOGETHER) for name in ("xlm-roberta", "roberta", "deberta-v2", "modernbert", "electra")),
            *(("bert", "mrc", {option: value}) for option, value in TOGETHER.items()),
        ),
    ],
)
def test_the_weights_are_those_of_a_plain_run(architecture, kind, options, checkpoint, tokenizers, narrowed, tmp_path):
    base = checkpoint(architecture)
    stage = (kind, base, tokenizers[FAMILIES.get(architecture, "wordpiece")])
    narrow = trained(tmp_path / "narrow", *stage, **options)
    (embedding,) = narrowed
    assert 60 < embedding.num_embeddings < 140
    plain = trained(tmp_path / "plain", *stage, **options, narrow_vocabulary=False)
    assert len(narrowed) == 1
    assert_same_weights(narrow, plain, start_of(base))


@pytest.mark.slow
@pytest.mark.parametrize("by_older_release", [True, *nightly(False)])
def test_a_stopped_stage_goes_on_to_the_weights_of_a_plain_run(
    by_older_release, checkpoint, tokenizers, tmp_path, monkeypatch
):
    base = checkpoint("bert")
    stage = ("ner", base, tokenizers["wordpiece"])
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "training_step", kill_at(8))
        if by_older_release:
            patch.setattr(fitting, "narrow_vocabulary", lambda *args: None)
        with pytest.raises(Killed):
            trained(tmp_path / "narrow", *stage, weight_decay=0.1)
    assert len(list((tmp_path / "narrow").glob("*/trainer/checkpoint-6"))) == 1
    narrow = trained(tmp_path / "narrow", *stage, weight_decay=0.1)
    plain = trained(tmp_path / "plain", *stage, weight_decay=0.1, narrow_vocabulary=False)
    assert_same_weights(narrow, plain, start_of(base))


# accelerate shards weights on GPUs only; torch does on processors too.
SHARDED = """
import torch
from accelerate.state import DistributedType, PartialState
torch.distributed.init_process_group("gloo")
PartialState._prepare_backend = lambda *args, **kwargs: ("gloo", DistributedType.MULTI_GPU)
PartialState.set_device = lambda self: setattr(self, "device", torch.device("cpu"))
"""
FSDP2 = {
    "ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_TRANSFORMER_CLS_TO_WRAP": "BertLayer", "FSDP_RESHARD_AFTER_FORWARD": "true",
}  # fmt: skip
LAUNCHES = {
    "plain": ("", {}),
    "FSDP2": (SHARDED, FSDP2 | {"FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT"}),
    "FSDP2, sharded checkpoints": (SHARDED, FSDP2 | {"FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT"}),
}


@pytest.mark.slow
@nightly_only
@pytest.mark.parametrize("launch", LAUNCHES)
def test_two_processes_train_the_weights_of_one(launch, checkpoint, tokenizers, tmp_path, run_processes):
    base, tokenizer = checkpoint("bert"), tokenizers["wordpiece"]
    before, variables = LAUNCHES[launch]
    script = tmp_path / "both.py"
    script.write_text(
        f"""{before}
import importlib.util, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
spec = importlib.util.spec_from_file_location("both", {__file__!r})
both = importlib.util.module_from_spec(spec)
sys.modules["both"] = both
spec.loader.exec_module(both)
from pathlib import Path
from tof_hf.data.tokenizers import load_tokenizer
options = dict(both.TOGETHER, gradient_accumulation_steps=1)
tokenizer = load_tokenizer({tokenizer.name_or_path!r})
both.fit(both.stage_of("ner", {base!r}, tokenizer, **options), Path({str(tmp_path / "two")!r}))
"""
    )
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = os.environ | {"PYTHONPATH": paths, "ACCELERATE_USE_CPU": "true"} | variables
    done = run_processes([*command, str(script)], env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    options = TOGETHER | {"gradient_accumulation_steps": 1, "per_device_train_batch_size": 12}
    plain = trained(tmp_path / "one", "ner", base, tokenizer, **options, narrow_vocabulary=False)
    assert_same_weights(load_file(tmp_path / "two" / "stage" / "model" / "model.safetensors"), plain, start_of(base))


def embedding_after(model, tmp_path, **options):
    trainer = Trainer(model, TrainingArguments(str(tmp_path), use_cpu=True, **options))
    narrow_vocabulary(trainer, [rows("ner", 36, 40)], [0, 1])
    return model.get_input_embeddings()


def tagger(tiny_config):
    return AutoModelForTokenClassification.from_config(tiny_config("bert"), trust_remote_code=False)


def test_a_piece_that_no_row_has_is_an_error(tiny_config, tmp_path):
    embedding = embedding_after(tagger(tiny_config), tmp_path)
    assert isinstance(embedding, NarrowEmbedding) and embedding(torch.tensor([[0, 40]])).shape == (1, 2, 16)
    for absent in (300, 449, 450, -1):
        with pytest.raises((RuntimeError, IndexError)):
            embedding(torch.tensor([[0, absent]]))


def test_where_other_rows_would_change_all_are_trained(tiny_config, tmp_path):
    assert type(embedding_after(tagger(tiny_config), tmp_path, optim="adafactor")) is nn.Embedding
    frozen = tagger(tiny_config)
    frozen.get_input_embeddings().requires_grad_(False)
    assert type(embedding_after(frozen, tmp_path)) is nn.Embedding
    tied = AutoModelForMaskedLM.from_config(tiny_config("bert"), trust_remote_code=False)
    assert type(embedding_after(tied, tmp_path)) is nn.Embedding


def test_the_state_is_that_of_the_whole_embedding():
    whole = nn.Embedding(9, 2, padding_idx=1)
    before = whole.weight.detach().clone()
    narrow = NarrowEmbedding(whole, torch.tensor([1, 4, 5]))
    assert torch.equal(narrow.state_dict()["weight"], before) and narrow.padding_idx == 0
    with torch.no_grad():
        narrow.weight += 1
    narrow.decays += [0.5, 0.5]
    expected = before / 4
    expected[[1, 4, 5]] = before[[1, 4, 5]] + 1
    assert torch.equal(narrow.state_dict()["weight"], expected)
    narrow.load_state_dict({"weight": before})
    assert torch.equal(narrow.weight, before[[1, 4, 5]]) and torch.equal(narrow.state_dict()["weight"], before)


# Frozen layers


def frozen(model):
    return {name for name, weights in model.named_parameters() if not weights.requires_grad}


@pytest.mark.slow
def test_frozen_layers_stay_as_they_are_and_others_are_trained(checkpoint, tokenizers, tmp_path):
    base = checkpoint("bert")
    stage = ("ner", base, tokenizers["wordpiece"])
    start, after = start_of(base), trained(tmp_path, *stage, freeze_layers=1, weight_decay=0.1)
    kept = {name for name in after if torch.equal(after[name], start.get(name.partition(".")[2], torch.empty(0)))}
    below = ("bert.embeddings.", "bert.encoder.layer.0.")
    assert kept == {name for name in after if name.startswith(below)} and len(after) > len(kept) > 16


def test_a_stage_with_other_layers_frozen_or_all_pieces_trained_is_another_stage(checkpoint, tokenizers):
    stage = ("ner", checkpoint("bert"), tokenizers["wordpiece"])
    options = ({}, {"freeze_layers": 1}, {"narrow_vocabulary": False}, {"early_stopping_patience": 1})
    keys = [fingerprint(fingerprint_inputs(stage_of(*stage, **option))) for option in options]
    assert len(set(keys)) == 4
    defaults = {"freeze_layers": 0, "narrow_vocabulary": True, "early_stopping_patience": None}
    assert fingerprint(fingerprint_inputs(stage_of(*stage, **defaults))) == keys[0]


@pytest.mark.parametrize(
    ("architecture", "lowest"),
    [
        ("bert", "encoder.layer.0."),
        ("modernbert", "layers.0."),
        *nightly(
            ("distilbert", "transformer.layer.0."),
            ("deberta-v2", "encoder.layer.0."),
            ("electra", "encoder.layer.0."),
            ("xlm-roberta", "encoder.layer.0."),
        ),
    ],
)
def test_the_embeddings_and_the_lowest_layers_of_every_encoder_are_found(architecture, lowest, tiny_config):
    model = AutoModelForTokenClassification.from_config(tiny_config(architecture), trust_remote_code=False)
    freeze_layers(model, 0)
    assert not frozen(model)
    freeze_layers(model, 1)
    below = tuple(f"{model.base_model_prefix}.{part}" for part in ("embeddings", lowest))
    assert frozen(model) == {name for name, _ in model.named_parameters() if name.startswith(below)}
    with pytest.raises(ModelError, match="has 2 layers with weights of their own, freeze_layers is 3"):
        freeze_layers(model, 3)


def test_layers_that_share_their_weights_cannot_be_frozen(tiny_config):
    assert [layers_to_freeze(tiny_config(one)) for one in ("bert", "albert")] == [2, 0]


def test_what_is_tied_to_frozen_embeddings_is_frozen_and_the_rest_of_the_head_is_not(tiny_config):
    model = AutoModelForMaskedLM.from_config(tiny_config("bert"), trust_remote_code=False)
    freeze_layers(model, 1)
    assert not model.get_output_embeddings().weight.requires_grad
    assert all(weights.requires_grad for name, weights in model.named_parameters() if name.startswith("cls."))


# Early stopping


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["never", "in its last epoch", "after its last epoch"])
def test_a_stage_stops_where_more_epochs_bring_nothing_also_if_it_was_killed(
    killed, checkpoint, tokenizers, tmp_path, monkeypatch
):
    stage = stage_of("ner", checkpoint("bert"), tokenizers["wordpiece"], num_train_epochs=5, early_stopping_patience=2)
    if killed != "never":
        with monkeypatch.context() as patch:
            if killed == "in its last epoch":
                patch.setattr(Trainer, "training_step", kill_at(14))
            else:
                patch.setattr(fitting, "file_hashes", kill_at(1))
            with pytest.raises(Killed):
                fit(stage, tmp_path)
    record = json.loads((fit(stage, tmp_path).folder / "stage.json").read_text())
    assert record["steps"] == 18
    assert len([entry for entry in record["log"] if "eval_f1" in entry]) == 3
