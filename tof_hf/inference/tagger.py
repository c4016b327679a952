"""Taggers: texts in, entities out, for texts of any length and streams of any size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from tqdm.auto import tqdm
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerBase

from tof_hf.data.tagged import ENTITIES, Tagged, Text, entities_of, split_text
from tof_hf.data.tokenizers import load_tokenizer, model_window
from tof_hf.data.words import LEGACY, check_rule, find_word_spans, stored_rule
from tof_hf.errors import DataError, ModelError, TofError, reason_of
from tof_hf.inference.words import SENTENCES, WordPredictor
from tof_hf.modeling import int8
from tof_hf.modeling.checkpoints import check_vocabulary, load_whole
from tof_hf.modeling.onnx_model import OnnxModel, is_onnx_folder
from tof_hf.utils.devices import has_bf16


def load_tagger(
    name_or_path: str,
    *,
    device: str | torch.device | None = None,
    stride: int = 16,
    word_rule: str | None = None,
    revision: str | None = None,
    quantize: bool = False,
    **loading: Any,
) -> Tagger:
    """The tagger of a folder or a Hub id, ready to be called with texts. Any token classification model works.

    Args:
        name_or_path: a folder with weights or with model.onnx, or a Hub id.
        device: by default the GPU if there is one.
        stride: words that two neighbouring windows of a long text share.
        word_rule: how texts are split into words; by default the rule that is stored with the tagger.
        revision: branch, tag or commit of a Hub repository.
        quantize: compute the encoder's linear layers in 8-bit integers, on the CPU alone.
        loading: other arguments of `from_pretrained` (`token`, `cache_dir`, ...).

    Returns:
        A `Tagger`: called with texts, it returns their entities.

    Raises:
        ModelError: there is no whole tagger with a fast tokenizer, or it needs code of its own, which is never run;
            or it cannot be quantized.

    Example:
        >>> tagger = load_tagger("runs/spanish/final")
        >>> [(entity.text, entity.label) for entity in tagger("Ana García vive en Madrid.")]
        [('Ana García', 'PER'), ('Madrid', 'LOC')]
    """
    _refuse_run_folder(Path(name_or_path))
    if revision is not None:
        loading["revision"] = revision
    is_onnx = is_onnx_folder(Path(name_or_path))
    if quantize:
        device = torch.device(device or "cpu")
        if is_onnx or device.type != "cpu":
            what = "an ONNX tagger" if is_onnx else f"a tagger on {device}"
            fix = "export it with int8=True" if is_onnx else "leave device or quantize out"
            raise ModelError(f"{name_or_path}: {what} cannot be quantized when it is loaded. What to do: {fix}.")
    if is_onnx:
        tokenizer = load_tokenizer(name_or_path)
        return Tagger(OnnxModel(name_or_path), tokenizer, device=device or "cpu", stride=stride, word_rule=word_rule)
    model, _ = load_whole(AutoModelForTokenClassification, name_or_path, **loading)
    model = int8.quantize(model) if quantize else model
    tokenizer = load_tokenizer(name_or_path, **loading)
    tagger = Tagger(model, tokenizer, device=device, stride=stride, word_rule=word_rule)
    try:
        tagger(["a"])
    except TofError:
        raise
    except Exception as problem:  # sizes of the config that do not fit together fail only when it computes
        raise ModelError(f"{name_or_path}: this tagger cannot tag a word. {reason_of(problem)}") from problem
    return tagger


def _refuse_run_folder(folder: Path) -> None:
    if os.path.isfile(folder / "config.yaml") and not (folder / "config.json").is_file():
        final = folder / "final"
        what = f"name {final}" if final.is_dir() else "its tagger will be in final/, once the run is finished"
        raise ModelError(f"{folder}: this is a run's folder: {what}.")


class Tagger:
    """Finds entities in texts of any length. `load_tagger` makes one.

    Args:
        model: a token classification model of transformers, or an `OnnxModel`.
        tokenizer: its fast tokenizer.
        device: by default the GPU if there is one.
        stride: words that two neighbouring windows of a long text share.
        word_rule: how texts are split into words; by default the rule in the model's config. Without one the tokenizer
            does it if it is a WordPiece tokenizer, else the rule of earlier releases.

    Raises:
        ModelError: the model has no label "O", so that it tags no entities, or no embeddings for all of its pieces.
        TofError: the word rule is unknown, or needs spaCy, which is not installed.

    Example:
        >>> tagger = Tagger(model, tokenizer)
        >>> for tagged in tagger.stream(lines_of_a_large_file):
        ...     print(tagged.tags)
    """

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        *,
        device: str | torch.device | None = None,
        stride: int = 16,
        word_rule: str | None = None,
    ) -> None:
        self._predictor = WordPredictor(
            model,
            tokenizer,
            device=None if device is None else torch.device(device),
            max_length=model_window(tokenizer, model.config),
            stride=stride,
            autocast=torch.bfloat16 if has_bf16() else None,
        )
        self.device, self.model, self.names = self._predictor.device, self._predictor.model, self._predictor.names
        self.tokenizer, self.stride, self.window = tokenizer, stride, self._predictor.max_length
        check_vocabulary(tokenizer, model.config, model.config.name_or_path or "the tagger")
        self.word_rule = word_rule or stored_rule(model.config)
        # Without a rule: only a WordPiece tokenizer separates punctuation from words.
        by_tokenizer = type(tokenizer.backend_tokenizer.model).__name__ == "WordPiece" and self.word_rule is None
        rule = self.word_rule or LEGACY
        check_rule(rule)
        self._find_words = self._spans_by_tokenizer if by_tokenizer else partial(find_word_spans, rule=rule)

    def __call__(self, texts: Text | Sequence[Text] | Dataset) -> Any:
        """The entities of one text (a list of `Entity`), or of each of several texts (a list of lists).

        Args:
            texts: a string is one text. A list has several texts: strings, or lists of words. A `Dataset` has a
                column `tokens` or `text`.

        Returns:
            For a `Dataset` the rows with a column `entities`.

        Raises:
            DataError: something else than that; for an iterator there is `stream`.
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
        """Each text with its words and entities, in order. Texts are read as needed, in constant memory."""
        waiting = iter(texts)
        while chunk := [split_text(text, self._find_words) for text in islice(waiting, SENTENCES)]:
            yield from self._tag(chunk)

    def _dataset(self, rows: Dataset) -> Dataset:
        column = next((name for name in ("tokens", "text") if name in rows.column_names), None)
        if column is None:
            found = f"rows with the columns {', '.join(rows.column_names)}."
            raise DataError(found, fix="give rows with a column tokens (lists of words) or text.")
        tagged = self.stream(tqdm(rows[column], desc="Tagging", unit=" texts", disable=None))
        entities = [[asdict(entity) for entity in one.entities] for one in tagged]
        if "entities" in rows.column_names:
            rows = rows.remove_columns("entities")
        return rows.add_column("entities", entities, feature=ENTITIES)

    def _spans_by_tokenizer(self, text: str) -> list[tuple[int, int]]:
        encoded = self.tokenizer(text, add_special_tokens=False, verbose=False)
        return [encoded.word_to_chars(word) for word in dict.fromkeys(encoded.word_ids()) if word is not None]

    def _tag(self, texts: Sequence[Tagged]) -> Iterator[Tagged]:
        found = self._predictor.probabilities([text.words for text in texts])
        numbers = self._predictor.tags(found, np.cumsum([0, *(len(text.words) for text in texts)]))
        best = zip(numbers.tolist(), found[np.arange(len(found)), numbers].tolist(), strict=True)
        for text in texts:
            words = list(islice(best, len(text.words)))
            tags = [self.names[label] for label, _ in words]
            yield replace(text, entities=list(entities_of(text, tags, [score for _, score in words])))
