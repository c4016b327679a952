"""A bilingual dictionary from word vectors of two languages that were trained separately, without parallel text.

The steps of word-by-word translation for cross-lingual NER (Xie et al., 2018; Wu et al., 2020): words with the same
spelling are the seed of a rotation of one space onto the other (`align`), and every word is translated by its best
match there (`csls_best`).
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
    """`pairs`: the translation of every source word, lower-cased, the most frequent word first.

    The rotation is that of `rounds[best_round]`; `rounds[0].pairs` is the number of seed pairs.
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
    """A translation for each of the first `max_words` words of the source file, from two files of word vectors.

    Args:
        source_path: vectors of the source language, as `read_vectors` reads them.
        target_path: vectors of the target language.
        max_words: the number of words of either side, the most frequent ones.
        refinements: rounds of Procrustes after that on the seed pairs, see `align`.
        neighbours: of CSLS, see `csls_best`.
        memory_mb: MiB for one product of matrices, see `csls_best`.
        device: by default the GPU if there is one.
        seed_pairs: pairs (source word, target word); by default the words with the same spelling in both.

    Returns:
        The pairs, for `BilingualDictionary(induced.pairs)`, and counts of what they are made from.

    Raises:
        DataError: a file cannot be used, or the two do not fit together.
        ConfigError: an option is out of range.

    Example:
        >>> induced = induce_dictionary("wiki.en.vec", "wiki.es.vec")
        >>> BilingualDictionary(induced.pairs).save("en-es.tsv")
    """
    source, target = (_read(path, max_words) for path in (source_path, target_path))
    alignment = align(
        source,
        target,
        seed_pairs=seed_pairs,
        refinements=refinements,
        neighbours=neighbours,
        memory_mb=memory_mb,
        device=device,
    )
    mapped, targets = normalize(source.vectors) @ alignment.rotation.T, normalize(target.vectors)
    best = csls_best(mapped, targets, neighbours=neighbours, memory_mb=memory_mb, device=device)
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
