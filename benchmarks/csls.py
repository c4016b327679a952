"""Time and peak memory of `csls_best` and of two simple ways to do the same, on random vectors.

python benchmarks/csls.py [--words 100000] [--plain-words 10000] [--width 300] [--memory-mb 512] [--threads N]

Plain is the formula of CSLS taken literally, all cosines in memory at once (4 words^2 bytes, several times), hence
fewer words. With faiss installed, its exact index looks up the neighbours of both sides, and the best match is looked
for in blocks. Each runs in a process of its own, on the CPU; its memory is what it takes beyond the vectors.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from tof_hf.data.translation.induction import csls_best

NEIGHBOURS = 10


@dataclass(frozen=True)
class Measured:
    """Seconds, mebibytes beyond the vectors, and the match of every source row."""

    seconds: float
    memory: float
    indices: Tensor


def bounded(source: Tensor, target: Tensor, memory_mb: int) -> Tensor:
    """The library's matches."""
    return csls_best(source, target, neighbours=NEIGHBOURS, memory_mb=memory_mb, device="cpu").indices


def plain(source: Tensor, target: Tensor, memory_mb: int) -> Tensor:
    """The formula, all cosines at once."""
    cosines = source @ target.T
    near_source = cosines.topk(NEIGHBOURS, dim=1).values.mean(1, keepdim=True)
    near_target = cosines.topk(NEIGHBOURS, dim=0).values.mean(0, keepdim=True)
    return (2 * cosines - near_source - near_target).argmax(1)


def with_faiss(source: Tensor, target: Tensor, memory_mb: int) -> Tensor:
    """Neighbours by faiss, best matches in blocks of 1000 rows."""
    import faiss

    faiss.omp_set_num_threads(torch.get_num_threads())

    def mean_of_nearest(rows: Tensor, others: Tensor) -> Tensor:
        index = faiss.IndexFlatIP(others.shape[1])
        index.add(others.numpy())
        return torch.from_numpy(index.search(rows.numpy(), NEIGHBOURS)[0]).mean(1)

    near_source, near_target = mean_of_nearest(source, target), mean_of_nearest(target, source)
    blocks = zip(source.split(1000), near_source.split(1000), strict=True)
    return torch.cat([(2 * rows @ target.T - near[:, None] - near_target).argmax(1) for rows, near in blocks])


def measure(method: Callable[..., Tensor], words: int, width: int, memory_mb: int, threads: int) -> Measured:
    """One run; the first, small one warms up."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    source, target = (normalize(torch.randn(words, width)) for _ in range(2))
    method(source[:100], target[:100], 64)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    indices = method(source, target, memory_mb)
    seconds = time.perf_counter() - started
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024)
    return Measured(seconds, memory / 2**20, indices)


def main() -> None:
    """Print a line for every method and number of words, with its cost relative to the library's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=100_000)
    parser.add_argument("--plain-words", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=300)
    parser.add_argument("--memory-mb", type=int, default=512)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    plans = [(options.plain_words, [bounded, plain]), (options.words, [bounded])]
    if importlib.util.find_spec("faiss"):
        plans[1][1].append(with_faiss)
    print(f"width {options.width}, memory_mb {options.memory_mb}, {options.threads} threads, torch {torch.__version__}")
    context = multiprocessing.get_context("spawn")
    for words, methods in plans:
        ours = None
        for method in methods:
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                arguments = (words, options.width, options.memory_mb, options.threads)
                done = pool.submit(measure, method, *arguments).result()
            line = f"{words} words, {method.__name__}: {done.seconds:.1f} s, {done.memory:.0f} MiB"
            if ours is None:
                ours = done
            else:
                same = (done.indices == ours.indices).float().mean().item()
                line += f"; {done.seconds / ours.seconds:.2f} times our time, {done.memory / ours.memory:.2f} times"
                line += f" our memory, {same:.2%} same matches"
            print(line, flush=True)


if __name__ == "__main__":
    main()
