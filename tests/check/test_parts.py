"""The parts of the check by themselves."""

from __future__ import annotations

from collections import Counter
from importlib import metadata
from types import SimpleNamespace

import numpy as np
import pytest
from datasets import Dataset
from transformers import AutoModelForMaskedLM, AutoModelForTokenClassification, BertModel

from tof_hf.check.content import check_language, is_sentence
from tof_hf.check.cost import (
    Speed,
    Stopwatch,
    activation_bytes,
    parameter_count,
    representative,
    stage_facts,
    steps_of,
    trained_parameters,
)
from tof_hf.check.machine import check_machine, outdated
from tof_hf.check.report import LanguageFacts, size
from tof_hf.config.stages import MlmConfig, MrcConfig, NerConfig
from tof_hf.run.plan import PlannedStage

FROZEN = ("embeddings.", "encoder.layer.0.")
CONFIGS = {"mlm": MlmConfig, "mrc": MrcConfig, "ner": NerConfig}


def task_of(kind, windows=10, repeats=1):
    rows = Dataset.from_dict({"length": [8] * windows})
    return SimpleNamespace(config=CONFIGS[kind].of_preset(kind), train=rows, repeats=repeats, name=kind)


def test_words_that_are_whole_sentences_are_warned_of():
    words = ["李明昨天访问了上海。", "北京大学", "Coca-Cola's", "https://zz.org/a-long/way?to=it", "-" * 20, "O"]
    assert [word for word in words if is_sentence(word)] == words[:1]
    facts = LanguageFacts("target", sentences=2, of=2, words=20, sentence_words=Counter(words[:1]))
    [finding] = check_language("target.text", facts, Counter(), {})
    assert finding.found == "1 of 20 words look like whole sentences, e.g. '李明昨天访问了上海。' (10 characters)"
    assert "word_rule: unicode" in finding.fix


def test_packages_that_are_too_old_or_missing_are_warned_of():
    installed = {"torch": "2.12.1+cu126", "datasets": "5.2.0"}

    def version_of(name):
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    requirements = ["torch>=2.13", "datasets>=5.0", "seqeval>=1.2", 'spacy>=3.8; extra == "spacy"']
    found = list(outdated(requirements, version_of))
    assert [(finding.level, finding.subject) for finding in found] == [("warning", "torch"), ("warning", "seqeval")]
    assert found[0].found == "2.12.1+cu126 is installed, tof_hf needs >=2.13"


def test_idle_gpus_are_noted(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    facts, findings = check_machine()
    assert facts.processes == 1 and [finding.found for finding in findings] == ["1 of 4 GPUs would be used"]
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert check_machine()[1] == []


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "distilbert", "deberta-v2", "modernbert", "electra"])
def test_parameters_are_counted_without_weights(architecture, tiny_config):
    config = tiny_config(architecture)
    for kind, auto in (("mlm", AutoModelForMaskedLM), ("ner", AutoModelForTokenClassification)):
        real = sum(parameter.numel() for parameter in auto.from_config(config, trust_remote_code=False).parameters())
        assert parameter_count(config, task_of(kind)) == real
    assert parameter_count(config, task_of("mrc")) > 1000


@pytest.mark.parametrize(("kind", "tied"), [("ner", False), ("mlm", True)])
def test_memory_is_that_of_what_a_stage_trains(kind, tied, tiny_config):
    encoder, task = tiny_config("bert"), task_of(kind)
    task.encoded = [Dataset.from_dict({"input_ids": [[4, 5], [5, 6, 7]]}), Dataset.from_dict({"input_ids": [[8]]})]
    whole = parameter_count(encoder, task)
    unused = (encoder.vocab_size - 5) * encoder.hidden_size
    assert trained_parameters(encoder, task) == (whole if tied else whole - unused)
    args = SimpleNamespace(per_device_train_batch_size=2, bf16=False, fp16=False, gradient_checkpointing=False)
    everything = activation_bytes(encoder, task, args)
    task.config = task.config.replace(freeze_layers=1)
    below = [weights for name, weights in BertModel(encoder).named_parameters() if name.startswith(FROZEN)]
    frozen = sum(weights.numel() for weights in below)
    assert len(below) > 16 and trained_parameters(encoder, task) == whole - frozen
    assert activation_bytes(encoder, task, args) < everything


@pytest.mark.parametrize(
    ("windows", "repeats", "options", "steps", "pieces"),
    [
        (10, 1, {}, 3, 80),
        (10, 1, {"num_train_epochs": 1.5}, 5, 120),
        (10, 2, {"gradient_accumulation_steps": 2}, 3, 160),
        (10, 1, {"world_size": 2}, 2, 80),
        (10, 1, {"max_steps": 6}, 6, 160),
    ],
)
def test_steps_are_counted_as_the_trainer_does(windows, repeats, options, steps, pieces):
    defaults = {
        "train_batch_size": 4, "gradient_accumulation_steps": 1, "num_train_epochs": 1, "world_size": 1,
        "max_steps": -1,
    }  # fmt: skip
    args = SimpleNamespace(**(defaults | options))
    assert steps_of(task_of("ner", windows, repeats), args) == (steps, pieces)


def test_the_warm_up_of_a_fresh_head_is_part_of_the_minutes(tmp_path):
    task = task_of("mlm")
    task.config = MlmConfig(per_device_train_batch_size=5, num_train_epochs=1, head_warmup_steps=6)
    task.validation = None
    task.seed, task.rows = 1, {"target": 10}
    stage = PlannedStage("tof", "mlm", "run", "never trained", False, task)

    def minutes(head_speed):
        speeds = {"mlm": Speed(60.0, head_speed)}
        return stage_facts([stage], folder=tmp_path, speeds=speeds).minutes

    assert minutes(0.0) == 80  # 10 windows of 8 pieces, a minute each
    assert minutes(30.0) == 80 + 6 * 40 / 2  # a step has 40 pieces


def test_timed_batches_are_the_longest_first_then_short_medium_and_long_ones():
    lengths = np.random.default_rng(1).integers(4, 100, 200)
    batches = lengths[representative(lengths, 10, grouped=True)].reshape(4, 10)
    assert sorted(batches[0]) == sorted(lengths)[-10:]
    means = batches.mean(1)
    assert means[1] < means[2] < means[3] < means[0]
    mixed = lengths[representative(lengths, 10, grouped=False)].reshape(4, 10)
    assert all(np.ptp(batch) > 20 for batch in mixed[1:])


def test_a_batch_that_is_larger_than_the_file_goes_through_it_again():
    assert sorted(representative([3, 4, 5], 6, grouped=True)[:6]) == [0, 0, 1, 1, 2, 2]


def test_timing_stops_when_it_took_long_enough_unless_others_would_wait():
    args = SimpleNamespace(device=SimpleNamespace(type="cpu"))
    for alone in (True, False):
        moments = iter([0.0, 4.0, 11.0])
        control = SimpleNamespace(should_training_stop=False)
        stopwatch = Stopwatch(alone=alone, clock=moments.__next__)
        stopwatch.on_train_begin(args, None, control)
        stopwatch.on_step_end(args, None, control)
        assert not control.should_training_stop
        stopwatch.on_step_end(args, None, control)
        assert control.should_training_stop is alone


def test_bytes_are_written_for_people():
    assert [size(n) for n in (12, 2048, 5 * 2**20, 3.25 * 2**30)] == ["12 bytes", "2 KiB", "5 MiB", "3.2 GiB"]
