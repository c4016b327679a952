"""The same rows have the same hash, however they came to lie in memory; other rows have another one."""

from __future__ import annotations

import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, LargeList, List, Value, concatenate_datasets
from hypothesis import given, settings
from hypothesis import strategies as st

from tof_hf.data.fingerprint import content_hash

FEATURES = Features(
    {
        "id": Value("string"),
        "tokens": List(Value("string")),
        "tags": List(ClassLabel(names=["O", "B-X"])),
        "label": Value("string"),
        "sure": Value("float32"),
        "spans": List({"start": Value("int32"), "text": Value("string")}),
        "kept": Value("bool"),
        "pairs": List(List(Value("int32"))),
    }
)
TEXTS = st.text("aé漢", max_size=2)
OR_NOTHING = st.none() | TEXTS
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": TEXTS,
            "tokens": st.none() | st.lists(OR_NOTHING, max_size=3),
            "tags": st.lists(st.integers(0, 1), max_size=3),
            "label": OR_NOTHING,
            "sure": st.none() | st.floats(width=32, allow_nan=False),
            "spans": st.lists(st.fixed_dictionaries({"start": st.integers(0, 9), "text": OR_NOTHING}), max_size=2),
            "kept": st.none() | st.booleans(),
            "pairs": st.none() | st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=2),
        }
    ),
    min_size=1,
    max_size=6,
)


def fresh(rows):
    return Dataset.from_dict({name: [row[name] for row in rows] for name in FEATURES}, features=FEATURES)


def part(rows, start, end):
    """A slice; datasets knows no empty range."""
    return rows.select(range(start, end) if start < end else [])


@pytest.mark.slow
@settings(max_examples=40)
@given(rows=ROWS, data=st.data())
def test_rows_that_were_chosen_or_sliced_hash_as_rows_written_afresh(rows, data):
    whole = fresh(rows)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8))
    start = data.draw(st.integers(0, len(rows)))
    end = data.draw(st.integers(start, len(rows)))
    made = whole.select(chosen)
    assert content_hash(made) == content_hash(made.flatten_indices()) == content_hash(fresh([rows[i] for i in chosen]))
    assert content_hash(part(whole, start, end)) == content_hash(fresh(rows[start:end]))


@pytest.mark.slow
@settings(max_examples=40)
@given(rows=ROWS, data=st.data())
def test_rows_that_were_joined_hash_as_rows_written_afresh(rows, data):
    cut = data.draw(st.integers(0, len(rows)))
    parts = [part(fresh(rows), cut, len(rows)), fresh(rows[:cut]), part(fresh(rows), 0, cut)]
    expected = fresh(rows[cut:] + rows[:cut] + rows[:cut])
    assert content_hash(concatenate_datasets(parts)) == content_hash(expected)


@pytest.mark.slow
@settings(max_examples=40)
@given(one=ROWS, other=ROWS)
def test_other_rows_have_another_hash_and_ids_do_not_count(one, other):
    bare = [[[row[name] for name in FEATURES if name != "id"] for row in rows] for rows in (one, other)]
    # repr tells -0.0 from 0.0, as the hash does.
    assert (content_hash(fresh(one)) == content_hash(fresh(other))) is (repr(bare[0]) == repr(bare[1]))


@pytest.mark.parametrize("rows", [0, 1, 5_000, 5_001, 10_007])
def test_the_size_of_batches_shows_nowhere(rows):
    made = Dataset.from_dict({"a": list(range(-3, rows)), "b": [[str(i)] * (i % 3) for i in range(-3, rows)]})
    columns = {"a": list(range(rows)), "b": [[str(i)] * (i % 3) for i in range(rows)]}
    again = Dataset.from_dict(columns, features=made.features)
    assert content_hash(part(made, 3, rows + 3)) == content_hash(again)


def test_texts_with_wide_offsets_are_the_same_texts():
    small = Dataset.from_dict({"tokens": [["a", "bc"], [], ["d"]]})
    large = small.cast(Features({"tokens": LargeList(Value("large_string"))}))
    assert large.data.schema.field("tokens").type == pa.large_list(pa.large_string())
    assert content_hash(small) == content_hash(large)


def test_a_value_under_a_null_does_not_count():
    bits = pa.array([True, False]).buffers()[1]
    hidden = pa.Array.from_buffers(pa.int32(), 2, [bits, pa.array([1, 7], pa.int32()).buffers()[1]])
    seen = [Dataset(pa.table({"a": values})) for values in (hidden, pa.array([1, None], pa.int32()))]
    assert content_hash(seen[0]) == content_hash(seen[1])


def test_other_features_or_names_of_columns_are_another_content():
    rows = {"a": [1, 2]}
    hashes = {
        content_hash(Dataset.from_dict(rows)),
        content_hash(Dataset.from_dict(rows, features=Features({"a": Value("int32")}))),
        content_hash(Dataset.from_dict({"b": [1, 2]})),
        content_hash(Dataset.from_dict({"a": [1, 1]}, features=Features({"a": ClassLabel(names=["O", "B-X"])}))),
        content_hash(Dataset.from_dict({"a": [1, 1]}, features=Features({"a": ClassLabel(names=["O", "B-Y"])}))),
    }
    assert len(hashes) == 5
