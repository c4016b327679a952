"""Sentences a second of `load_tagger` and of the stock pipeline, on the same file, model and threads, in one run.

python benchmarks/tagger.py MODEL FILE [--limit 1517] [--threads N] [--batch-sizes 1 8 32]

FILE is any file of sentences (CoNLL columns, text, JSON lines). The pipeline gets each as a text and is timed with
every batch size; its best one counts. Each takes its turn three times, the fastest turn counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from transformers import pipeline

from tof_hf import load_tagger
from tof_hf.data import read_text

TURNS = 3


def fastest(run: Callable[[], object]) -> float:
    """Seconds of the fastest of some turns."""
    seconds = []
    for _ in range(TURNS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main() -> None:
    """Print sentences a second of both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("file")
    parser.add_argument("--limit", type=int, default=1517)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32])
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    rows = read_text(options.file)
    texts = [" ".join(tokens) for tokens in rows["tokens"][: options.limit]]
    print(f"{len(texts)} sentences, {torch.get_num_threads()} threads, torch {torch.__version__}")
    tagger = load_tagger(options.model, device="cpu")
    settings = {"aggregation_strategy": "first", "stride": 16, "device": "cpu"}
    stock = pipeline("token-classification", model=options.model, trust_remote_code=False, **settings)
    ours = len(texts) / fastest(lambda: tagger(texts))
    print(f"load_tagger: {ours:.1f} sentences a second")
    best = 0.0
    for size in options.batch_sizes:
        rate = len(texts) / fastest(lambda size=size: stock(texts, batch_size=size))
        best = max(best, rate)
        print(f"pipeline, batch size {size}: {rate:.1f} sentences a second")
    print(f"{ours / best:.2f} times the pipeline's best")


if __name__ == "__main__":
    main()
