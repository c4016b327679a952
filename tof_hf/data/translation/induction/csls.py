"""The best match of every word by CSLS, in blocks of bounded memory (Conneau et al., 2018, section 2.3)."""

from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor
from tqdm.auto import tqdm

from tof_hf.errors import ConfigError, DataError

_MEBIBYTE = 2**20


class CslsOptions(TypedDict, total=False):
    """Options of `csls_best` that callers pass on."""

    neighbours: int
    memory_mb: int
    device: str | torch.device | None


@dataclass(frozen=True)
class BestMatches:
    """For every source row: `indices` (rows,) of the best target rows, and their CSLS `scores` (rows,).

    `mutual` (rows,): whether the source row is also the best one for that target row; None if not requested.
    """

    indices: Tensor
    scores: Tensor
    mutual: Tensor | None = None


@torch.no_grad()
def csls_best(
    source: Tensor,
    target: Tensor,
    *,
    neighbours: int = 10,
    memory_mb: int = 512,
    device: str | torch.device | None = None,
    mutual: bool = False,
) -> BestMatches:
    """The target row with the highest CSLS for every source row, on the CPU.

    CSLS(x, y) = 2 cos(x, y) - r_T(x) - r_S(y), where r_T(x) is the mean cosine of x and its `neighbours` nearest
    target rows (all of them if there are fewer), and r_S(y) likewise. A hub, a row that is near to everything,
    loses to a row that is near to x alone. All cosines are computed twice, in blocks of source rows.

    Args:
        source: (rows, width), rows of length 1.
        target: (others, width), rows of length 1.
        neighbours: how many nearest rows make r_T and r_S.
        memory_mb: the most MiB to allocate, not counting the result and copies of the input on another device.
        device: by default the GPU if there is one.
        mutual: also find out which matches are mutual.

    Raises:
        DataError: no rows, or rows of another length or width.
        ConfigError: an option is out of range.
    """
    device = _usable(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    source, target = source.to(device), target.to(device, source.dtype)
    _check(source, target, neighbours)
    blocks = _blocks(source, target, neighbours, memory_mb)

    near_source, near_target = _mean_of_nearest(source, target, blocks, neighbours)
    indices = torch.empty(len(source), dtype=torch.long, device=device)
    scores = torch.empty_like(near_source)
    back_scores = torch.full_like(near_target, -torch.inf)
    back = torch.zeros(len(target), dtype=torch.long, device=device)
    for start, stop in _progress(blocks, "best matches"):
        block = torch.addmm(near_target, source[start:stop], target.T, beta=-1, alpha=2)
        block -= near_source[start:stop, None]
        torch.max(block, dim=1, out=(scores[start:stop], indices[start:stop]))
        if mutual:
            highest, row = block.max(dim=0)
            better = highest > back_scores
            back_scores = torch.where(better, highest, back_scores)
            back = torch.where(better, row + start, back)
    both = (back[indices] == torch.arange(len(source), device=device)).cpu() if mutual else None
    return BestMatches(indices.cpu(), scores.cpu(), both)


def _mean_of_nearest(
    source: Tensor, target: Tensor, blocks: list[tuple[int, int]], neighbours: int
) -> tuple[Tensor, Tensor]:
    """r_T of the source rows (rows,) and r_S of the target rows (others,)."""
    near_source = source.new_empty(len(source))
    nearest = source.new_empty(len(target), 0)
    for start, stop in _progress(blocks, "nearest neighbours"):
        block = source[start:stop] @ target.T
        near_source[start:stop] = _highest(block, neighbours).mean(1)
        nearest = _highest(torch.cat([nearest, _highest(block.T, neighbours)], dim=1), neighbours)
    return near_source, nearest.mean(1)


def _highest(values: Tensor, count: int) -> Tensor:
    return values.topk(min(count, values.shape[1]), dim=1, sorted=False).values


def _blocks(source: Tensor, target: Tensor, neighbours: int, memory_mb: int) -> list[tuple[int, int]]:
    """First row and end of every block. Up to three copies of a block are in memory: one transposed, one in topk."""
    size = source.element_size()
    # Per target row: the nearest of all blocks twice, those of this block, and indices (8 bytes) of either topk.
    fixed = len(target) * neighbours * (4 * size + 2 * 8)
    row = 3 * len(target) * size + neighbours * (size + 8)
    rows = (int(memory_mb * _MEBIBYTE) - fixed) // row
    if rows < 1:
        needed = (fixed + row) // _MEBIBYTE + 1
        raise ConfigError(f"memory_mb={memory_mb}: {len(target)} target rows need {needed} or more.")
    return [(start, min(start + rows, len(source))) for start in range(0, len(source), rows)]


def _progress(blocks: list[tuple[int, int]], description: str) -> tqdm:
    return tqdm(blocks, desc=description, unit=" blocks", leave=False, disable=None)


def _usable(device: str | torch.device) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch is built without this kind of device
        raise ConfigError(f"device={str(device)!r} cannot be used: {str(error).splitlines()[0]}") from error


def _check(source: Tensor, target: Tensor, neighbours: int) -> None:
    if neighbours < 1:
        raise ConfigError(f"neighbours={neighbours}: use 1 or more.")
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]:
        found = f"source vectors of shape {tuple(source.shape)} and target vectors of shape {tuple(target.shape)}"
        raise DataError(found, fix="give two tables (words, width) of the same width")
    for name, rows in (("source", source), ("target", target)):
        if not len(rows):
            raise DataError(f"no {name} vectors", fix="give at least one")
        # Written so that NaN fails too.
        if not ((torch.linalg.vector_norm(rows, dim=1) - 1).abs() < 1e-2).all():
            fix = "divide each by its length, as torch.nn.functional.normalize does, and leave out zero vectors"
            raise DataError(f"{name} vectors whose length is not 1", fix=fix)
