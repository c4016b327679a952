from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize
from torch.utils._python_dispatch import TorchDispatchMode

from tof_hf.data.translation.induction import csls_best
from tof_hf.errors import ConfigError, DataError


def random_rows(count, width=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(count, width, generator=generator, dtype=torch.float64))


def literal_csls(source, target, neighbours):
    """CSLS of every pair (rows, others), written down word for word, one number after the other."""

    def cosine(x, y):
        return sum(a * b for a, b in zip(x, y, strict=True))

    def mean_of_nearest(x, others):
        nearest = sorted((cosine(x, y) for y in others), reverse=True)[:neighbours]
        return sum(nearest) / len(nearest)

    source, target = source.tolist(), target.tolist()
    near_source = [mean_of_nearest(x, target) for x in source]
    near_target = [mean_of_nearest(y, source) for y in target]
    return torch.tensor(
        [
            [2 * cosine(x, y) - r_t - r_s for y, r_s in zip(target, near_target, strict=True)]
            for x, r_t in zip(source, near_source, strict=True)
        ],
        dtype=torch.float64,
    )


@given(
    rows=st.integers(1, 20), others=st.integers(1, 20), neighbours=st.integers(1, 12), block=st.integers(1, 21),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_the_result_is_that_of_a_literal_csls_whatever_the_block_size(rows, others, neighbours, block, seed):
    source, target = random_rows(rows, seed=seed), random_rows(others, seed=seed + 100)
    expected = literal_csls(source, target, neighbours)
    with pytest.MonkeyPatch.context() as patch:
        blocks = [(start, min(start + block, rows)) for start in range(0, rows, block)]
        patch.setattr("tof_hf.data.translation.induction.csls._blocks", lambda *_: blocks)
        best = csls_best(source, target, neighbours=neighbours, device="cpu", mutual=True)
    torch.testing.assert_close(best.scores, expected.max(1).values)
    assert torch.equal(best.indices, expected.argmax(1))
    assert torch.equal(best.mutual, expected.argmax(0)[best.indices] == torch.arange(rows))


class LargestTensor(TorchDispatchMode):
    """Notes the bytes of the largest tensor that any operation returns."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(tensor, torch.Tensor):
                self.bytes = max(self.bytes, tensor.untyped_storage().nbytes())
        return result


def test_the_memory_bound_holds_and_changes_nothing():
    source, target = random_rows(1500, seed=1).float(), random_rows(1000, seed=2).float()
    results = {}
    for memory in (1, 2, 512):
        with LargestTensor() as largest:
            results[memory] = csls_best(source, target, memory_mb=memory, device="cpu", mutual=True)
        assert largest.bytes < memory * 2**20
    for memory in (1, 2):
        assert torch.equal(results[memory].indices, results[512].indices)
        assert torch.equal(results[memory].mutual, results[512].mutual)
        torch.testing.assert_close(results[memory].scores, results[512].scores)


def test_a_hub_loses_to_the_row_that_is_near_to_one_source_row_alone():
    angles = torch.tensor([0.0, 40.0, 80.0]).deg2rad()
    source = torch.stack([angles.cos(), angles.sin()], dim=1)
    hub, own = torch.tensor(20.0).deg2rad(), torch.tensor(-21.0).deg2rad()
    target = torch.stack([torch.stack([hub.cos(), hub.sin()]), torch.stack([own.cos(), own.sin()])])
    assert (source @ target.T)[0].argmax() == 0
    assert csls_best(source, target, neighbours=2, device="cpu").indices[0] == 1


def test_mutual_is_none_unless_asked_for():
    assert csls_best(random_rows(3), random_rows(3), device="cpu").mutual is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gpu_finds_the_same_matches():
    source, target = random_rows(300, seed=1), random_rows(200, seed=2)
    expected, found = (csls_best(source, target, device=device, mutual=True) for device in ("cpu", None))
    assert torch.equal(found.indices, expected.indices)
    assert torch.equal(found.mutual, expected.mutual)


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        (random_rows(3), random_rows(3, width=4), r"shape \(3, 5\) and target vectors of shape \(3, 4\)"),
        (random_rows(3)[0], random_rows(3), r"shape \(5,\)"),
        (random_rows(0), random_rows(3), "no source vectors"),
        (random_rows(3), random_rows(3)[:0], "no target vectors"),
        (random_rows(3) * 2, random_rows(3), "source vectors whose length is not 1"),
        (random_rows(3), random_rows(3) * torch.nan, "target vectors whose length is not 1"),
        (random_rows(3), random_rows(3) * 0, "target vectors whose length is not 1"),
    ],
)
def test_rows_that_cannot_be_compared_raise_an_error(source, target, found):
    with pytest.raises(DataError, match=found):
        csls_best(source, target, device="cpu")


def test_no_neighbours_raise_an_error():
    with pytest.raises(ConfigError, match="neighbours=0"):
        csls_best(random_rows(3), random_rows(3), neighbours=0)


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_raises_an_error(device):
    with pytest.raises(ConfigError, match=f"device='{device}' cannot be used"):
        csls_best(random_rows(3), random_rows(3), device=device)


def test_too_little_memory_for_one_row_raises_an_error_that_says_how_much_is_needed():
    source, target = random_rows(2), random_rows(10_000)
    with pytest.raises(ConfigError, match="memory_mb=1: 10000 target rows need 5 or more"):
        csls_best(source, target, memory_mb=1, device="cpu")
    csls_best(source, target, memory_mb=5, device="cpu")
