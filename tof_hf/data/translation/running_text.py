"""Word-by-word translation of running text: what a word is, and how a span of characters moves."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter

import regex

from tof_hf.data.words import MARKS

TranslateWord = Callable[[str], str | None]


@dataclass(frozen=True)
class Translated:
    """A translated text; `pieces` are (start, end, new start, new end) of every translated word, in characters."""

    text: str
    pieces: tuple[tuple[int, int, int, int], ...]

    def moved(self, span: Mapping[str, int]) -> dict[str, int]:
        """The new place of the characters [start, end); an end inside a translated word covers the whole word."""
        return {"start": self._moved(span["start"], is_end=False), "end": self._moved(span["end"], is_end=True)}

    def _moved(self, position: int, *, is_end: bool) -> int:
        piece = bisect_left(self.pieces, position, key=itemgetter(0)) - 1  # the last piece that starts before
        if piece < 0:
            return position
        _, end, new_start, new_end = self.pieces[piece]
        if position < end:
            return new_end if is_end else new_start
        return position + new_end - end


def translate_text(text: str, translate: TranslateWord, *, copied: Sequence[Mapping[str, int]] = ()) -> Translated:
    """The text with its words translated and everything between them unchanged; words inside `copied` spans stay.

    A compound (`x-ray`, `o'clock`) is looked up whole first, then its parts.
    """
    pieces: list[tuple[int, int, int, int]] = []
    new, done = "", 0
    for start, end, found in _translations(text, translate):
        if any(span["start"] <= start and end <= span["end"] for span in copied):
            continue
        new += text[done:start]
        pieces.append((start, end, len(new), len(new) + len(found)))
        new += found
        done = end
    return Translated(new + text[done:], tuple(pieces))


def find_words(text: str) -> list[str]:
    """The words of the text without their compounds' hyphens; "Britain's" is "Britain", "don't" is one word."""
    return _patterns()[1].findall(text)


def _translations(text: str, translate: TranslateWord) -> Iterator[tuple[int, int, str]]:
    compound, word = _patterns()
    for whole in compound.finditer(text):
        found = translate(whole.group())
        if found is not None:
            yield whole.start(), whole.end(), found
            continue
        for part in word.finditer(text, whole.start(), whole.end()):
            if part.span() != whole.span() and (found := translate(part.group())) is not None:
                yield part.start(), part.end(), found


@cache
def _patterns() -> tuple[regex.Pattern[str], regex.Pattern[str]]:
    """A compound, and a word inside one."""
    part = rf"(?:[\p{{L}}\p{{N}}][{MARKS}]*)+"
    return (
        regex.compile(rf"{part}(?:['’.\-]{part})*"),
        regex.compile(rf"(?<!\w['’]){part}(?:['’](?![sS]\b){part})*"),
    )
