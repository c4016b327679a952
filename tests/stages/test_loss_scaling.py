"""However a step is cut into batches and processes, its loss and its weights are those of one large batch."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from nightly import nightly_only
from safetensors.torch import load_file
from torch.nn import functional as F
from transformers import AutoModelForMaskedLM

from tof_hf.config import MlmConfig, MrcConfig, NerConfig
from tof_hf.config.stage_name import StageName
from tof_hf.inference.words import OrderedTrainer, WordCollator
from tof_hf.modeling.collators import SpanCollator
from tof_hf.modeling.span_extraction import span_loss
from tof_hf.modeling.transfer import load_for_mlm, load_for_mrc, load_for_ner
from tof_hf.stages.fit import fit, token_loss
from tof_hf.stages.mlm import MlmTrainer
from tof_hf.stages.stage import Checkpoint, Stage

pytestmark = pytest.mark.slow

NAMES = ["O", "B-LOC", "I-LOC"]
LENGTHS = [3 + (7 * i) % 11 for i in range(32)]  # all cuts see batches of different lengths


class EveryThird:
    """Masks every third piece: dynamic masks would differ between two cuts of the same rows."""

    def __init__(self, tokenizer):
        self.words = WordCollator(tokenizer)

    def __call__(self, rows):
        batch = self.words([{"input_ids": row["input_ids"], "labels": row["masked"]} for row in rows])
        batch["input_ids"][batch["labels"] != -100] = self.words.tokenizer.mask_token_id
        return batch


def rows(kind):
    made = []
    for i, length in enumerate(LENGTHS):
        ids = [2, *((17 * i + 3 * k) % 120 + 20 for k in range(length)), 3]
        one = {"input_ids": ids, "length": len(ids)}
        if kind == "ner":
            one["labels"] = [-100, *((i + k) % 3 if (i + k) % 4 else -100 for k in range(length)), -100]
        elif kind == "mlm":
            one["masked"] = [ids[k] if k % 3 == 1 else -100 for k in range(len(ids))]
        else:
            first = 1 + min(i % 3, length - 2)
            spans = [[first, first + 1]] if i % 2 else []
            one |= {"context": [first, length + 1], "spans": spans, "ignored": [length] if i % 5 == 0 else []}
        made.append(one)
    return Dataset.from_list(made)


def stage_of(kind, base, tokenizer, cut):
    batch, steps = cut
    training = {
        "max_steps": 1,
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": steps,
        "learning_rate": 0.5,
        "optim": "sgd",  # Adam would hide a wrong scale
        "max_grad_norm": 0.0,
        "lr_scheduler_type": "constant",
        "logging_strategy": "steps",
        "logging_steps": 1,
        "save_strategy": "no",
        "bf16": False,
        "disable_tqdm": True,
        "train_sampling_strategy": "sequential",
    }
    match = kind == "mrc with match"
    collator, loss, build, trainer, config = {
        "ner": (WordCollator, token_loss, lambda: load_for_ner(base, NAMES), OrderedTrainer, NerConfig),
        "mlm": (EveryThird, token_loss, lambda: load_for_mlm(base), MlmTrainer, MlmConfig),
    }.get(kind, (SpanCollator, span_loss, lambda: without_dropout(base, match), OrderedTrainer, MrcConfig))
    return Stage(
        stage_name=StageName("step"),
        start=Checkpoint("", base, "key"),
        config=config(**training),
        seed=3,
        tokenizer=tokenizer,
        build=build,
        train=rows(kind),
        collator=SpanCollator(tokenizer, span_match=match) if collator is SpanCollator else collator(tokenizer),
        loss=loss,
        rows={},
        trainer=trainer,
    )


def without_dropout(base, span_match):
    model, hand_off = load_for_mrc(base, span_match=span_match)
    model.dropout.p = 0.0
    return model, hand_off


def one_step(kind, base, tokenizer, cut, folder):
    checkpoint = fit(stage_of(kind, base, tokenizer, cut), folder)
    return outcome(checkpoint.folder)


def outcome(folder):
    log = json.loads((folder / "stage.json").read_text())["log"]
    first = next(entry for entry in log if "loss" in entry)
    return first["loss"], first["grad_norm"], load_file(folder / "model" / "model.safetensors")


def assert_same_step(one, other):
    assert one[0] == pytest.approx(other[0], rel=1e-4)
    assert one[1] == pytest.approx(other[1], rel=1e-3)
    assert one[2].keys() == other[2].keys()
    for name, tensor in one[2].items():
        torch.testing.assert_close(tensor, other[2][name], atol=2e-6, rtol=1e-4)
    assert one[1] > 0.01


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta"])
@pytest.mark.parametrize("kind", ["ner", "mlm", "mrc", "mrc with match"])
def test_four_small_batches_make_the_step_of_one_large_batch(kind, architecture, checkpoint, tokenizers, tmp_path):
    base = checkpoint(architecture)
    tokenizer = tokenizers["unigram" if architecture == "xlm-roberta" else "wordpiece"]
    large = one_step(kind, base, tokenizer, (32, 1), tmp_path / "large")
    small = one_step(kind, base, tokenizer, (8, 4), tmp_path / "small")
    assert_same_step(small, large)


def test_the_logged_ner_loss_is_the_mean_over_all_labelled_pieces(checkpoint, tokenizers, tmp_path):
    tokenizer, base = tokenizers["wordpiece"], checkpoint("bert")
    stage = stage_of("ner", base, tokenizer, (8, 4))
    logged = one_step("ner", base, tokenizer, (8, 4), tmp_path)[0]
    torch.manual_seed(stage.seed)
    model = stage.build()[0].eval()
    batch = stage.collator(list(stage.train))
    labels = batch.pop("labels")
    expected = F.cross_entropy(model(**batch).logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
    assert logged == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(
    "architecture", ["bert", "xlm-roberta", "roberta", "distilbert", "deberta-v2", "modernbert", "electra"]
)
def test_the_masked_language_loss_equals_that_of_all_logits(architecture, checkpoint, tokenizers, tmp_path):
    base = checkpoint(architecture)
    tokenizer = tokenizers["unigram" if "roberta" in architecture else "wordpiece"]
    logged = one_step("mlm", base, tokenizer, (8, 4), tmp_path)[0]
    batch = EveryThird(tokenizer)(list(rows("mlm")))
    expected = AutoModelForMaskedLM.from_pretrained(base, trust_remote_code=False).eval()(**batch).loss
    assert logged == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("kind", ["ner", "mlm", "mrc"])
def test_a_batch_without_any_label_does_not_break_the_model(kind, checkpoint, tokenizers, tmp_path):
    stage = stage_of(kind, checkpoint("bert"), tokenizers["wordpiece"], (8, 1))
    column = {"ner": "labels", "mlm": "masked", "mrc": "context"}[kind]

    def blank(row):
        return {column: [0, 0] if kind == "mrc" else [-100] * row["length"], "spans": [], "ignored": []}

    bare = stage.train.map(blank) if kind == "mrc" else stage.train.map(lambda row: {column: blank(row)[column]})
    done = fit(dataclasses.replace(stage, train=bare), tmp_path)
    loss, _, weights = outcome(done.folder)
    assert loss == 0.0
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())


@nightly_only
def test_two_processes_make_the_step_of_one(checkpoint, tokenizers, tmp_path, run_processes):
    base = checkpoint("bert")
    tokenizer = tokenizers["wordpiece"]
    kinds = ["ner", "mlm", "mrc with match"]
    script = tmp_path / "both.py"
    script.write_text(
        f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("cuts", {__file__!r})
cuts = importlib.util.module_from_spec(spec)
sys.modules["cuts"] = cuts
spec.loader.exec_module(cuts)
from pathlib import Path
from tof_hf.data.tokenizers import load_tokenizer
tokenizer = load_tokenizer({tokenizer.name_or_path!r})
for kind in {kinds!r}:
    cuts.one_step(kind, {base!r}, tokenizer, (8, 2), Path({str(tmp_path)!r}) / "two" / kind)
"""
    )
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = run_processes([*launch, str(script)], env=os.environ | {"PYTHONPATH": paths})
    assert done.returncode == 0, done.stderr[-3000:]
    for kind in kinds:
        one = one_step(kind, base, tokenizer, (32, 1), tmp_path / "one" / kind)
        both = outcome(tmp_path / "two" / kind / "step")
        assert_same_step(both, one)
