"""Words and tags -> model inputs, for NER and for masked language modelling, and back to words.

A sentence that does not fit the window is cut at word boundaries into overlapping windows. Every word belongs to
exactly one window, the one where it stands further from the edge; only there it is trained on and read off, so that
nothing is lost and nothing counts twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from tof_hf.data.label_selection import UNSURE
from tof_hf.data.mapping import cached_map

IGNORE = -100  # torch's cross entropy skips this label
NO_WORD = -1
T = TypeVar("T")


def encode_ner(
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int = 128,
    stride: int = 16,
    label_all_pieces: bool = False,
) -> Dataset:
    """One row a window: `input_ids`, `word_ids`, `row`, `length` and, for labelled rows, `labels` (paper Eq. 3-4).

    `word_ids[i]` is the word that piece i speaks for, its first piece alone; -1 elsewhere. `labels` are -100 wherever
    the loss must not look, on all pieces of the words that are true in a column `ner_unsure` too; with
    `label_all_pieces` the later pieces of a word carry its I- label. `max_length` counts pieces with the special ones,
    `stride` is the overlap of two windows in words.
    """
    columns = {"input_ids": List(Value("int32")), "word_ids": List(Value("int32"))}
    inside = []
    if "ner_tags" in dataset.column_names:
        columns["labels"] = List(Value("int32"))
        names = dataset.features["ner_tags"].feature.names
        # The later pieces of a B-X word are I-X.
        inside = [names.index(f"I-{name[2:]}") if name.startswith("B-") else i for i, name in enumerate(names)]
    return cached_map(
        dataset,
        _ner_windows,
        features=Features(columns | {"row": Value("int32"), "length": Value("int32")}),
        description="Encoding sentences",
        tokenizer=tokenizer,
        max_length=max_length,
        stride=stride,
        inside=inside if label_all_pieces else None,
    )


def encode_text(
    dataset: Dataset, tokenizer: PreTrainedTokenizerBase, *, max_length: int = 128, stride: int = 0
) -> Dataset:
    """One row a window, `input_ids` and `length`, for masked language modelling (paper 3.3.2)."""
    return cached_map(
        dataset,
        _text_windows,
        features=Features({"input_ids": List(Value("int32")), "length": Value("int32")}),
        description="Encoding text",
        tokenizer=tokenizer,
        max_length=max_length,
        stride=stride,
    )


def join_words(windows: Dataset, values: Sequence[Sequence[T]], *, lengths: Sequence[int], fill: T) -> list[list[T]]:
    """Per sentence the value of every word, read off its first piece in the window that owns it.

    `values[w][i]` belongs to piece i of window w (longer rows are padding); `lengths` are words a sentence. A word
    without a piece (it normalised to nothing) gets `fill`.
    """
    words = [[fill] * length for length in lengths]
    for row, word_ids, window in zip(windows["row"], windows["word_ids"], values, strict=True):
        for word, value in zip(word_ids, window, strict=False):
            if word != NO_WORD:
                words[row][word] = value
    return words


def by_length(windows: Dataset) -> Dataset:
    """The windows from the shortest to the longest, so that batches of neighbours need little padding."""
    return windows.select(np.argsort(windows["length"][:], kind="stable"))


def _ner_windows(
    batch: dict[str, list],
    indices: list[int],
    *,
    tokenizer: Any,
    max_length: int,
    stride: int,
    inside: Any,
    code: str,
) -> dict[str, list]:
    out: dict[str, list] = {"input_ids": [], "word_ids": [], "row": [], "length": []}
    tags, unsure = batch.get("ner_tags"), batch.get(UNSURE)
    if tags is not None:
        out["labels"] = []
    for i, ids, piece_words, (first, last) in cut_windows(batch["tokens"], tokenizer, max_length, stride):
        word_ids, labels, previous = [], [], None
        for word in piece_words:
            owned = word is not None and first <= word < last
            starts = owned and word != previous
            word_ids.append(word if starts else NO_WORD)
            if tags is not None:
                labelled = owned and (unsure is None or not unsure[i][word])
                rest = inside[tags[i][word]] if labelled and inside is not None else IGNORE
                labels.append(tags[i][word] if starts and labelled else rest)
            previous = word
        out["input_ids"].append(ids)
        out["word_ids"].append(word_ids)
        out["row"].append(indices[i])
        out["length"].append(len(ids))
        if tags is not None:
            out["labels"].append(labels)
    return out


def _text_windows(
    batch: dict[str, list], indices: list[int], *, tokenizer: Any, max_length: int, stride: int, code: str
) -> dict[str, list]:
    ids = [window[1] for window in cut_windows(batch["tokens"], tokenizer, max_length, stride)]
    return {"input_ids": ids, "length": [len(window) for window in ids]}


def cut_windows(
    sentences: list[list[str]], tokenizer: Any, max_length: int, stride: int
) -> Iterator[tuple[int, list[int], list[int | None], tuple[int, int]]]:
    """(sentence, piece ids, word of every piece, words owned as [first, last)) of every window, in order."""
    whole = tokenizer(sentences, is_split_into_words=True, add_special_tokens=True, truncation=False, verbose=False)
    special = tokenizer.num_special_tokens_to_add()
    for i, words in enumerate(sentences):
        ids, piece_words = whole["input_ids"][i], whole.word_ids(i)
        if len(ids) <= max_length:
            yield i, ids, piece_words, (0, len(words))
            continue
        pieces = [0] * len(words)
        for word in piece_words:
            if word is not None:
                pieces[word] += 1
        cuts = word_windows(pieces, budget=max_length - special, overlap=stride)
        for begin, end, first, last in cuts:
            # Truncation only meets a single word that is longer than the window: its first piece stays.
            part = tokenizer(words[begin:end], is_split_into_words=True, truncation=True, max_length=max_length)
            shifted = [None if word is None else word + begin for word in part.word_ids()]
            yield i, part["input_ids"], shifted, (first, last)


def word_windows(pieces: Sequence[int], *, budget: int, overlap: int) -> list[tuple[int, int, int, int]]:
    """(begin, end, first owned, last owned) of each window over words with these many pieces; ends are exclusive.

    A window holds at most `budget` pieces, or a single word that is longer. Neighbours share up to `overlap` words
    and split their ownership in the middle.
    """
    total = [0, *accumulate(pieces)]
    spans: list[tuple[int, int]] = []
    begin = 0
    while True:
        end = begin + 1
        while end < len(pieces) and total[end + 1] - total[begin] <= budget:
            end += 1
        spans.append((begin, end))
        if end >= len(pieces):
            break
        # Go back for the overlap, but always move on by one word, and never past what leaves room for a new word.
        back = end
        while back > begin + 1 and end - back < overlap and total[end + 1] - total[back - 1] <= budget:
            back -= 1
        begin = back
    middles = [0, *((spans[k][1] + spans[k + 1][0]) // 2 for k in range(len(spans) - 1)), len(pieces)]
    return [(begin, end, middles[k], middles[k + 1]) for k, (begin, end) in enumerate(spans)]
