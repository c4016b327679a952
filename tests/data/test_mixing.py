from __future__ import annotations

from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from tof_hf.data.mixing import cap, mix


def rows(count, **more):
    return Dataset.from_dict({"id": [str(i) for i in range(count)]} | {k: [v] * count for k, v in more.items()})


@given(st.integers(0, 30), st.one_of(st.none(), st.integers(1, 40)), st.integers(0, 3))
def test_a_cap_keeps_at_most_so_many_different_rows_in_their_order(count, limit, seed):
    kept = [int(row) for row in cap(rows(count), limit, seed=seed)["id"]]
    assert len(kept) == (count if limit is None else min(count, limit))
    assert kept == sorted(set(kept))


def test_a_cap_draws_by_its_seed_and_not_from_the_beginning():
    draws = [cap(rows(1000), 50, seed=seed)["id"][:] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    assert max(map(int, draws[0])) > 700


def test_a_mixture_has_all_rows_with_the_columns_asked_for():
    mixed = mix([rows(2, tokens="a", tag=1), rows(3, tokens="b")], columns=["id", "tokens"])
    assert mixed.column_names == ["id", "tokens"]
    assert mixed["tokens"][:] == ["a", "a", "b", "b", "b"]
    assert mix([rows(2, tag=1)], columns=["id"]).column_names == ["id"]
