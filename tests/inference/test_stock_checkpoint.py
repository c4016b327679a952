"""The tagger of a run is plain transformers, for every family of tokenizers: it works where tof_hf is not installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
import regex
from nightly import nightly
from transformers import AutoTokenizer

from tof_hf import load_tagger, run_tof

pytestmark = pytest.mark.slow

CHECKPOINTS = {"bert": "wordpiece", "xlm-roberta": "unigram", "roberta": "bytelevel"}
SOURCE = (
    "Maria B-PER\nvisited O\nMadrid B-LOC\n. O\n\nJuan B-PER\nCarlos I-PER\nwon O\nin O\nNew B-LOC\nYork I-LOC\n. O\n\n"
)
WORDS = "Maria visited New York . Juan Carlos won in Madrid .".split()

WITHOUT_TOF_HF = """
import json, sys

class Absent:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] == "tof_hf":
            raise ImportError("tof_hf is not installed")

sys.meta_path.insert(0, Absent())
from transformers import pipeline

model, words = sys.argv[1], sys.argv[2].split()
settings = {"aggregation_strategy": "first", "stride": 16, "device": "cpu"}
tag = pipeline("token-classification", model=model, trust_remote_code=False, **settings)
by_text = tag(" ".join(words))  # first: is_split_into_words sticks to a pipeline
found = [tag(words, is_split_into_words=True)[0], by_text]
assert "tof_hf" not in sys.modules
print(json.dumps([[[e["start"], e["end"], e["entity_group"]] for e in entities] for entities in found]))
"""


@pytest.fixture(scope="module", params=["xlm-roberta", "roberta", *nightly("bert")])
def final(request, checkpoint, tokenizers, tmp_path_factory):
    """final/ of a run with an encoder of this architecture, trained until it knows its few sentences."""
    folder = tmp_path_factory.mktemp(request.param)
    encoder = folder / "encoder"
    shutil.copytree(checkpoint(request.param, "encoder", vocab_size=600), encoder)
    tokenizers[CHECKPOINTS[request.param]].save_pretrained(encoder)
    for name, times in (("train", 40), ("validation", 2)):
        (folder / f"{name}.conll").write_text(SOURCE * times, encoding="utf-8")
    (folder / "text.txt").write_text("Juan visited Madrid .\n", encoding="utf-8")
    result = run_tof(
        {
            "model": str(encoder),
            "output_dir": str(folder / "run"),
            "systems": ["source_only"],
            "source": {"train": str(folder / "train.conll"), "validation": str(folder / "validation.conll")},
            "target": {"text": str(folder / "text.txt")},
            "ner": {"num_train_epochs": 6, "learning_rate": 2e-2, "per_device_train_batch_size": 8, "bf16": False},
        }
    )
    return request.param, result.final


def test_the_stock_pipeline_finds_the_same_entities_to_the_end_of_a_long_text(final, monkeypatch):
    architecture, folder = final
    monkeypatch.setattr("tof_hf.inference.tagger.has_bf16", lambda: False)
    words = WORDS * 40  # more than three windows
    expected = [[e.start, e.end, e.label] for e in load_tagger(str(folder), device="cpu")([words])[0]]
    text = " ".join(words)
    assert {"Maria", "Juan Carlos", "Madrid"} <= {text[start:end] for start, end, _ in expected}
    command = [sys.executable, "-c", WITHOUT_TOF_HF, str(folder), text]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    by_words, by_text = json.loads(done.stdout)
    assert by_words == expected
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))["tof_hf"]
    assert stored["word_rule"] == "unicode" and regex.findall(stored["word_pattern"], "U.S., so") == ["U.S.", ",", "so"]
    assert len(by_text) == len(expected) and max(end for _, end, _ in by_text) > 0.9 * len(text)


def test_the_folder_holds_stock_files_alone(final):
    architecture, folder = final
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"][0].endswith("ForTokenClassification") and "auto_map" not in config
    assert config["id2label"]["0"] == "O" and set(config["label2id"]) == {"O", "B-LOC", "I-LOC", "B-PER", "I-PER"}
    assert AutoTokenizer.from_pretrained(folder, trust_remote_code=False).model_max_length == 128
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
