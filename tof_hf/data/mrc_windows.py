"""Questions and contexts -> windows for the span-extraction model, and predicted pieces -> character spans."""

import zlib
from collections.abc import Iterable
from typing import Any

from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from tof_hf.data.mapping import Batch, cached_map

CharSpan = tuple[int, int]


def encode_mrc(
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int = 160,
    stride: int = 48,
    end_label: str = "last_piece",
    negative_windows: float = 1.0,
    offsets: bool = False,
) -> Dataset:
    """Return one row for each window over the contexts, ready for `SpanCollator` (paper 3.3.2, Eq. 2).

    Args:
        dataset: MRC rows.
        tokenizer: A fast tokenizer, from `load_tokenizer`.
        max_length: The most pieces of a window, special pieces included.
        stride: Pieces that neighbouring windows share.
        end_label: The end of an answer is its `"last_piece"`, or the `"first_piece"` of its last word (the published
            code).
        negative_windows: The share (0..1) that is kept of windows without an answer whose question has one elsewhere;
            chosen by content, so it is always the same windows. Questions without an answer keep all windows.
        offsets: Add `starts` and `ends`, which `read_spans` needs.

    Returns:
        Rows with these columns; all positions are pieces of the window:

        - `input_ids`, `token_type_ids`: question and a part of the context;
        - `context`: [first, end) of the context's pieces, the only ones with a loss;
        - `spans`: [start, end] of each answer that is whole in the window, end inclusive;
        - `ignored`: pieces of answers cut by the window's edge, without a loss;
        - `row`, `length`: the number of the MRC row, and of pieces;
        - `starts`, `ends`: the first character of every context piece, and the end (exclusive) of the piece, or of its
          word with `end_label="first_piece"`.

    Example:
        >>> windows = encode_mrc(questions, load_tokenizer("google-bert/bert-base-multilingual-cased"))
    """
    pieces = List(Value("int32"))
    columns = {"input_ids": pieces, "context": pieces, "spans": List(pieces), "ignored": pieces}
    columns |= {"row": Value("int32"), "length": Value("int32")}
    if "token_type_ids" in tokenizer.model_input_names:
        columns["token_type_ids"] = pieces
    if offsets:
        columns |= {"starts": pieces, "ends": pieces}
    return cached_map(
        dataset,
        _mrc_windows,
        features=Features(columns),
        description="Encoding questions",
        tokenizer=tokenizer,
        max_length=max_length,
        stride=stride,
        end_label=end_label,
        negative_windows=negative_windows,
        columns=list(columns),
    )


def read_spans(windows: Dataset, span_ends: Iterable[Iterable[int]]) -> list[tuple[int, int, int]]:
    """Return the predicted spans in characters of their context, sorted, each once.

    Args:
        windows: Rows of `encode_mrc` with `offsets=True`.
        span_ends: `span_ends[w][i]` is the piece that ends the span that starts at piece i of window w, or -1.

    Returns:
        (row, start, end) of every span, end exclusive.
    """
    found = set()
    columns = zip(windows["row"], windows["context"], windows["starts"], windows["ends"], strict=True)
    for (row, (first, _), starts, ends), predicted in zip(columns, span_ends, strict=True):
        spans = ((start, int(end)) for start, end in enumerate(predicted) if end >= 0)
        found |= {(row, starts[start - first], ends[end - first]) for start, end in spans}
    return sorted(found)


def _mrc_windows(
    batch: Batch,
    indices: list[int],
    *,
    tokenizer: Any,
    max_length: int,
    stride: int,
    end_label: str,
    negative_windows: float,
    columns: list[str],
) -> Batch:
    encoded = _tokenize(tokenizer, batch["question"], batch["context"], max_length, stride)
    out: Batch = {name: [] for name in columns}
    for w, i in enumerate(encoded["overflow_to_sample_mapping"]):
        sequence = encoded.sequence_ids(w)
        if 1 not in sequence:
            continue  # the context normalised to nothing
        first = sequence.index(1)
        end = len(sequence) - sequence[::-1].index(1)
        context = batch["context"][i]
        pieces = [_trimmed(context, *offsets) for offsets in encoded["offset_mapping"][w][first:end]]
        ends = [stop for _, stop in pieces]
        if end_label == "first_piece":  # every piece ends where its word ends
            words = encoded.word_ids(w)[first:end]
            word_ends = dict(zip(words, ends, strict=True))
            ends = [word_ends[word] for word in words]
        spans, ignored = _place(batch["spans"][i], pieces, ends)
        if batch["spans"][i] and not spans and not _keep(encoded["input_ids"][w], negative_windows):
            continue
        values: dict[str, Any] = {
            **{name: encoded[name][w] for name in ("input_ids", "token_type_ids") if name in columns},
            "context": [first, end],
            "spans": [[first + start, first + stop] for start, stop in spans],
            "ignored": [first + piece for piece in ignored],
            "row": indices[i],
            "length": len(sequence),
            "starts": [start for start, _ in pieces],
            "ends": ends,
        }
        for name in columns:
            out[name].append(values[name])
    return out


def _tokenize(tokenizer: Any, questions: list[str], contexts: list[str], max_length: int, stride: int) -> Any:
    """Windows over the contexts; a question that would leave no room for the context is cut to half the window."""
    room = max_length // 2
    cut = tokenizer(questions, add_special_tokens=False, truncation=True, max_length=room, return_offsets_mapping=True)
    questions = [
        question[: offsets[-1][1]] if len(offsets) == room else question
        for question, offsets in zip(questions, cut["offset_mapping"], strict=True)
    ]
    # Counted after the cut: half a word may have more pieces than it had as part of the whole.
    longest = max((len(ids) for ids in tokenizer(questions, add_special_tokens=False)["input_ids"]), default=0)
    free = max_length - longest - tokenizer.num_special_tokens_to_add(pair=True)
    return tokenizer(
        questions,
        contexts,
        truncation="only_second",
        max_length=max_length,
        stride=max(0, min(stride, free - 1)),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )


def _trimmed(context: str, start: int, end: int) -> tuple[int, int]:
    """A piece's characters without white space: SentencePiece counts the space before a word as part of it."""
    piece = context[start:end]
    start += len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())


def _place(
    spans: list[dict[str, int]], pieces: list[CharSpan], ends: list[int]
) -> tuple[list[tuple[int, int]], list[int]]:
    """(pieces of the whole spans, pieces of the cut spans) in a window of pieces with these characters.

    A span ends at the first piece with the end of its last one in `ends`.
    """
    whole, cut = [], []
    for span in spans:
        inside = [i for i, (start, end) in enumerate(pieces) if start < span["end"] and end > span["start"]]
        if not inside:
            continue
        if pieces[0][0] > span["start"] or pieces[-1][1] < span["end"]:
            cut.extend(inside)
        else:
            whole.append((inside[0], next(i for i in inside if ends[i] == ends[inside[-1]])))
    return whole, cut


def _keep(ids: list[int], share: float) -> bool:
    """A choice by the window's content alone, so that every process and every run makes the same."""
    return zlib.crc32(str(ids).encode()) / 2**32 < share
