import pytest
from datasets import Dataset

from tof_hf.storage.cache import cache_in_parts, is_cached


def test_rows_made_in_parts_go_on_at_the_part_that_was_not_finished(tmp_path):
    file, folder, made = tmp_path / "rows.parquet", tmp_path / "cache" / "rows", []

    def make(number, broken=None):
        if number == broken:
            raise KeyboardInterrupt
        made.append(number)
        return Dataset.from_dict({"n": [2 * number, 2 * number + 1]})

    with pytest.raises(KeyboardInterrupt):
        cache_in_parts(file, folder, 4, lambda number: make(number, broken=2))
    assert not is_cached(file) and made == [0, 1]
    cache_in_parts(file, folder, 4, make)
    assert is_cached(file) and made == [0, 1, 2, 3] and not folder.exists()
    assert Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))["n"][:] == list(range(8))


def test_each_process_makes_its_own_parts(tmp_path, monkeypatch):
    file, folder, made = tmp_path / "rows.parquet", tmp_path / "cache" / "rows", {0: [], 1: []}
    monkeypatch.setattr("tof_hf.storage.cache.barrier", lambda: None)
    for rank in (1, 0):  # the main process joins the parts when all are there
        monkeypatch.setattr("tof_hf.storage.cache.process_number", lambda rank=rank: (rank, 2))
        monkeypatch.setattr("tof_hf.storage.cache.is_main_process", lambda rank=rank: rank == 0)
        of_rank = made[rank]
        cache_in_parts(file, folder, 3, lambda n, of=of_rank: of.append(n) or Dataset.from_dict({"n": [n]}))
    assert made == {0: [0, 2], 1: [1]} and is_cached(file)
