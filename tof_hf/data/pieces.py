"""The pieces of words, each word tokenized once: tokenizing every sentence anew would take longer than small models."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

MOST_WORDS = 200_000  # that are remembered: about 50 MB


class _Pieces:
    """A fast tokenizer encodes the words of a list of words one by one, so a word's pieces are always the same."""

    def __init__(self, tokenizer: Any) -> None:
        self.known: dict[str, list[int]] = {}
        self.remember(tokenizer, ["a"])
        whole, pieces = tokenizer(["a"], is_split_into_words=True)["input_ids"], self.known["a"]
        before = tokenizer(["a"], is_split_into_words=True).word_ids().index(0)
        self.before, self.after = whole[:before], whole[before + len(pieces) :]

    def remember(self, tokenizer: Any, words: Sequence[str]) -> None:
        encoded = tokenizer(
            [[word] for word in words], is_split_into_words=True, add_special_tokens=False, verbose=False
        )
        self.known.update(zip(words, encoded["input_ids"], strict=True))


_of_tokenizers: WeakKeyDictionary[Any, _Pieces] = WeakKeyDictionary()


def encode_words(sentences: Sequence[Sequence[str]], tokenizer: Any) -> Iterator[tuple[list[int], list[int | None]]]:
    """The ids of each sentence's pieces, special ones included, and the word of each piece, None for special ones."""
    pieces = _of_tokenizers.get(tokenizer)
    if pieces is None:
        pieces = _of_tokenizers[tokenizer] = _Pieces(tokenizer)
    words = set(chain.from_iterable(sentences))
    if len(pieces.known) + len(words - pieces.known.keys()) > MOST_WORDS:
        pieces.known.clear()
    if new := sorted(words - pieces.known.keys()):
        pieces.remember(tokenizer, new)
    known, before, after = pieces.known, pieces.before, pieces.after
    for sentence in sentences:
        ids = [*before]
        word_ids: list[int | None] = [None] * len(before)
        for number, word in enumerate(sentence):
            ids += known[word]
            word_ids += [number] * len(known[word])
        yield ids + after, word_ids + [None] * len(after)
