"""Questions about the target text to an MRC model, and its answers as entities: a tagger's second opinion."""

from collections.abc import Sequence
from itertools import accumulate

from datasets import Dataset, Features

from tof_hf.data.mapping import Batch, cached_map


def untagged(rows: Dataset) -> Dataset:
    """The words alone, all of them O: questions to the MRC model do not depend on a tagger."""
    features = Features({name: rows.features[name] for name in ("id", "tokens", "ner_tags")})
    outside = features["ner_tags"].feature.str2int("O")
    return cached_map(rows, _outside, features=features, description="Removing tags", outside=outside)


def _outside(batch: Batch, indices: list[int], *, outside: int) -> Batch:
    tags = [[outside] * len(tokens) for tokens in batch["tokens"]]
    return {"id": batch["id"], "tokens": batch["tokens"], "ner_tags": tags}


def word_spans(
    sentences: Sequence[Sequence[str]], labels: Sequence[str], spans: Sequence[tuple[int, int, int]]
) -> list[list[tuple[int, int, str]]]:
    """For each sentence (first word, end, type) of the character spans that begin and end at word borders.

    `labels`: the types that the questions ask for, equally many questions a sentence. `spans`: (question, start, end).
    """
    kinds = len(labels) // max(1, len(sentences))
    asked: list[list[tuple[int, int, str]]] = [[] for _ in sentences]
    for question, start, end in spans:
        asked[question // kinds].append((start, end, labels[question]))
    found = []
    for tokens, of_sentence in zip(sentences, asked, strict=True):
        borders = accumulate((len(token) + 1 for token in tokens), initial=0)
        words = {position: word for word, position in enumerate(borders)}
        whole = [(start, end, label) for start, end, label in of_sentence if start in words and end + 1 in words]
        found.append([(words[start], words[end + 1], label) for start, end, label in whole])
    return found
