"""A stage that was killed goes on from its last whole epoch and ends as if nothing had happened."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from safetensors.torch import load_file
from transformers import Trainer

from tof_hf.config import MlmConfig, MrcConfig, NerConfig
from tof_hf.config.stage_name import StageName
from tof_hf.data.mixing import cap
from tof_hf.data.mrc_conversion import ner_to_mrc
from tof_hf.inference.words import WordCollator
from tof_hf.modeling.collators import SpanCollator
from tof_hf.stages.averaging import AveragingTrainer
from tof_hf.stages.fingerprint import fingerprint, fingerprint_inputs
from tof_hf.stages.fit import fit
from tof_hf.stages.machine import peak_memory_mb
from tof_hf.stages.mlm import MaskingCollator, mlm_stage
from tof_hf.stages.mrc import mrc_stage
from tof_hf.stages.ner import ner_stage
from tof_hf.stages.reuse import newest_whole_checkpoint, write_manifest
from tof_hf.stages.stage import Checkpoint, StageSetup

pytestmark = pytest.mark.slow

NAMES = ["O", "B-LOC", "I-LOC"]
COLLATORS = {"ner": WordCollator, "mrc": SpanCollator, "mlm": MaskingCollator, "mlm with a fresh head": MaskingCollator}


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def rows():
    words = ["Maria", "visited", "Madrid", "and", "New", "York", "."]
    made = [[words[(i * 3 + k) % 7] for k in range(3 + i % 5)] for i in range(24)]
    tags = [[{"Madrid": 1, "New": 1, "York": 2}.get(word, 0) for word in sentence] for sentence in made]
    return Dataset.from_dict(
        {"id": [str(i) for i in range(24)], "tokens": made, "ner_tags": tags},
        features=Features(
            {"id": Value("string"), "tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=NAMES))}
        ),
    )


@pytest.fixture
def train(rows, checkpoint, tokenizers):
    def run(kind, folder, *, epochs=3, seed=5, **more):
        start = Checkpoint("", checkpoint("bert", "encoder" if "fresh" in kind else "mlm"), "key")
        training = {
            "num_train_epochs": epochs, "per_device_train_batch_size": 6, "learning_rate": 1e-2, "bf16": False,
            "disable_tqdm": True,
        } | more  # fmt: skip

        def setup(name, config):
            return StageSetup(StageName(name), start, config, tokenizers["wordpiece"], seed)

        if kind == "ner":
            stage = ner_stage(
                setup("ner", NerConfig(**training)), sentences={"source": rows}, validation={"source": rows},
                label_names=NAMES, keep_head=False,
            )  # fmt: skip
            return fit(stage, folder)
        if kind == "mrc":
            questions = ner_to_mrc(rows)
            stage = mrc_stage(
                setup("mrc", MrcConfig(**training, max_length=64, stride=8)),
                questions={"ner_mrc": questions}, validation={"ner_mrc": questions},
            )  # fmt: skip
            return fit(stage, folder)
        config = MlmConfig(**training, maskings=2, head_warmup_steps=3)
        raw = rows.remove_columns("ner_tags")
        return fit(mlm_stage(setup("mlm", config), base=start.path, target=raw, source=raw), folder)

    return run


def kill_after(monkeypatch, collator, batches):
    """The process ends at this batch."""
    call, seen = collator.__call__, []

    def counted(self, batch):
        seen.append(batch)
        if len(seen) > batches:
            raise Killed
        return call(self, batch)

    monkeypatch.setattr(collator, "__call__", counted)


def weights(checkpoint):
    return load_file(f"{checkpoint.path}/model.safetensors")


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def begun(folder):
    return sorted(folder.glob("*/trainer/checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))


@pytest.mark.parametrize("kind", list(COLLATORS))
def test_a_stage_killed_within_an_epoch_ends_with_the_same_weights(train, kind, tmp_path, monkeypatch):
    whole = train(kind, tmp_path / "whole")
    per_epoch = json.loads((whole.folder / "stage.json").read_text())["steps"] // 3
    with monkeypatch.context() as patch:
        # Evaluation batches come through the same collator; either way the second epoch is not finished.
        kill_after(
            patch, COLLATORS[kind], 2 * per_epoch - 1 + (3 if "fresh" in kind else 0) + (1 if kind != "mlm" else 0)
        )
        with pytest.raises(Killed):
            train(kind, tmp_path / "killed")
    assert len(begun(tmp_path / "killed")) == 1
    assert not list((tmp_path / "killed").glob("*/stage.json"))
    steps = []
    step = Trainer.training_step
    monkeypatch.setattr(Trainer, "training_step", lambda self, *a, **k: steps.append(1) or step(self, *a, **k))
    again = train(kind, tmp_path / "killed")
    assert len(steps) == 2 * per_epoch
    assert_same_weights(weights(whole), weights(again))
    assert not begun(tmp_path / "killed")


def test_averaged_weights_are_kept_and_training_goes_on_with_its_own(train, tmp_path, monkeypatch):
    seen, update = [], AveragingTrainer._update

    def noted(self):
        seen.append([weights.detach().clone() for weights in self._weights])
        update(self)

    monkeypatch.setattr(AveragingTrainer, "_update", noted)
    options = {"average_weights": "ema", "narrow_vocabulary": False}
    one = weights(train("ner", tmp_path / "one", epochs=1, **options))
    mean = [sum(step) / len(seen) for step in zip(*seen, strict=True)]  # of so few steps it is the mean
    kept = sorted((value.flatten() for value in one.values()), key=lambda value: value.tolist()[:3])
    wanted = sorted((value.flatten() for value in mean), key=lambda value: value.tolist()[:3])
    assert len(kept) == len(wanted) and all(
        torch.allclose(value, other, atol=1e-5) for value, other in zip(kept, wanted, strict=True)
    )
    whole = train("ner", tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        kill_after(patch, WordCollator, 9)
        with pytest.raises(Killed):
            train("ner", tmp_path / "killed", **options)
    assert begun(tmp_path / "killed")
    assert_same_weights(weights(whole), weights(train("ner", tmp_path / "killed", **options)))


def test_a_stage_killed_before_a_checkpoint_is_whole_still_has_the_one_before(train, tmp_path, monkeypatch):
    write, written = write_manifest, []

    def kill_in_the_second(checkpoint):
        written.append(checkpoint)
        if len(written) == 2:
            raise Killed
        write(checkpoint)

    monkeypatch.setattr("tof_hf.stages.machine.write_manifest", kill_in_the_second)
    with pytest.raises(Killed):
        train("ner", tmp_path)
    assert newest_whole_checkpoint(written[0].parent) == written[0]


def test_the_time_before_a_stop_counts(train, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        kill_after(patch, WordCollator, 7)
        with pytest.raises(Killed):
            train("ner", tmp_path)
    (file,) = tmp_path.glob("**/begun.json")
    noted = json.loads(file.read_text())
    assert noted["seconds"] > 0 and noted["peak_memory_mb"] > 0
    file.write_text(json.dumps(noted | {"seconds": 1e6, "peak_memory_mb": 10**6}))
    record = json.loads((train("ner", tmp_path).folder / "stage.json").read_text())
    assert record["seconds"] > 1e6 and record["peak_memory_mb"] == 10**6


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system counts no peaks of its own")
def test_the_peak_of_memory_is_the_stage_s_own(train, tmp_path):
    before = bytearray(2**29)  # 512 MiB that another stage held
    before[:: 2**12] = b"x" * len(before[:: 2**12])
    earlier = peak_memory_mb(own=False)
    del before
    record = json.loads((train("ner", tmp_path, epochs=1).folder / "stage.json").read_text())
    assert (record["peak_memory_of"], record["peak_gpu_memory_mb"]) == ("stage", None)
    assert 0 < record["peak_memory_mb"] < earlier - 256


def test_the_peak_memory_of_the_process_is_recorded_where_a_stage_has_none(train, tmp_path, monkeypatch):
    monkeypatch.setattr("tof_hf.stages.machine._RESET", tmp_path / "no" / "such" / "file")
    record = json.loads((train("ner", tmp_path / "run", epochs=1).folder / "stage.json").read_text())
    assert record["peak_memory_of"] == "process"
    assert 0 <= peak_memory_mb(own=False) - record["peak_memory_mb"] < 16  # the model is saved after the count


def test_a_checkpoint_that_was_half_written_is_skipped(train, tmp_path, monkeypatch):
    whole = train("ner", tmp_path / "whole")
    with monkeypatch.context() as patch:
        kill_after(patch, WordCollator, 7)
        with pytest.raises(Killed):
            train("ner", tmp_path / "killed")
    (last,) = begun(tmp_path / "killed")
    torn = last.with_name("checkpoint-999")
    torn.mkdir()
    shutil.copy(last / "model.safetensors", torn)
    assert_same_weights(weights(whole), weights(train("ner", tmp_path / "killed")))


def test_what_was_begun_with_other_options_is_not_gone_on_with(train, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        kill_after(patch, WordCollator, 7)
        with pytest.raises(Killed):
            train("ner", tmp_path / "run", seed=4)
    assert begun(tmp_path / "run")
    assert_same_weights(weights(train("ner", tmp_path / "run")), weights(train("ner", tmp_path / "whole")))


def test_a_finished_stage_is_reused_until_its_options_seed_or_start_change(train, tmp_path, monkeypatch):
    trained = []
    run = Trainer.train
    monkeypatch.setattr(Trainer, "train", lambda self, *a, **k: trained.append(1) or run(self, *a, **k))
    first = train("ner", tmp_path, epochs=1)
    assert train("ner", tmp_path, epochs=1) == first and len(trained) == 1
    assert train("ner", tmp_path, epochs=1, seed=6).key != first.key and len(trained) == 2
    assert train("ner", tmp_path, epochs=2, seed=6).key != first.key and len(trained) == 3


@pytest.mark.parametrize("kind", ["ner", "mrc"])
def test_options_that_are_no_part_of_the_key_change_no_weight(train, kind, tmp_path):
    shown = {
        "logging_strategy": "steps", "logging_steps": 2, "report_to": "none", "disable_tqdm": False, "run_name": "x",
        "save_total_limit": 2, "per_device_eval_batch_size": 5, "dataloader_num_workers": 1, "log_level": "error",
        "dataloader_prefetch_factor": 3, "eval_accumulation_steps": 1,
    }  # fmt: skip
    quiet, reported = train(kind, tmp_path / "quiet", epochs=2), train(kind, tmp_path / "reported", epochs=2, **shown)
    assert quiet.key == reported.key
    assert_same_weights(weights(quiet), weights(reported))


def test_masks_drawn_by_other_workers_are_another_stage(train, tmp_path):
    one, other = (train("mlm", tmp_path / str(n), epochs=1, dataloader_num_workers=n) for n in (0, 1))
    assert one.key != other.key
    before, after = weights(one), weights(other)
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    "option",
    [
        {"mlm_probability": 0.2}, {"maskings": 3}, {"max_length": 100}, {"stride": 1}, {"head_warmup_steps": 4},
        {"learning_rate": 1e-3}, {"max_steps": 3}, {"max_grad_norm": 2.0}, {"save_strategy": "steps"},
    ],
)  # fmt: skip
def test_options_that_decide_are_part_of_the_key(rows, checkpoint, tokenizers, option):
    raw, start = rows.remove_columns("ner_tags"), Checkpoint("", checkpoint("bert"), "key")

    def key(config):
        setup = StageSetup(StageName("mlm"), start, config, tokenizers["wordpiece"], 5)
        return fingerprint(fingerprint_inputs(mlm_stage(setup, base=start.path, target=raw, source=raw)))

    assert key(MlmConfig(**option)) != key(MlmConfig())


@pytest.mark.parametrize(
    ("option", "same"),
    [({"max_source": 30}, True), ({"max_source": 9}, False), ({"use_pseudo": True}, True), ({"source_ratio": 2}, True)],
)
def test_options_that_choose_rows_count_by_the_rows_they_choose(rows, checkpoint, tokenizers, option, same):
    start, make = Checkpoint("", checkpoint("bert"), "key"), MlmConfig if "source_ratio" in option else NerConfig

    def key(config):
        setup = StageSetup(StageName("any"), start, config, tokenizers["wordpiece"], 5)
        if make is MlmConfig:
            raw = rows.remove_columns("ner_tags")
            return fingerprint(fingerprint_inputs(mlm_stage(setup, base=start.path, target=raw, source=raw)))
        stage = ner_stage(
            setup, sentences={"source": cap(rows, config.max_source, seed=5)}, validation={"source": rows},
            label_names=NAMES, keep_head=False,
        )  # fmt: skip
        return fingerprint(fingerprint_inputs(stage))

    assert (key(make(**option)) == key(make())) is same


@pytest.mark.parametrize("kind", ["ner", "mrc"])
def test_a_stage_shorter_than_its_evaluation_interval_is_evaluated_once(train, kind, tmp_path):
    rarely = {"eval_strategy": "steps", "eval_steps": 1000, "save_strategy": "steps", "save_steps": 1000}
    record = json.loads((train(kind, tmp_path, epochs=1, **rarely).folder / "stage.json").read_text())
    assert [entry["eval_f1"] for entry in record["log"] if "eval_f1" in entry] == [record["best_validation_f1"]]
