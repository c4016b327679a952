"""A bilingual dictionary from word vectors of two languages that were trained apart, without a parallel text.

The steps of word-by-word translation for cross-lingual NER (Xie et al., 2018; Wu et al., 2020): words spelt alike are
the seed of a rotation of one space onto the other (`align`), and every word is translated by its best match there
(`csls_best`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from os import PathLike

import torch
from torch.nn.functional import normalize

from tof_hf.data.translation.induction.csls import csls_best
from tof_hf.data.translation.induction.procrustes import Round, SeedPairs, align
from tof_hf.data.translation.induction.vectors import SkippedLines, WordVectors, read_vectors

logger = logging.getLogger("tof_hf")


@dataclass(frozen=True)
class InducedDictionary:
    """`pairs`: the translation of every source word, lower-cased, the most frequent word first; and how they came.

    `rounds` of Procrustes, of which `best_round` counts; `rounds[0].pairs` is the number of seed pairs.
    """

    pairs: dict[str, str] = field(repr=False)
    source_words: int
    target_words: int
    source_skipped: SkippedLines
    target_skipped: SkippedLines
    rounds: tuple[Round, ...]
    best_round: int


def induce_dictionary(
    source_path: str | PathLike[str],
    target_path: str | PathLike[str],
    *,
    max_words: int = 100_000,
    refinements: int = 3,
    neighbours: int = 10,
    memory_mb: int = 512,
    device: str | torch.device | None = None,
    seed_pairs: SeedPairs | None = None,
) -> InducedDictionary:
    """Return a translation for each of the first `max_words` words of the source file, from two files of vectors.

    `read_vectors`, `align` and `csls_best` say what the options mean and which errors they raise.
    """
    source, target = (_read(path, max_words) for path in (source_path, target_path))
    limits = {"neighbours": neighbours, "memory_mb": memory_mb, "device": device}
    alignment = align(source, target, seed_pairs=seed_pairs, refinements=refinements, **limits)
    mapped = normalize(source.vectors) @ alignment.rotation.T
    best = csls_best(mapped, normalize(target.vectors), **limits)
    logger.info("%d words translated, by the rotation of round %d", len(mapped), alignment.best_round)
    return InducedDictionary(
        pairs={word: target.words[row] for word, row in zip(source.words, best.indices.tolist(), strict=True)},
        source_words=len(source.words),
        target_words=len(target.words),
        source_skipped=source.skipped,
        target_skipped=target.skipped,
        rounds=alignment.rounds,
        best_round=alignment.best_round,
    )


def _read(path: str | PathLike[str], max_words: int) -> WordVectors:
    vectors = read_vectors(path, max_words=max_words)
    logger.info("%s: %d words, width %d, %s", path, len(vectors.words), vectors.width, vectors.skipped)
    return vectors
