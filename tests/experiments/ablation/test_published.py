"""The numbers of the paper stand here as they are printed: their averages add up, but for those that do not there."""

from __future__ import annotations

import pytest

from tof_hf.algorithm.recipe import LANGUAGES, Published
from tof_hf.experiments.ablation.rows import rows_of
from tof_hf.utils.systems import BENCHMARKS

# Table, row, printed averages over languages and domains.
AVERAGES = [
    (1, "source_only", 77.44, None),
    (1, "tsl", 78.22, None),
    (1, "unitrans", 79.01, None),
    (1, "adaptabert", None, 67.98),  # 75.20 is printed
    (1, "adaptabert_translation", 76.32, None),
    (1, "tof_wo_pseudo", 77.50, 69.32),
    (1, "tof_wo_continual", 79.16, 70.26),
    (1, "tof", 79.90, 70.74),
    (2, "tof_wo_pseudo", 77.41, 69.32),
    (2, "without_source_mrc", -1.68, None),
    (2, "without_translated_source_mrc", -1.42, None),
    (2, "without_ner_mrc", -2.00, -0.59),
    (2, "without_translated_ner_mrc", -1.77, None),
    (3, "order_mlm_mrc", 77.41, 69.32),
    (3, "order_mrc_mlm", 75.76, 68.97),
    (4, "adaptabert", None, 67.98),
    (4, "tof_wo_pseudo", None, 69.32),
    (4, "swapped_adaptabert", None, 68.88),
    (4, "swapped_tof_wo_pseudo", None, 70.25),
]


TABLES = {table: {row.name: row.published for row in rows_of(table, swap_model="span/bert")} for table in (1, 2, 3, 4)}


def published(table, row, benchmark):
    return TABLES[table][row].get(benchmark)


def value(number):
    return number.change if number.f1 is None else number.f1


@pytest.mark.parametrize(("table", "row", "languages", "domains"), AVERAGES)
def test_a_row_has_its_printed_average(table, row, languages, domains):
    for benchmarks, printed in ((LANGUAGES, languages), (BENCHMARKS[3:], domains)):
        if printed is not None:
            values = [value(published(table, row, name)) for name in benchmarks]
            assert sum(values) / 3 == pytest.approx(printed, abs=0.0101)


def test_the_improvements_that_the_text_names_are_the_differences_in_table_1():
    for name, reported in {"es": 4.17, "nl": 2.49, "de": 4.1}.items():
        found = published(1, "tof", name).f1 - published(1, "adaptabert_translation", name).f1
        assert found == pytest.approx(reported, abs=1e-9)
    for name, reported in {"cbs": 1.11, "twitter": 2.33, "wnut16": 4.83}.items():
        found = published(1, "tof", name).f1 - published(1, "adaptabert", name).f1
        assert found == pytest.approx(reported, abs=1e-9)


def test_every_number_is_a_score_or_a_change_of_a_known_benchmark():
    for rows in TABLES.values():
        for numbers in rows.values():
            assert set(numbers) <= set(BENCHMARKS)
            assert all((number.f1 is None) != (number.change is None) for number in numbers.values())


def test_a_number_that_the_paper_does_not_have_is_none():
    assert published(1, "tof", "fr") is None and published(1, "tof", None) is None
    assert published(2, "without_target_mrc", "nl") is None


def test_a_number_reads_as_in_the_paper():
    assert str(published(1, "tof", "es")) == "80.35 ± 0.29" and str(published(3, "order_mrc_mlm", "nl")) == "81.06"
    assert str(published(2, "without_ner_mrc", "es")) == "-3.69" and str(Published(change=0.0)) == "+0.00"
