"""How much time the MLM stage saves by computing logits at masked positions only, compared with the stock Trainer.

python benchmarks/mlm_head.py ENCODER [--rounds 5] [--batch 16] [--pieces 64]

Both take the same training steps on the same random batches, in turn, so that the ratio holds on a busy machine.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time

import torch
from transformers import AutoModelForMaskedLM, Trainer

from tof_hf.config import MlmConfig
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.fit import token_loss
from tof_hf.stages.mlm import MlmTrainer


def main() -> None:
    """Print the median seconds of a step of each and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--pieces", type=int, default=64)
    options = parser.parse_args()
    model = AutoModelForMaskedLM.from_pretrained(options.encoder, trust_remote_code=False, dtype=torch.float32)
    with tempfile.TemporaryDirectory() as folder:
        args = training_arguments(MlmConfig(), folder, seed=0, selects=False)
        trainers = {
            "stock Trainer": Trainer(model=model, args=args, compute_loss_func=token_loss),
            "MlmTrainer": MlmTrainer(model=model, args=args, compute_loss_func=token_loss),
        }
        seconds: dict[str, list[float]] = {name: [] for name in trainers}
        for round in range(options.rounds + 1):
            torch.manual_seed(round)
            ids = torch.randint(10, model.config.vocab_size, (options.batch, options.pieces))
            labels = torch.where(torch.rand(ids.shape) < 0.15, ids, -100)
            for name, trainer in trainers.items():
                started = time.perf_counter()
                batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
                trainer.training_step(model, batch)
                model.zero_grad()
                if round:  # the first one warms up
                    seconds[name].append(time.perf_counter() - started)
    for name, values in seconds.items():
        print(f"{name}: {statistics.median(values):.3f} s a step")
    ratios = [a / b for a, b in zip(seconds["stock Trainer"], seconds["MlmTrainer"], strict=True)]
    print(f"stock / ours: {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
