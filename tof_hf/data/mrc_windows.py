"""Questions and contexts -> windows for the span-extraction model, and predicted pieces -> character spans."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from tof_hf.data.mapping import cached_map

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
    """One row a window over the context (paper 3.3.2, Eq. 2), ready for `SpanCollator`.

    - `input_ids`, `token_type_ids`: question and a stretch of context, at most `max_length` pieces;
    - `context`: [first, end) of the context's pieces, the only ones with a loss;
    - `spans`: [start piece, end piece] of each answer that lies whole in the window, the end piece included: the last
      piece of the answer, or with `end_label="first_piece"` the first piece of its last word (the published code);
    - `ignored`: pieces of answers cut by the window's edge, without a loss;
    - `row`, `length` and, with `offsets`, `starts` and `ends`: characters of every context piece, for `read_spans`.

    Windows overlap by `stride` pieces. Of the windows that hold no answer although their question has one elsewhere,
    the share `negative_windows` is kept (a fixed choice by content); rows without any answer are always kept.
    """
    columns = {
        "input_ids": List(Value("int32")),
        "context": List(Value("int32")),
        "spans": List(List(Value("int32"))),
        "ignored": List(Value("int32")),
        "row": Value("int32"),
        "length": Value("int32"),
    }
    if "token_type_ids" in tokenizer.model_input_names:
        columns["token_type_ids"] = List(Value("int32"))
    if offsets:
        columns |= {"starts": List(Value("int32")), "ends": List(Value("int32"))}
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
    """Predicted (row, start, end) in characters of the row's context, sorted and without repeats.

    `span_ends[w][i]` is the piece at which a span that starts at piece i of window w ends, or -1.
    """
    found = set()
    columns = zip(windows["row"], windows["context"], windows["starts"], windows["ends"], strict=True)
    for (row, (first, _), starts, ends), predicted in zip(columns, span_ends, strict=True):
        for start, end in _pairs(predicted):
            found.add((row, starts[start - first], ends[end - first]))
    return sorted(found)


def _pairs(predicted: Iterable[int]) -> Iterator[tuple[int, int]]:
    return ((i, int(end)) for i, end in enumerate(predicted) if end >= 0)


def _mrc_windows(
    batch: dict[str, list],
    indices: list[int],
    *,
    tokenizer: Any,
    max_length: int,
    stride: int,
    end_label: str,
    negative_windows: float,
    columns: list[str],
    code: str,
) -> dict[str, list]:
    encoded = _tokenize(tokenizer, batch["question"], batch["context"], max_length, stride)
    out: dict[str, list] = {name: [] for name in columns}
    for w, i in enumerate(encoded["overflow_to_sample_mapping"]):
        sequence = encoded.sequence_ids(w)
        if 1 not in sequence:
            continue  # the context normalised to nothing
        first = sequence.index(1)
        end = len(sequence) - sequence[::-1].index(1)
        context = batch["context"][i]
        pieces = [_trimmed(context, *offsets) for offsets in encoded["offset_mapping"][w][first:end]]
        starts, piece_ends = zip(*pieces, strict=True)
        ends = piece_ends
        if end_label == "first_piece":
            ends = _word_ends(encoded.word_ids(w)[first:end], piece_ends)
        spans, ignored = _place(batch["spans"][i], starts, piece_ends, ends)
        if batch["spans"][i] and not spans and not _keep(encoded["input_ids"][w], negative_windows):
            continue
        values = {
            "input_ids": encoded["input_ids"][w],
            "context": [first, end],
            "spans": [[first + start, first + stop] for start, stop in spans],
            "ignored": [first + piece for piece in ignored],
            "row": indices[i],
            "length": len(sequence),
            "starts": starts,
            "ends": ends,
        }
        if "token_type_ids" in columns:
            values["token_type_ids"] = encoded["token_type_ids"][w]
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
    while start < end and context[start].isspace():
        start += 1
    while end > start and context[end - 1].isspace():
        end -= 1
    return start, end


def _word_ends(words: list[int | None], piece_ends: tuple[int, ...]) -> list[int]:
    """For every piece the character at which its whole word ends."""
    last = dict(zip(words, piece_ends, strict=True))
    return [last[word] for word in words]


def _place(
    spans: list[dict[str, int]], starts: tuple[int, ...], piece_ends: tuple[int, ...], ends: Iterable[int]
) -> tuple[list[tuple[int, int]], list[int]]:
    """(pieces of the whole spans, pieces of the cut spans) in a window with these character offsets."""
    whole, cut = [], []
    ends = list(ends)
    for span in spans:
        inside = [
            piece
            for piece, (start, end) in enumerate(zip(starts, piece_ends, strict=True))
            if start < span["end"] and end > span["start"]
        ]
        if not inside:
            continue
        if starts[0] > span["start"] or piece_ends[-1] < span["end"]:
            cut.extend(inside)
        else:
            last = next((p for p in inside if ends[p] == ends[inside[-1]]), inside[-1])
            whole.append((inside[0], last))
    return whole, cut


def _keep(ids: list[int], share: float) -> bool:
    """A choice that depends on the window's content alone, so that every process and every run makes the same."""
    return zlib.crc32(str(ids).encode()) / 2**32 < share
