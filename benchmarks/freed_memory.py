"""A training step on a processor, with the C library's default handling of freed memory and with that of our commands.

python benchmarks/freed_memory.py [--model FOLDER] [--steps 20] [--pairs 3] [--threads 1]

Each side is a process of its own, in turn. Without --model: a BERT of the size of MiniLM (12 layers of width 384,
50,000 pieces), untrained; the time does not depend on the weights.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys


def main() -> None:
    """Print the processor's time for a step (user and system, all threads) and the peak memory of both sides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="an encoder's folder")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", choices=["library", "command"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        print(json.dumps(measure(options)))
        return
    found: dict[str, list[dict[str, float]]] = {"library": [], "command": []}
    for _ in range(options.pairs):
        for side, results in found.items():
            words = [sys.executable, __file__, *sys.argv[1:], "--side", side]
            results.append(json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout))
    for side, results in found.items():
        parts = [f"{name} {statistics.median(one[name] for one in results):.0f}" for name in results[0]]
        print(f"{side}: {', '.join(parts)}")
    plain, kept = (statistics.median(one["user_ms"] + one["system_ms"] for one in side) for side in found.values())
    print(f"command / library: {kept / plain:.2f} of the processor's time")


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Milliseconds a step, after two that do not count, and the most memory held, in MB."""
    import torch
    from transformers import AutoModelForTokenClassification, BertConfig

    from tof_hf.utils.devices import has_bf16
    from tof_hf.utils.runtime import configure_runtime

    if options.side == "command":
        configure_runtime()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    auto = AutoModelForTokenClassification
    if options.model:
        model = auto.from_pretrained(options.model, trust_remote_code=False, num_labels=9, dtype=torch.float32)
    else:
        size = {"hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536, "num_hidden_layers": 12}
        model = auto.from_config(BertConfig(vocab_size=50_000, num_labels=9, **size), trust_remote_code=False)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)

    def step(length: int) -> None:
        ids = torch.randint(5, model.config.vocab_size, (8, length))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=has_bf16()):
            loss = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids % 9).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    for length in (64, 8):
        step(length)
    before = resource.getrusage(resource.RUSAGE_SELF)
    for number in range(options.steps):
        step(8 + number * 7 % 56)  # batches differ in length, as real ones do
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "user_ms": (after.ru_utime - before.ru_utime) / options.steps * 1000,
        "system_ms": (after.ru_stime - before.ru_stime) / options.steps * 1000,
        "peak_mb": after.ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
