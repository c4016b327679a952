"""The entity scores as an `evaluate` metric that needs no download."""

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
    """Scores with the keys of `evaluate.load("seqeval")`, and `span_*` scores that ignore the types (all in 0..1).

    Args:
        config_name: as for every metric of `evaluate`.
        keep_in_memory: whether to use neither a lock nor a cache file, which is safe on every process of a
            distributed run.
        kwargs: other arguments of `evaluate.Metric`.

    Raises:
        TofError: on `compute`, for predictions and references of different shape, or a mode that does not exist.

    Example:
        >>> EntityF1().compute(predictions=[["B-PER", "O"]], references=[["B-PER", "O"]], mode="strict")["span_f1"]
        1.0
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
        found: dict[str, Any] = {
            name: {"precision": row.precision, "recall": row.recall, "f1": row.f1, "number": row.support}
            for name, row in scores.per_type.items()
        }
        for name, side in (("overall", scores), ("span", scores.span_only)):
            found |= {f"{name}_{key}": getattr(side, key) for key in ("precision", "recall", "f1")}
        return found | {"mode": scores.mode}
