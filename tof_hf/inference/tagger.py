"""A finished tagger at work: texts in, entities out, for texts of any length and streams of any size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, Features, List, Value
from tqdm.auto import tqdm
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerBase

from tof_hf.data.labels import spans_from_tags
from tof_hf.data.tokenizers import load_tokenizer, model_window
from tof_hf.data.windows import cut_windows
from tof_hf.data.words import find_word_spans
from tof_hf.errors import DataError, ModelError
from tof_hf.modeling.checkpoints import load_whole
from tof_hf.modeling.onnx_model import OnnxModel, is_onnx_folder
from tof_hf.utils.devices import best_device, has_bf16

OUTSIDE = "O"
BUFFERED_TEXTS = 1024  # texts that are sorted by length together
# Pieces in a batch, padding included: as many as a processor's caches hold, or as keep a GPU busy.
BATCH_PIECES = {"cpu": 1024, "cuda": 16384, "mps": 4096}

Text = str | Sequence[str]
ENTITIES = List(
    Features(
        {"text": Value("string"), "label": Value("string"), "score": Value("float32")}
        | dict.fromkeys(("start", "end", "first_word", "last_word"), Value("int32"))
    )
)


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity: characters [start, end) of the text, words [first_word, last_word) of it, and the mean word score.

    The text of a list of words is the words joined by single blanks.
    """

    text: str
    label: str
    score: float
    start: int
    end: int
    first_word: int
    last_word: int


@dataclass(frozen=True, slots=True)
class Tagged:
    """A text, its words, where they stand in it (characters, end exclusive), and the entities among them."""

    text: str
    words: list[str]
    spans: list[tuple[int, int]]
    entities: list[Entity]

    @property
    def tags(self) -> list[str]:
        """The IOB2 tag of every word."""
        tags = [OUTSIDE] * len(self.words)
        for entity in self.entities:
            tags[entity.first_word] = f"B-{entity.label}"
            for word in range(entity.first_word + 1, entity.last_word):
                tags[word] = f"I-{entity.label}"
        return tags


def load_tagger(
    name_or_path: str, *, device: str | torch.device | None = None, stride: int = 16, **loading: Any
) -> Tagger:
    """The tagger of a folder or a Hub id, any token classification model, ready to be called with texts.

    `device`: the GPU if there is one. `stride`: words that two windows of a long text share. `loading` goes to
    `from_pretrained` (`revision`, `token`, ...). A folder may hold model.onnx instead of the weights. Raises
    ModelError if there is no whole tagger with a fast tokenizer, or if it needs code of its own, which is never run.
    """
    _check_place(os.fspath(name_or_path))
    if is_onnx_folder(Path(name_or_path)):
        tokenizer = load_tokenizer(name_or_path)
        return Tagger(OnnxModel(name_or_path), tokenizer, device=device or "cpu", stride=stride)
    model, _ = load_whole(AutoModelForTokenClassification, name_or_path, **loading)
    return Tagger(model, load_tokenizer(name_or_path, **loading), device=device, stride=stride)


def _check_place(name: str) -> None:
    """Raises ModelError for the folder of a run, and for what is neither a folder nor like a Hub id."""
    folder = Path(name)
    if (folder / "config.yaml").is_file() and not (folder / "config.json").is_file():
        final = folder / "final"
        what = f"name {final}" if final.is_dir() else "its tagger will be in final/, once the run is finished"
        raise ModelError(f"{name}: this is a run's folder: {what}.")
    if not folder.exists() and (name.count("/") > 1 or name.startswith((".", "/"))):
        raise ModelError(f"{name}: no folder of this name. Check the path; it counts from the current folder.")


