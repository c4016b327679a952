"""Words and tags -> model inputs, for NER and for masked language modelling, and back to words.

A sentence that does not fit the window is cut at word boundaries into overlapping windows. Every word belongs to
exactly one window, the one where it is further from the edge; only there it is trained on and predicted, so that
every word counts once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from tof_hf.data.mapping import Batch, cached_map
from tof_hf.data.pieces import encode_words
from tof_hf.data.pseudo_labels import UNSURE

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
    windows: Callable[..., Batch] | None = None,
    others: Mapping[str, Any] | None = None,
) -> Dataset:
    """Return one row for each window over the sentences (paper Eq. 3-4: a word is its first piece).

    Args:
        dataset: NER rows or unlabelled rows.
        tokenizer: A fast tokenizer, from `load_tokenizer`.
        max_length: The most pieces of a window, special pieces included.
        stride: Words that neighbouring windows share.
        label_all_pieces: The later pieces of a word get its I- label, not -100.
        windows: Makes the columns instead of `ner_windows`, and those of `others` too.
        others: The features of further columns.

    Returns:
        Rows with `input_ids`; `word_ids`, the word at each word's first piece and -1 elsewhere; `row`, the number of
        the sentence; `length` in pieces; and for NER rows `labels`, -100 on pieces without a loss: special and later
        pieces, words of other windows, and words that are true in a column `ner_unsure`.

    Example:
        >>> windows = encode_ner(rows, load_tokenizer("google-bert/bert-base-multilingual-cased"))
    """
    columns = {"input_ids": List(Value("int32")), "word_ids": List(Value("int32"))}
    inside: list[int] = []
    if "ner_tags" in dataset.column_names:
        columns["labels"] = List(Value("int32"))
        names = dataset.features["ner_tags"].feature.names
        # The later pieces of a B-X word are I-X.
        inside = [names.index(f"I-{name[2:]}") if name.startswith("B-") else i for i, name in enumerate(names)]
    return cached_map(
        dataset,
        windows or ner_windows,
        features=Features(columns | {"row": Value("int32"), "length": Value("int32")} | dict(others or {})),
        description="Encoding sentences",
        depends_on=(ner_windows,),
        tokenizer=tokenizer,
        max_length=max_length,
        stride=stride,
        inside=inside if label_all_pieces else None,
    )


def encode_text(
    dataset: Dataset, tokenizer: PreTrainedTokenizerBase, *, max_length: int = 128, stride: int = 0
) -> Dataset:
    """Return one row for each window over the sentences, for masked language modelling (paper 3.3.2).

    Args:
        dataset: Rows with `tokens`.
        tokenizer: A fast tokenizer, from `load_tokenizer`.
        max_length: The most pieces of a window, special pieces included.
        stride: Words that neighbouring windows share.

    Returns:
        Rows with `input_ids` and `length`, in pieces.

    Example:
        >>> windows = encode_text(sentences, load_tokenizer("google-bert/bert-base-multilingual-cased"))
    """
    windows = encode_ner(dataset.select_columns(["tokens"]), tokenizer, max_length=max_length, stride=stride)
    return windows.select_columns(["input_ids", "length"])


def join_words(windows: Dataset, values: Iterable[Iterable[T]], *, lengths: Sequence[int], fill: T) -> list[list[T]]:
    """Return the value of every word of every sentence, from its first piece in the window that owns it.

    Args:
        windows: Rows of `encode_ner`.
        values: `values[w][i]` is the value of piece i of window w; longer rows are padding.
        lengths: Words of every sentence.
        fill: The value of words without a piece (those that normalise to nothing).

    Returns:
        One list for each sentence, one value for each word.

    Example:
        >>> tags = join_words(windows, predicted, lengths=[len(words) for words in rows["tokens"]], fill="O")
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


def ner_windows(
    batch: Batch, indices: list[int], *, tokenizer: Any, max_length: int, stride: int, inside: list[int] | None = None
) -> Batch:
    """The columns of `encode_ner`; `inside` is the label of the later pieces of a word, for every label number."""
    tags, unsure = batch.get("ner_tags"), batch.get(UNSURE)
    columns = ["input_ids", "word_ids", "row", "length"] + ["labels"] * (tags is not None)
    rows = []
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
        rows.append({"input_ids": ids, "word_ids": word_ids, "row": indices[i], "length": len(ids), "labels": labels})
    return {name: [row[name] for row in rows] for name in columns}


def first_pieces(
    sentences: Sequence[Sequence[str]], tokenizer: Any, max_length: int, stride: int
) -> Iterator[tuple[int, list[int], np.ndarray, np.ndarray]]:
    """(sentence, piece ids, places of the first pieces of the words that it owns, those words) of every window."""
    for i, ids, piece_words, (first, last) in cut_windows(sentences, tokenizer, max_length, stride):
        words = np.array([NO_WORD if word is None else word for word in piece_words])
        starts = (words >= first) & (words < last)
        starts[1:] &= words[1:] != words[:-1]
        places = np.flatnonzero(starts)
        yield i, ids, places, words[places]


def cut_windows(
    sentences: Sequence[Sequence[str]], tokenizer: Any, max_length: int, stride: int
) -> Iterator[tuple[int, list[int], list[int | None], tuple[int, int]]]:
    """(sentence, piece ids, word of every piece, words owned as [first, last)) of every window, in order."""
    special = tokenizer.num_special_tokens_to_add()
    for i, (words, (ids, piece_words)) in enumerate(zip(sentences, encode_words(sentences, tokenizer), strict=True)):
        if len(ids) <= max_length:
            yield i, ids, piece_words, (0, len(words))
            continue
        pieces = [0] * len(words)
        for word in piece_words:
            if word is not None:
                pieces[word] += 1
        for begin, end, first, last in word_windows(pieces, budget=max_length - special, overlap=stride):
            # Truncation only affects a single word that is longer than the window; its first piece stays.
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
        # Go back for the overlap, but always advance by one word, and always leave room for a new word.
        after, begin = begin + 1, end
        while begin > after and end - begin < overlap and total[end + 1] - total[begin - 1] <= budget:
            begin -= 1
    middles = [0, *((spans[k][1] + spans[k + 1][0]) // 2 for k in range(len(spans) - 1)), len(pieces)]
    return [(begin, end, middles[k], middles[k + 1]) for k, (begin, end) in enumerate(spans)]
