"""A tiny BERT with its own WordPiece tokenizer, trained by MLM on the toy world's bilingual general text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import (
    BatchEncoding,
    BertConfig,
    BertForMaskedLM,
    BertTokenizerFast,
    get_linear_schedule_with_warmup,
)

from .world import World

MASKED_WORDS = 0.2
MAX_PIECES = 256  # positions the encoder has, and the tokenizer's model_max_length


def train_tokenizer(lines: Sequence[str], *, vocab_size: int = 1200) -> BertTokenizerFast:
    """Return a cased WordPiece tokenizer with at most `vocab_size` pieces, trained on `lines`.

    The pieces are learned by merging the most frequent pair of neighbours again and again. The trainers of
    `tokenizers` break ties by hash order, so each run has another vocabulary; here ties go by spelling.
    """
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    counts = Counter(word for line in lines for word, _ in split(line))
    words = {word: [word[0], *("##" + letter for letter in word[1:])] for word in sorted(counts)}
    letters = sorted({piece for pieces in words.values() for piece in (*pieces, "##" + pieces[0])})
    vocab = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters])
    pairs: Counter[tuple[str, str]] = Counter()
    places: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for word, pieces in words.items():
        for pair in pairwise(pieces):
            pairs[pair] += counts[word]
            places[pair].add(word)
    while len(vocab) < vocab_size and pairs:
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        if pairs[best] < 2:
            break
        merged = best[0] + best[1][2:]
        vocab[merged] = None
        for word in places[best]:
            old, new = words[word], _merge(words[word], best, merged)
            for pair in pairwise(old):
                pairs[pair] -= counts[word]
            for pair in pairwise(new):
                pairs[pair] += counts[word]
                places[pair].add(word)
            words[word] = new
        del pairs[best]
    return BertTokenizerFast(
        vocab={piece: place for place, piece in enumerate(vocab)},
        do_lower_case=False,
        strip_accents=False,
        model_max_length=MAX_PIECES,
    )


def _merge(pieces: list[str], pair: tuple[str, str], merged: str) -> list[str]:
    result: list[str] = []
    for piece in pieces:
        if result and (result[-1], piece) == pair:
            result[-1] = merged
        else:
            result.append(piece)
    return result


def train_encoder(
    world: World,
    folder: str | Path,
    *,
    seed: int = 0,
    steps: int = 1200,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    layers: int = 2,
    hidden: int = 64,
    vocab_size: int = 1200,
) -> Path:
    """Train a BERT by MLM on `world.pretraining_text` and return `folder`, where it is saved with its tokenizer.

    It plays the part of a pretrained multilingual encoder: it has an MLM head and loads with any `Auto` class.
    With `steps=0` the weights stay random, which is enough for tests. The global random state is left as it was.
    """
    folder = Path(folder)
    tokenizer = train_tokenizer(_all_text(world), vocab_size=vocab_size)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        intermediate_size=2 * hidden,
        max_position_embeddings=MAX_PIECES,
        pad_token_id=tokenizer.pad_token_id,
        # A model this small does not overfit, and dropout costs a fifth of the time.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertForMaskedLM(config)
        if steps:
            encoded = tokenizer(world.pretraining_text, truncation=True, max_length=MAX_PIECES)
            _train(model, tokenizer, encoded, steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _all_text(world: World) -> list[str]:
    rows = world.source_qa + world.target_qa
    raw = [" ".join(row["tokens"]) for row in world.source_train + world.target_text]
    return world.pretraining_text + raw + [row["question"] for row in rows] + [row["context"] for row in rows]


def _train(
    model: BertForMaskedLM,
    tokenizer: BertTokenizerFast,
    encoded: BatchEncoding,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
) -> None:
    pieces = encoded["input_ids"]
    words = [[-1 if word is None else word for word in encoded.word_ids(row)] for row in range(len(pieces))]
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = get_linear_schedule_with_warmup(optimizer, steps // 10, steps)
    model.train()
    batches = _batches(pieces, batch_size)
    for _ in range(steps):
        rows = next(batches)
        truth = _padded([pieces[row] for row in rows], tokenizer.pad_token_id)
        inputs, masked = _mask_words(truth, _padded([words[row] for row in rows], -1), tokenizer)
        hidden = model.base_model(inputs, attention_mask=truth != tokenizer.pad_token_id).last_hidden_state
        loss = cross_entropy(model.cls(hidden[masked]), truth[masked])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()


def _mask_words(
    pieces: Tensor, words: Tensor, tokenizer: BertTokenizerFast, probability: float = MASKED_WORDS
) -> tuple[Tensor, Tensor]:
    """Return the inputs, in which whole words are masked (80 %) or random (10 %), and where to predict, (rows, pieces).

    If single pieces were masked, the rest of a name would give its type away, and the model would not learn to
    read it from the sentence. `words` holds each piece's word, -1 for special pieces and padding.
    """
    # A draw for every word of every row, then each piece takes its word's.
    masked = (torch.rand(words.shape).gather(1, words.clamp(min=0)) < probability) & (words >= 0)
    draw = torch.rand(pieces.shape)
    inputs = torch.where(masked & (draw < 0.8), tokenizer.mask_token_id, pieces)
    return torch.where(masked & (draw >= 0.9), torch.randint_like(pieces, len(tokenizer)), inputs), masked


def _padded(rows: list[list[int]], value: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows])


def _batches(encoded: list[list[int]], batch_size: int) -> Iterator[list[int]]:
    """Yield the row numbers of lines of about the same length forever, shuffled again in every pass."""
    while True:
        noise = torch.rand(len(encoded)).tolist()
        order = sorted(range(len(encoded)), key=lambda row: len(encoded[row]) + 2 * noise[row])
        starts = range(0, len(order), batch_size)
        for pick in torch.randperm(len(starts)).tolist():
            yield order[starts[pick] : starts[pick] + batch_size]