class Tagger:
    """Finds entities in texts; made by `load_tagger`, or of a model and its fast tokenizer."""

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        *,
        device: str | torch.device | None = None,
        stride: int = 16,
    ) -> None:
        self.device = torch.device(device) if device is not None else best_device()
        self.model = model.eval().to(self.device)
        self.tokenizer = tokenizer
        self.stride = stride
        self.window = model_window(tokenizer, model.config)
        self.names = [model.config.id2label[number] for number in range(model.config.num_labels)]
        if OUTSIDE not in self.names:
            raise ModelError(f"This model tags no entities: its labels {self.names} lack {OUTSIDE!r}.")
        # Only a WordPiece tokenizer sets marks apart from words; others need a rule, as their training data had one.
        self.words_by_tokenizer = type(tokenizer.backend_tokenizer.model).__name__ == "WordPiece"

    def __call__(self, texts: Text | Sequence[Text] | Dataset) -> Any:
        """The entities of one text (a list), or of each of several (a list of lists).

        A string is a text, a list of strings several texts; a text may also be a list of words, so a list of lists of
        words is several texts too. A Dataset has `tokens` or `text`, and comes back with a column `entities`.
        """
        if isinstance(texts, str):
            return next(self.stream([texts])).entities
        if isinstance(texts, Dataset):
            return self._dataset(texts)
        if not isinstance(texts, Sequence):
            fix = "give a string, a list of texts or one split of a data set; for an iterator there is stream."
            raise DataError(f"a {type(texts).__name__}.", fix=fix)
        bar = tqdm(texts, desc="Tagging", unit=" texts", disable=None if len(texts) > 1000 else True)
        return [tagged.entities for tagged in self.stream(bar)]

    def stream(self, texts: Iterable[Text]) -> Iterator[Tagged]:
        """Each text with its words and entities, in order, while they come; memory does not grow with their number."""
        waiting = iter(texts)
        while chunk := [self._split(text) for text in islice(waiting, BUFFERED_TEXTS)]:
            yield from self._tag(chunk)

    def _dataset(self, rows: Dataset) -> Dataset:
        column = next((name for name in ("tokens", "text") if name in rows.column_names), None)
        if column is None:
            found = f"rows with the columns {', '.join(rows.column_names)}."
            raise DataError(found, fix="give rows with a column tokens (lists of words) or text.")
        found = self.stream(tqdm(rows[column], desc="Tagging", unit=" texts", disable=None))
        entities = [[asdict(entity) for entity in tagged.entities] for tagged in found]
        if "entities" in rows.column_names:
            rows = rows.remove_columns("entities")
        return rows.add_column("entities", entities, feature=ENTITIES)

    def _split(self, text: Text) -> Tagged:
        if isinstance(text, str):
            spans = self._spans_by_tokenizer(text) if self.words_by_tokenizer else find_word_spans(text)
            return Tagged(text, [text[start:end] for start, end in spans], spans, [])
        if not isinstance(text, Sequence) or not all(isinstance(word, str) for word in text):
            parts = text if isinstance(text, Sequence) else [text]
            found = ", ".join(sorted({type(part).__name__ for part in parts} - {"str"}))
            raise DataError(f"a text of {found}.", fix="give strings, or lists of words.")
        words = list(text)
        spans, position = [], 0
        for word in words:
            spans.append((position, position + len(word)))
            position += len(word) + 1
        return Tagged(" ".join(words), words, spans, [])

    def _spans_by_tokenizer(self, text: str) -> list[tuple[int, int]]:
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        spans: list[tuple[int, int]] = []
        previous = None
        for word, (start, end) in zip(encoded.word_ids(), encoded["offset_mapping"], strict=True):
            if word == previous:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
            previous = word
        return spans

    def _tag(self, texts: Sequence[Tagged]) -> Iterator[Tagged]:
        tags = [[OUTSIDE] * len(text.words) for text in texts]
        scores = [[1.0] * len(text.words) for text in texts]
        sentences = [text.words for text in texts]
        windows = [
            (number, ids, _owned_starts(words, owned))
            for number, ids, words, owned in cut_windows(sentences, self.tokenizer, self.window, self.stride)
        ]
        windows.sort(key=lambda window: len(window[1]))
        for batch in _batches(windows, BATCH_PIECES.get(self.device.type, 4096)):
            labels, probabilities = self._predict([ids for _, ids, _ in batch])
            for (number, _, starts), row_labels, row_probabilities in zip(batch, labels, probabilities, strict=True):
                for piece, word in starts:
                    tags[number][word] = self.names[row_labels[piece]]
                    scores[number][word] = row_probabilities[piece]
        for text, text_tags, text_scores in zip(texts, tags, scores, strict=True):
            yield replace(text, entities=list(_entities(text, text_tags, text_scores)))

    @torch.inference_mode()
    def _predict(self, pieces: Sequence[list[int]]) -> tuple[list[list[int]], list[list[float]]]:
        """For every piece the number of the best label and its probability."""
        batch = self.tokenizer.pad({"input_ids": list(pieces)}, return_tensors="pt").to(self.device)
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=has_bf16()):
            logits = self.model(**inputs).logits
        probabilities, labels = logits.float().softmax(-1).max(-1)
        return labels.tolist(), probabilities.tolist()


def _owned_starts(piece_words: Sequence[int | None], owned: tuple[int, int]) -> list[tuple[int, int]]:
    """(piece, word) for the first piece of every word that the window owns."""
    starts, previous = [], None
    for piece, word in enumerate(piece_words):
        if word is not None and word != previous and owned[0] <= word < owned[1]:
            starts.append((piece, word))
        previous = word
    return starts


def _batches(windows: Sequence[Any], pieces: int) -> Iterator[Sequence[Any]]:
    """Neighbours of about the same length, as many as make so many pieces, or a single longer one."""
    begin = 0
    while begin < len(windows):
        end = begin + 1
        while end < len(windows) and (end + 1 - begin) * len(windows[end][1]) <= pieces:
            end += 1
        yield windows[begin:end]
        begin = end


def _entities(text: Tagged, tags: Sequence[str], scores: Sequence[float]) -> Iterator[Entity]:
    for span in spans_from_tags(tags):
        start, end = text.spans[span.start][0], text.spans[span.end - 1][1]
        score = sum(scores[span.start : span.end]) / (span.end - span.start)
        yield Entity(text.text[start:end], span.label, score, start, end, span.start, span.end)
