from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
import torch
from datasets import Dataset
from torch.nn import functional as F

from tof_hf.data.label_selection import select_labels
from tof_hf.data.pseudo_labels import PROBABILITIES, WordPredictions, mix_labelled, pseudo_label
from tof_hf.data.soft_labels import encode_soft_labels, soft_label, with_probabilities
from tof_hf.data.windows import IGNORE, NO_WORD
from tof_hf.stages.fit import generalized_cross_entropy, token_loss
from tof_hf.stages.soft_loss import DISAGREED, SoftCollator, distillation_loss

NAMES = ["O", "B-PER", "I-PER"]


@pytest.fixture
def batch(tokenizers):
    """Two sentences of five and two words; two teachers disagree about every third word of the first."""
    tokens = [["Maria", "visited", "London", "and", "Paris"], ["Juan", "won"]]
    rows = pa.table({"id": ["1", "2"], "tokens": tokens})
    drawn = torch.Generator().manual_seed(0)
    given = [[torch.rand(3, generator=drawn).softmax(-1).numpy() for _ in words] for words in tokens]
    other = [[word[[1, 2, 0]] if i % 3 == 0 else word for i, word in enumerate(words)] for words in given]
    given, other = (np.stack([word for words in one for word in words]) for one in (given, other))
    taught = soft_label(rows, [given], [given, other], label_names=NAMES)
    windows = encode_soft_labels(taught, tokenizers["wordpiece"])
    return taught, SoftCollator(tokenizers["wordpiece"])([*windows]), [*windows]


def logits_for(batch):
    return torch.randn(*batch["input_ids"].shape, 3, generator=torch.Generator().manual_seed(1))


def slow_loss(taught, windows, logits, soft_loss, hard_weight):
    """Word by word, as one would say it."""
    total, words = 0.0, 0
    for i, window in enumerate(windows):
        row = taught[window["row"]]
        for piece, word in enumerate(window["word_ids"]):
            if word == NO_WORD:
                continue
            words += 1
            odds = [math.exp(x) for x in logits[i, piece].tolist()]
            own = [odd / sum(odds) for odd in odds]
            wanted = row["class_probabilities"][word]
            if soft_loss == "mse":
                total += sum((a - b) ** 2 for a, b in zip(own, wanted, strict=True)) / len(own)
            else:
                total -= sum(b * math.log(a) for a, b in zip(own, wanted, strict=True))
            if not row["ner_unsure"][word]:
                total -= hard_weight * math.log(own[row["ner_tags"][word]])
    return total / words


def test_generalized_cross_entropy_is_that_of_its_authors_for_every_labelled_piece():
    logits = torch.tensor([[[2.0, 0.0, -1.0], [0.0, 0.5, 0.0], [1.0, 1.0, 1.0]]])
    labels = torch.tensor([[0, 2, IGNORE]])
    odds = [[math.exp(x) for x in row] for row in logits[0].tolist()]
    known = [odds[0][0] / sum(odds[0]), odds[1][2] / sum(odds[1])]
    loss = generalized_cross_entropy({"logits": logits}, labels, 2, q=0.7)
    assert float(loss) == pytest.approx(sum((1 - p**0.7) / 0.7 for p in known) / 2)
    near_zero = generalized_cross_entropy({"logits": logits}, labels, q=1e-4)
    assert float(near_zero) == pytest.approx(float(token_loss({"logits": logits}, labels)), abs=1e-3)


def test_a_tagger_learns_sharpened_probabilities_of_sure_words_and_the_labels_of_the_source(tokenizers):
    found = np.array([[0.9, 0.05, 0.05], [0.1, 0.6, 0.3], [0.05, 0.15, 0.8]], dtype=np.float32)
    predicted = WordPredictions([["O", "B-PER", "I-PER"]], [[0.9, 0.6, 0.8]])
    text = Dataset.from_dict({"id": ["1"], "tokens": [["seen", "Maria", "Juan"]]})
    own = pseudo_label(text, predicted, label_names=NAMES)
    soft = with_probabilities(own, found, sharpened=True)
    chosen = select_labels(soft, "threshold", level="token", threshold=0.7)
    source = with_probabilities(own.select_columns(["id", "tokens", "ner_tags"]))
    mixed = mix_labelled([source, chosen], columns=["id", "tokens", "ner_tags", PROBABILITIES])
    windows = [*encode_soft_labels(mixed, tokenizers["wordpiece"])]
    batch = SoftCollator(tokenizers["wordpiece"], only_agreed=True)(windows)
    logits = logits_for(batch)
    wanted = [(0, 0, [1, 0, 0]), (0, 1, [0, 1, 0]), (0, 2, [0, 0, 1])]
    for word in (0, 2):  # the second is unsure
        squares = [value**2 for value in found[word].tolist()]
        wanted.append((1, word, [square / sum(squares) for square in squares]))
    losses = []
    for row, word, probabilities in wanted:
        own_logs = logits[row, windows[row]["word_ids"].index(word)].log_softmax(-1).tolist()
        losses.append(-sum(one * log for one, log in zip(probabilities, own_logs, strict=True)))
    loss = distillation_loss({"logits": logits}, batch["labels"], soft_loss="cross_entropy")
    assert float(loss) == pytest.approx(sum(losses) / 5, rel=1e-5)


@pytest.mark.parametrize(
    ("soft_loss", "hard_weight"),
    [("mse", 0.0), ("mse", 1.0), ("mse", 0.3), ("cross_entropy", 0.0), ("cross_entropy", 0.3)],
)
def test_the_loss_is_how_far_every_word_is_and_the_cross_entropy_where_teachers_agree(batch, soft_loss, hard_weight):
    taught, padded, windows = batch
    logits = logits_for(padded)
    loss = distillation_loss({"logits": logits}, padded["labels"], soft_loss=soft_loss, hard_weight=hard_weight)
    assert loss.item() == pytest.approx(slow_loss(taught, windows, logits, soft_loss, hard_weight), rel=1e-5)
    assert (padded["labels"][..., -1] == DISAGREED).any()


def test_two_halves_of_a_batch_sum_to_the_whole(batch):
    _, padded, _ = batch
    logits, labels = logits_for(padded), padded["labels"]
    items = (labels != IGNORE).sum()  # as the Trainer counts
    parts = [({"logits": logits[i : i + 1]}, labels[i : i + 1]) for i in (0, 1)]
    halves = sum(distillation_loss(*part, items, hard_weight=1.0) for part in parts)
    assert halves.item() == pytest.approx(distillation_loss({"logits": logits}, labels, hard_weight=1.0).item())


def test_a_student_that_is_its_teacher_has_nothing_to_learn(batch):
    _, padded, _ = batch
    labels = padded["labels"]
    logits = torch.where(labels[..., :-1] == IGNORE, 0.0, labels[..., :-1].clamp(min=1e-9).log()).requires_grad_()
    loss = distillation_loss({"logits": logits}, labels)
    loss.backward()
    assert loss.item() < 1e-9
    assert logits.grad.abs().max().item() < 1e-4


def test_validation_sentences_are_scored_by_the_taggers_own_loss():
    logits, labels = torch.randn(2, 4, 3), torch.tensor([[0, 1, IGNORE, 2], [IGNORE, 0, 0, IGNORE]])
    loss = distillation_loss({"logits": logits}, labels, hard_weight=1.0)
    assert loss == token_loss({"logits": logits}, labels)
    assert loss == pytest.approx(F.cross_entropy(logits.reshape(-1, 3), labels.reshape(-1), ignore_index=IGNORE))
