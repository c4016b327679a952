"""A tagger's predictions for words: sentences are cut into windows, predicted in batches and joined again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from torch.utils.data import Sampler, SequentialSampler
from transformers import (
    DataCollatorForTokenClassification,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
)

from tof_hf.data.pseudo_labels import WordPredictions
from tof_hf.data.windows import IGNORE, first_pieces
from tof_hf.data.words import DECODING, stored
from tof_hf.inference.decoding import viterbi
from tof_hf.modeling.checkpoints import OUTSIDE, label_names
from tof_hf.utils.devices import best_device

SENTENCES = 1024  # that are sorted by length together
# Pieces in a batch, padding included: as many as fit in the caches of a CPU, or keep a GPU busy.
BATCH_PIECES = {"cpu": 1024, "cuda": 16384, "mps": 4096}


@dataclasses.dataclass(frozen=True)
class WordCollator:
    """Makes padded `input_ids`, `attention_mask` and, if the rows have them, `labels` from rows of `encode_ner`."""

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        """(batch, pieces) tensors; labels are -100 on the padding."""
        pad = DataCollatorForTokenClassification(self.tokenizer, label_pad_token_id=IGNORE)
        names = [name for name in ("input_ids", "labels") if name in rows[0]]
        return dict(pad([{name: row[name] for name in names} for row in rows]))


class OrderedTrainer(Trainer):
    """A Trainer that evaluates and predicts in the order of the rows.

    With length-grouped training batches the stock one shuffles evaluation too, and its result does not say which row
    a prediction belongs to. Our rows are already sorted by length.

    `head_rate` is the head's learning rate, with the encoder's schedule.
    """

    def __init__(self, *args: Any, head_rate: float | None = None, **kwargs: Any) -> None:
        self.head_rate = head_rate
        super().__init__(*args, **kwargs)

    def create_optimizer(self, model: Any = None) -> Any:
        """The stock optimizer; with `head_rate` the head's parameters are in separate groups."""
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if is_new and self.head_rate is not None:
            encoder = set(self.accelerator.unwrap_model(self.model).base_model.parameters())
            for group in list(optimizer.param_groups):
                if head := [parameter for parameter in group["params"] if parameter not in encoder]:
                    group["params"] = [parameter for parameter in group["params"] if parameter in encoder]
                    optimizer.add_param_group(group | {"params": head, "lr": self.head_rate})
        return optimizer

    def _get_eval_sampler(self, eval_dataset: Dataset) -> Sampler | None:
        # With several processes accelerate distributes the rows in order.
        return SequentialSampler(eval_dataset) if self.args.world_size <= 1 else None

    def predictions(self, windows: Dataset) -> np.ndarray:
        """The reduced outputs of the model for every window, padded to the longest; this ends the trainer's work."""
        self.remove_callback(PrinterCallback)
        predicted = np.asarray(self.predict(windows).predictions)
        self.accelerator.free_memory()
        return predicted


class WordPredictor:
    """Predicts the classes of the words of sentences of any length, in batches of windows of about the same length.

    Args:
        model: a token classification model of transformers with a label "O", or an `OnnxModel`.
        tokenizer: its fast tokenizer.
        device: by default the GPU if there is one.
        max_length: pieces in a window.
        stride: words that two neighbouring windows of a sentence share.
        autocast: the type in which the model computes; None leaves it as it is.

    Raises:
        ModelError: the model has no label "O".

    Example:
        >>> predictor = WordPredictor(model, tokenizer)
        >>> predictor.probabilities([["Maria", "visited", "Paris"]]).shape
        (3, 9)
    """

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        *,
        device: torch.device | None = None,
        max_length: int = 128,
        stride: int = 16,
        autocast: torch.dtype | None = None,
    ) -> None:
        self.names = label_names(model)
        self.device = best_device() if device is None else device
        self.model = model.eval().to(self.device)
        self.tokenizer, self.autocast = tokenizer, autocast
        self.max_length, self.stride = max_length, stride
        self._padding = tokenizer.pad_token_id or 0
        self._viterbi = stored(model.config, DECODING) == "viterbi"

    def tags(self, probabilities: np.ndarray, bounds: np.ndarray) -> np.ndarray:
        """The number of each word's tag: the most probable, or by Viterbi decoding if the model's config asks for it.

        `bounds`: where sentences begin, and the number of words.
        """
        return viterbi(probabilities, bounds, self.names) if self._viterbi else probabilities.argmax(-1)

    def probabilities(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """(words, classes): the probability of every class for all words, one sentence after the other.

        A word has those of its first piece. Words that the tokenizer drops completely are O with probability 1.
        """
        bounds = np.cumsum([0, *map(len, sentences)])
        found = np.zeros((bounds[-1], len(self.names)), dtype=np.float32)
        found[:, self.names.index(OUTSIDE)] = 1
        windows = list(first_pieces(sentences, self.tokenizer, self.max_length, self.stride))
        lengths = [len(ids) for _, ids, _, _ in windows]
        for batch in _batches(lengths, BATCH_PIECES.get(self.device.type, 4096)):
            chosen = [windows[number] for number in batch]
            places = np.concatenate([place for _, _, place, _ in chosen])
            in_window = np.repeat(np.arange(len(chosen)), [len(place) for _, _, place, _ in chosen])
            words = np.concatenate([word + bounds[sentence] for sentence, _, _, word in chosen])
            found[words] = self._predict([ids for _, ids, _, _ in chosen], in_window, places)
        return found

    @torch.inference_mode()
    def _predict(self, windows: Sequence[list[int]], in_window: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The class probabilities at these pieces of these windows."""
        ids = np.full((len(windows), max(map(len, windows))), self._padding)
        for row, window in zip(ids, windows, strict=True):
            row[: len(window)] = window
        mask = np.arange(ids.shape[1]) < np.array([[len(window)] for window in windows])
        arrays = {"input_ids": ids, "attention_mask": mask.astype(np.int64)}
        inputs = {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}
        with torch.autocast(self.device.type, dtype=self.autocast, enabled=self.autocast is not None):
            logits = self.model(**inputs).logits
        return logits[in_window, places].float().softmax(-1).cpu().numpy()


def predict_words(predictor: WordPredictor, rows: Dataset) -> WordPredictions:
    """The tag of every word and its probability, for sentences of any length (paper Eq. 4).

    Args:
        predictor: the tagger.
        rows: rows with `tokens`; their labels are not used.

    Returns:
        One tag and its probability (0..1) per word.

    Example:
        >>> predict_words(predictor, rows).tags[0]
        ['B-PER', 'I-PER', 'O']
    """
    tags: list[list[str]] = []
    probabilities: list[list[float]] = []
    for batch in rows.select_columns("tokens").iter(batch_size=SENTENCES):
        found = predictor.probabilities(batch["tokens"])
        numbers = predictor.tags(found, np.cumsum([0, *map(len, batch["tokens"])]))
        best = zip(numbers.tolist(), found[np.arange(len(found)), numbers].tolist(), strict=True)
        for tokens in batch["tokens"]:
            words = list(islice(best, len(tokens)))
            tags.append([predictor.names[tag] for tag, _ in words])
            probabilities.append([probability for _, probability in words])
    return WordPredictions(tags, probabilities)


def _batches(lengths: Sequence[int], pieces: int) -> Iterator[list[int]]:
    """Numbers of windows of about the same length, as many as fit in `pieces`; a longer one is a batch of its own."""
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[number] > pieces:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
