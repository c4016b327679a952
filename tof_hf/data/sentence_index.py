"""Finds sentences again in other data by their content, however that data writes, cuts or tags them."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby

from datasets import ClassLabel, Dataset

from tof_hf.data.labels import entity_types

# Of longer text every fifth piece of eight characters is looked up among the pieces of the sentences at five offsets.
_PIECE, _STEP = 8, 5
_LONG = 20  # characters; shorter sentences occur in other text by chance, unless they have
_MANY = 5  # words and as many characters as the pieces need
_BATCH = 5000  # rows


class SentenceIndex:
    """Sentences by their content: letters and digits alone, without case, accents, and tags written as words.

    A long sentence (20 characters, or 5 words of 12 characters in all) is also found inside other text and across
    rows; a short one only as a whole row. Time and memory grow in step with the data.

    Attributes:
        sentences: each sentence's words, by its content.
        long: the contents of the long ones.

    Example:
        >>> index = SentenceIndex(read_ner("gold.conll"))
        >>> index.found_in(read_mrc("questions.json"))
        {'mariavisitóparis'}
    """

    def __init__(self, rows: Dataset) -> None:
        feature = getattr(rows.features.get("ner_tags"), "feature", None)
        self._tags = _written_tags(entity_types(feature.names) if isinstance(feature, ClassLabel) else [])
        self.sentences: dict[str, str] = {}
        self.long: set[str] = set()
        self._by_piece: dict[str, dict[tuple[int, int], set[str]]] = {}
        for texts in _batches(rows):
            for text in texts:
                content = self.content(text)
                self.sentences[content] = text
                if len(content) < _PIECE + _STEP - 1 or (len(content) < _LONG and len(text.split()) < _MANY):
                    continue
                self.long.add(content)
                for offset in range(_STEP):
                    same = self._by_piece.setdefault(content[offset : offset + _PIECE], {})
                    same.setdefault((offset, len(content)), set()).add(content)
        self.sentences.pop("", None)

    def content(self, text: str) -> str:
        """What of a text is compared."""
        without_accents = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text))
        return re.sub(r"[\W_]+", "", self._tags.sub(" ", without_accents).casefold())

    def found_in(self, rows: Dataset) -> set[str]:
        """The contents of those sentences that are in the rows, NER rows, text or questions with their contexts."""
        found: set[str] = set()
        longest, by_piece = max(map(len, self.long), default=0), self._by_piece
        before = ""
        for texts in _batches(rows):
            contents = list(map(self.content, texts))
            found.update(self.sentences.keys() & contents)
            if not longest:
                continue
            text = before + "".join(contents)
            for place in range(0, len(text), _STEP):
                if (piece := text[place : place + _PIECE]) in by_piece:
                    for (offset, length), sentences in by_piece[piece].items():
                        found.update(sentences & {text[max(0, place - offset) : place - offset + length]})
            before = text[-longest:]
        return found


def _batches(rows: Dataset) -> Iterator[list[str]]:
    """The sentences or, once each where they follow each other, the contexts of questions."""
    column = "tokens" if "tokens" in rows.column_names else "context"
    for batch in rows.select_columns(column).iter(batch_size=_BATCH):
        texts = batch[column]
        yield [" ".join(words) for words in texts] if column == "tokens" else [text for text, _ in groupby(texts)]


def _written_tags(types: list[str]) -> re.Pattern[str]:
    """Tags among words: O, B-PER and the like, in any case where the type is one of these."""
    names = "|".join(map(re.escape, sorted(types, key=len, reverse=True))) or "(?!)"
    position = "[BIESLUM]"
    tag = rf"O|(?:{position}[-_])?(?:{names})(?:[-_]{position})?|(?-i:{position}[-_][A-Z]{{2,}})"
    return re.compile(rf"(?<![A-Za-z0-9])(?:{tag})(?![A-Za-z0-9])", re.IGNORECASE)
