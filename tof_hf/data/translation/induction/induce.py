"""A bilingual dictionary from word vectors of two languages that were trained separately, without parallel text.

The steps of word-by-word translation for cross-lingual NER (Xie et al., 2018; Wu et al., 2020): words with the same
spelling are the seed of a rotation of one space onto the other (`align`; Conneau et al., 2018, section 2.2), and every
word is translated by its best match there (`csls_best`).
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Unpack

import torch
from torch import Tensor
from torch.nn.functional import normalize

from tof_hf.data.translation.induction.csls import CslsOptions, csls_best
from tof_hf.data.translation.induction.vectors import SkippedLines, WordVectors, read_vectors
from tof_hf.errors import ConfigError, DataError

logger = logging.getLogger("tof_hf")

SeedPairs = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Round:
    """One Procrustes solution: the number of word pairs it is computed from, and the mean cosine of its matches."""

    pairs: int
    mean_cosine: float


@dataclass(frozen=True)
class Alignment:
    """`rotation` (width, width): `vectors @ rotation.T` moves source vectors (words, width) among the target's.

    It is the rotation of `rounds[best_round]`, which has the highest mean cosine; round 0 uses the seed pairs.
    """

    rotation: Tensor = field(repr=False)
    rounds: tuple[Round, ...]
    best_round: int


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
    seed_pairs: SeedPairs | None = None,
    **csls: Unpack[CslsOptions],
) -> InducedDictionary:
    """A translation for each of the first `max_words` words of the source file, from two files of word vectors.

    Args:
        source_path: vectors of the source language, as `read_vectors` reads them.
        target_path: vectors of the target language.
        max_words: the number of words of either side, the most frequent ones.
        refinements: rounds of Procrustes after that on the seed pairs, see `align`.
        seed_pairs: pairs (source word, target word); by default the words with the same spelling in both.
        csls: `neighbours`, `memory_mb` and `device` of `csls_best`.

    Returns:
        The pairs, for `BilingualDictionary(induced.pairs)`, and counts of what they are made from.

    Raises:
        DataError: a file cannot be used, or the two do not fit together.
        ConfigError: an option is out of range.

    Example:
        >>> induced = induce_dictionary("wiki.en.vec", "wiki.es.vec")
        >>> BilingualDictionary(induced.pairs).save("en-es.tsv")
    """
    source, target = (read_vectors(path, max_words=max_words) for path in (source_path, target_path))
    alignment = align(source, target, seed_pairs=seed_pairs, refinements=refinements, **csls)
    mapped, targets = normalize(source.vectors) @ alignment.rotation.T, normalize(target.vectors)
    best = csls_best(mapped, targets, **csls)
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


def procrustes(source: Tensor, target: Tensor) -> Tensor:
    """The orthogonal W (width, width) that brings `source @ W.T` nearest to `target`, both (pairs, width).

    W = U V^T for the singular value decomposition U S V^T of target^T source.
    """
    u, _, v = torch.linalg.svd((target.T @ source).double())
    return (u @ v).to(source.dtype)


def align(
    source: WordVectors,
    target: WordVectors,
    *,
    seed_pairs: SeedPairs | None = None,
    refinements: int = 3,
    max_rank: int = 10_000,
    **csls: Unpack[CslsOptions],
) -> Alignment:
    """The best rotation of the source vectors: Procrustes on seed pairs, then on the pairs it finds itself.

    The round whose matches (of the `max_rank` source words, mutual or not) have the highest mean cosine wins: the
    criterion by which Conneau et al. (2018) choose a model without a dictionary. Their program differs in two points.
    Here all vectors are scaled to length 1, so that Procrustes maximises the mean cosine of the pairs; and CSLS
    searches its neighbours among the `max_rank` words, not among all, which for 100,000 words is a hundred times the
    work.

    Args:
        source: vectors of the source language.
        target: vectors of the target language, of the same width.
        seed_pairs: pairs (source word, target word); by default the words with the same spelling in both.
        refinements: how often Procrustes is repeated on the mutual best matches by CSLS.
        max_rank: how many of the most frequent words of either side are matched.
        csls: `neighbours`, `memory_mb` and `device` of `csls_best`.

    Returns:
        The rotation and the rounds. Fewer pairs than the width leave it underdetermined, with a warning in the log.

    Raises:
        DataError: the widths differ, or fewer than 2 seed pairs have vectors.
        ConfigError: an option is out of range.
    """
    if refinements < 0:
        raise ConfigError(f"refinements={refinements}: use 0 or more.")
    if max_rank < 1:
        raise ConfigError(f"max_rank={max_rank}: use 1 or more.")
    if source.width != target.width:
        found = f"vectors of width {source.width}, but {target.path} has width {target.width}"
        raise DataError(found, fix="give two files of the same width", path=source.path)
    pairs = _seed_rows(source, target, seed_pairs)
    x, y = normalize(source.vectors), normalize(target.vectors)
    frequent = y[:max_rank]
    rounds: list[Round] = []
    rotations: list[Tensor] = []
    while len(rounds) <= refinements and len(pairs):
        rotation = procrustes(x[pairs[:, 0]], y[pairs[:, 1]])
        mapped = x[:max_rank] @ rotation.T
        best = csls_best(mapped, frequent, mutual=True, **csls)
        mean_cosine = (mapped * frequent[best.indices]).sum(1).mean().item()
        logger.info("Procrustes round %d: %d pairs, mean cosine %.4f", len(rounds), len(pairs), mean_cosine)
        rotations.append(rotation)
        rounds.append(Round(len(pairs), mean_cosine))
        pairs = torch.stack([torch.arange(len(mapped)), best.indices], dim=1)[best.mutual]
    best_round = max(range(len(rounds)), key=lambda number: rounds[number].mean_cosine)
    return Alignment(rotations[best_round], tuple(rounds), best_round)


def _seed_rows(source: WordVectors, target: WordVectors, seed_pairs: SeedPairs | None) -> Tensor:
    """The rows of the seed words (pairs, 2), by source frequency unless the pairs are given."""
    source_rows, target_rows = ({word: row for row, word in enumerate(side.words)} for side in (source, target))
    words: Iterable[tuple[str, str]] = zip(source.words, source.words, strict=True)
    if seed_pairs is not None:
        words = seed_pairs.items() if isinstance(seed_pairs, Mapping) else seed_pairs
    pairs = [
        (source_rows[first], target_rows[second])
        for first, second in ((first.lower(), second.lower()) for first, second in words)
        if first in source_rows and second in target_rows
    ]
    kind = "words spelt as in" if seed_pairs is None else "seed pairs with vectors here and in"
    if len(pairs) < 2:
        fix = "give seed_pairs, translations whose words are in the two files, or read more words of them"
        raise DataError(f"{len(pairs)} {kind} {target.path}, at least 2 are needed", fix=fix, path=source.path)
    if len(pairs) < source.width:
        message = "%s: only %d %s %s for vectors of width %d; expect a poor dictionary"
        logger.warning(message, source.path, len(pairs), kind, target.path, source.width)
    return torch.tensor(pairs)
