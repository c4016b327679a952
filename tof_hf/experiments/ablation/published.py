"""The numbers of Tables 1 to 4 of Zhang et al. (2021), by table, row and benchmark.

All are entity F1 in percent on the test set of the benchmark, with all data of the paper's Table 5; Table 2 has changes
of F1 against its first row instead. Cross-lingual benchmarks (es, nl, de) are with multilingual BERT, cross-domain ones
(CBS, Twitter, WNUT16) with English BERT-base. In Table 1, `±` is over five runs; BERT-ML, TSL and UniTrans are copied
from the papers of their authors. Where the paper contradicts itself, the numbers are those printed:

- the average of AdaptaBERT over es, nl and de is 74.91, Table 1 prints 75.20;
- nl without pseudo-labels and continual learning is 80.56 in Table 1 and 80.30 in Tables 2 and 3;
- without target MRC the average over es and de would be -0.53, over the three domains -0.94 (printed: -0.93), and
  without source MRC the average over the domains -0.34 (printed: -0.54).
"""

from __future__ import annotations

from collections.abc import Mapping

from tof_hf.algorithm.recipe import BENCHMARKS, DOMAINS, Published, published_f1
from tof_hf.algorithm.recipes import RECIPES


def _changes(values: str) -> dict[str, Published]:
    """Changes of F1 from the printed drops; `-` for what was not tried."""
    found = zip(BENCHMARKS, values.split(), strict=True)
    return {name: Published(change=0.0 - float(drop)) for name, drop in found if drop != "-"}


_ENHANCING = published_f1("78.32 80.30 73.61 75.34 66.18 66.45")  # Table 2, row 0, and Table 3

TABLES: Mapping[int, Mapping[str, Mapping[str, Published]]] = {
    1: {name: recipe.published for name, recipe in RECIPES.items() if recipe.published},
    2: {
        "tof_wo_pseudo": _ENHANCING,
        "without_target_mrc": _changes("0.34 - 0.72 0.44 1.99 0.39"),
        "without_source_mrc": _changes("1.82 1.26 1.96 0 0.25 0.78"),
        "without_translated_source_mrc": _changes("2.57 0.05 1.65 - - -"),
        "without_ner_mrc": _changes("3.69 0.83 1.48 0.88 0.65 0.26"),
        "without_translated_ner_mrc": _changes("3.02 1.01 1.30 - - -"),
    },
    3: {
        "order_mlm_mrc": _ENHANCING,
        "order_mrc_mlm": published_f1("73.17 81.06 73.06 74.90 65.87 66.13"),
    },
    4: {
        "adaptabert": published_f1("75.30 65.61 63.03", benchmarks=DOMAINS),
        "tof_wo_pseudo": published_f1("75.34 66.18 66.45", benchmarks=DOMAINS),
        "swapped_adaptabert": published_f1("75.37 67.11 64.17", benchmarks=DOMAINS),
        "swapped_tof_wo_pseudo": published_f1("75.48 67.46 67.80", benchmarks=DOMAINS),
    },
}


def published(table: int, row: str, benchmark: str | None) -> Published | None:
    """The paper's number for a row, if it has one for the benchmark."""
    return TABLES.get(table, {}).get(row, {}).get(benchmark or "")
