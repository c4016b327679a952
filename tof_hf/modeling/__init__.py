"""The one custom head (span extraction) and the checked hand-off of the encoder between heads."""

from __future__ import annotations

import importlib

_HOME = {
    "AutoModelForSpanExtraction": "span_extraction",
    "SpanExtractionConfig": "span_extraction",
    "SpanExtractionModel": "span_extraction",
    "SpanExtractionOutput": "span_extraction",
    "SpanCollator": "collators",
    "HandOff": "transfer",
    "load_for_mlm": "transfer",
    "load_for_mrc": "transfer",
    "load_for_ner": "transfer",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
