"""A step of a NER stage: with and without fast dropout, narrow embeddings and frozen layers.

python benchmarks/steps.py [--shape small] [--batch 32] [--pieces 24] [--used 16000] [--steps 20] [--pairs 3]

Each side is a process of its own, in turn. Rows and weights are random; the time does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

TORCH_DROPOUT = "torch's dropout"
SIDES: dict[str, dict[str, Any]] = {
    TORCH_DROPOUT: {"narrow_vocabulary": False},
    "all pieces": {"narrow_vocabulary": False},
    "own pieces": {},
    "3 layers frozen": {"freeze_layers": 3},
}
SHAPES: dict[str, dict[str, Any]] = {  # of multilingual-e5-small with a cut vocabulary, and of XLM-R base
    "small": {"vocab_size": 50_000, "hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536},
    "base": {"vocab_size": 250_002},
}
WARM_UP = 3


def main() -> None:
    """Print the milliseconds of a step, those of all processors in it, and the peak memory of every side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    for name, default in {"batch": 32, "pieces": 24, "used": 16_000, "steps": 20, "pairs": 3, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        print(json.dumps(measure(options)))
        return
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(options.pairs):
        for side, results in found.items():
            words = [sys.executable, __file__, *sys.argv[1:], "--side", side]
            results.append(json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout))
    for side, results in found.items():
        parts = []
        for name in results[0]:
            values = sorted(one[name] for one in results)
            parts.append(f"{name} {statistics.median(values):.0f} ({values[0]:.0f}-{values[-1]:.0f})")
        print(f"{side}: {', '.join(parts)}")


def measure(options: argparse.Namespace) -> dict[str, float]:
    """A step of a side, by the Trainer of a stage; the first steps do not count."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForTokenClassification, BertConfig, Trainer, TrainerCallback

    from tof_hf.config import NerConfig
    from tof_hf.stages import fit
    from tof_hf.stages.arguments import training_arguments
    from tof_hf.utils.runtime import configure_runtime

    stamps: list[tuple[float, float]] = []

    class Meter(TrainerCallback):
        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            stamps.append((time.perf_counter(), time.process_time()))

    def batch(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        ids = torch.tensor([row["input_ids"] for row in rows])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids % 9}

    configure_runtime()
    torch.set_num_threads(options.threads)
    if options.side == TORCH_DROPOUT:
        fit.use_fast_dropout = lambda model: None
    steps = WARM_UP + options.steps
    ids = torch.randint(options.used, (steps * options.batch, options.pieces))
    rows = Dataset.from_dict({"input_ids": ids.numpy(), "length": [options.pieces] * len(ids)})
    config = NerConfig(
        **SIDES[options.side], max_steps=steps, per_device_train_batch_size=options.batch, weight_decay=0.01
    )
    stage: Any = SimpleNamespace(
        name="ner", config=config, train=rows, validation=None, encoded=[rows], trainer=Trainer, collator=batch,
        tokenizer=SimpleNamespace(all_special_ids=[0]), loss=fit.token_loss,
    )  # fmt: skip
    encoder = BertConfig(num_labels=9, **SHAPES[options.shape])
    model = AutoModelForTokenClassification.from_config(encoder, trust_remote_code=False)
    with tempfile.TemporaryDirectory() as folder:
        args = training_arguments(config, f"{folder}/stages/ner/trainer", seed=0, selects=False, trains=False)
        trainer = fit.stage_trainer(stage, model, args, rows)
        trainer.add_callback(Meter)
        trainer.train()
    (wall, cpu), (wall_end, cpu_end) = stamps[WARM_UP - 1], stamps[-1]
    return {
        "ms": (wall_end - wall) / options.steps * 1000,
        "processor ms": (cpu_end - cpu) / options.steps * 1000,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
