"""The metric as an `evaluate` module that needs no download."""

from __future__ import annotations

from typing import Any

import evaluate
from datasets import Features, List, Value

from tof_hf.evaluation.entity_scores import Mode, entity_scores

_DESCRIPTION = "Entity-level precision, recall and F1 of IOB2 tags, counted by seqeval."
_INPUTS = """
predictions, references: lists of lists of IOB2 tags, one inner list a sentence.
mode: "default" (as conlleval) or "strict" (only entities that follow IOB2).
"""


class EntityF1(evaluate.Metric):
    """Scores under the keys that `evaluate.load("seqeval")` uses, and `span_*` without regard to the type.

    `EntityF1().compute(predictions=..., references=..., mode="strict")`. By default all is kept in memory: no
    lock and no cache file, safe on every process of a distributed run.
    """

    def __init__(self, config_name: str | None = None, keep_in_memory: bool = True, **kwargs: Any) -> None:
        super().__init__(config_name=config_name, keep_in_memory=keep_in_memory, **kwargs)

    def _info(self) -> evaluate.MetricInfo:
        tags = List(Value("string"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=Features({"predictions": tags, "references": tags}),
        )

    def _compute(
        self, *, predictions: list[list[str]], references: list[list[str]], mode: Mode = "default"
    ) -> dict[str, Any]:
        scores = entity_scores(references, predictions, mode=mode)
        per_type = {
            name: {"precision": row.precision, "recall": row.recall, "f1": row.f1, "number": row.support}
            for name, row in scores.per_type.items()
        }
        return per_type | {
            "overall_precision": scores.precision,
            "overall_recall": scores.recall,
            "overall_f1": scores.f1,
            "span_precision": scores.span_only.precision,
            "span_recall": scores.span_only.recall,
            "span_f1": scores.span_only.f1,
            "mode": scores.mode,
        }
