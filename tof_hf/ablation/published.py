"""The numbers of Tables 1 to 4 of Zhang et al. (2021), by table, row and benchmark.

All are entity F1 in percent on the test set of the benchmark, with all data of the paper's Table 5; Table 2 has changes
of F1 against its first row instead. Cross-lingual benchmarks (es, nl, de) are with multilingual BERT, cross-domain ones
(CBS, Twitter, WNUT16) with English BERT-base. In Table 1, `±` is over five runs; BERT-ML, TSL and UniTrans are copied
there from the papers of their authors. Where the paper contradicts itself, its numbers stand here as they are printed:

- the average of AdaptaBERT over es, nl and de is 74.91, Table 1 prints 75.20;
- nl without pseudo-labels and continual learning is 80.56 in Table 1 and 80.30 in Tables 2 and 3;
- without target MRC the average over es and de would be -0.53, over the three domains -0.94 (printed: -0.93), and
  without source MRC the average over the domains -0.34 (printed: -0.54).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

BENCHMARKS = ("es", "nl", "de", "cbs", "twitter", "wnut16")
LINGUAL, DOMAIN = BENCHMARKS[:3], BENCHMARKS[3:]


@dataclass(frozen=True)
class Published:
    """One number of the paper in percent: `f1` with its standard deviation, or the `change` against the first row."""

    f1: float | None = None
    deviation: float | None = None
    change: float | None = None

    def __str__(self) -> str:
        if self.f1 is None:
            return f"{self.change:+.2f}"
        return f"{self.f1:.2f}" + ("" if self.deviation is None else f" ± {self.deviation:.2f}")


def _scores(values: str, deviations: str = "", *, of: tuple[str, ...] = BENCHMARKS) -> dict[str, Published]:
    spread = map(float, deviations.split()) if deviations else [None] * len(of)
    return {name: Published(float(f1), sd) for name, f1, sd in zip(of, values.split(), spread, strict=True)}


def _changes(values: str) -> dict[str, Published]:
    """Drops as they are printed; `-` for what was not tried."""
    found = zip(BENCHMARKS, values.split(), strict=True)
    return {name: Published(change=0.0 - float(drop)) for name, drop in found if drop != "-"}


_ENHANCING = _scores("78.32 80.30 73.61 75.34 66.18 66.45")  # Table 2, row 0, and Table 3

TABLES = MappingProxyType(
    {
        1: {
            "source_only": _scores("76.53 83.35 72.44", of=LINGUAL),
            "adaptabert": _scores("75.30 78.52 70.90 75.30 65.61 63.03", "0.30 0.25 0.54 0.37 0.46 0.23"),
            "adaptabert_translation": _scores("76.18 80.30 72.47", "0.13 0.52 0.75", of=LINGUAL),
            "tsl": _scores("78.00 81.33 75.33", of=LINGUAL),
            "unitrans": _scores("79.31 82.90 74.82", of=LINGUAL),
            "tof_wo_pseudo": _scores("78.32 80.56 73.61 75.34 66.18 66.45", "1.11 0.35 0.61 0.51 0.17 0.39"),
            "tof_wo_continual": _scores("79.44 81.64 76.39 75.95 67.13 67.70", "0.08 0.17 0.17 0.38 0.05 0.08"),
            "tof": _scores("80.35 82.79 76.57 76.41 67.94 67.86", "0.29 0.17 0.16 0.5 0.09 0.27"),
        },
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
            "order_mrc_mlm": _scores("73.17 81.06 73.06 74.90 65.87 66.13"),
        },
        4: {
            "adaptabert": _scores("75.30 65.61 63.03", of=DOMAIN),
            "tof_wo_pseudo": _scores("75.34 66.18 66.45", of=DOMAIN),
            "swapped_adaptabert": _scores("75.37 67.11 64.17", of=DOMAIN),
            "swapped_tof_wo_pseudo": _scores("75.48 67.46 67.80", of=DOMAIN),
        },
    }
)


def published(table: int, row: str, benchmark: str | None) -> Published | None:
    """The paper's number for a row, if it has one for the benchmark."""
    return TABLES.get(table, {}).get(row, {}).get(benchmark or "")
