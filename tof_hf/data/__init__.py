"""Data operations: functions from Dataset to Dataset, usable alone (the heavy imports wait until a name is used)."""

from __future__ import annotations

import importlib

_HOME = {
    "read_ner": "sources",
    "read_mrc": "sources",
    "read_text": "sources",
    "align_labels": "sources",
    "unlabelled": "sources",
    "ner_to_mrc": "conversion",
    "load_queries": "conversion",
    "pseudo_label": "pseudo_labels",
    "select_labels": "selection",
    "label_health": "pseudo_label_health",
    "source_entities": "pseudo_label_health",
    "BilingualDictionary": "dictionary",
    "translate_words": "translation",
    "project": "projection",
    "cap": "mixing",
    "mix": "mixing",
    "load_tokenizer": "tokenizers",
    "encode_ner": "encoding",
    "encode_text": "encoding",
    "join_words": "encoding",
    "encode_mrc": "mrc_encoding",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
