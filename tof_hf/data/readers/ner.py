"""Tagged column files (CoNLL-2002/2003, WNUT, Twitter) as a `datasets` builder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Features

from tof_hf.data.features import ner_features
from tof_hf.data.labels import (
    LabelMap,
    Span,
    check_label_map,
    detect_scheme,
    entity_types,
    label_names,
    map_types,
    scheme_name,
    spans_from_tags,
)
from tof_hf.data.readers.columns import parse_conll
from tof_hf.data.readers.files import FileBuilder, stem


def mapped_label_names(tags: Sequence[str], label_map: LabelMap) -> list[str]:
    """Return the label names of these tags after `label_map`."""
    types = entity_types(tags)
    return label_names(entity_types(tag for kind in types for tag in map_types([f"B-{kind}"], label_map)))


def encode_tags(tags: Sequence[str], index: Mapping[str, int], label_map: LabelMap) -> list[int]:
    """Return label numbers of strict IOB2 tags for tags in any scheme, types renamed by `label_map`."""
    return [index[tag] for tag in map_types(tags, label_map)] if any(tag != "O" for tag in tags) else [0] * len(tags)


class NerFileBuilder(FileBuilder):
    """NER rows (id, tokens, ner_tags in strict IOB2) of one column file."""

    CACHE_NAME = "tof_ner"
    CODE = (parse_conll, Span)

    def parse(self, text: str) -> tuple[Features, list[dict[str, Any]], str]:
        """Return features with the types found, rows, and counts."""
        config = self.config
        check_label_map(config.label_map)
        path = Path(config.path)
        sentences = parse_conll(text, path=path, columns=config.columns, scheme=config.scheme)
        tags = (sentence.tags for sentence in sentences)
        scheme = detect_scheme(tags) if config.scheme is None else scheme_name(config.scheme)
        found = sorted({tag for sentence in sentences for tag in sentence.tags})
        names = mapped_label_names(found, config.label_map)
        index = {name: number for number, name in enumerate(names)}
        prefix = stem(path)
        rows = [
            # Numbers and not names: ClassLabel would look up every tag again.
            {
                "id": f"{prefix}-{number}",
                "tokens": sentence.tokens,
                "ner_tags": encode_tags(sentence.tags, index, config.label_map),
            }
            for number, sentence in enumerate(sentences)
        ]
        entities = sum(len(spans_from_tags(sentence.tags)) for sentence in sentences)
        words = sum(len(sentence.tokens) for sentence in sentences)
        return (
            ner_features(names),
            rows,
            f"{len(rows)} sentences, {words} words, {entities} entities in {scheme}, before label_map",
        )
