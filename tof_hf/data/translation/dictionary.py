"""Bilingual dictionaries, word to word, in the format of MUSE or as tab-separated pairs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from os import PathLike
from pathlib import Path

from datasets import Dataset

from tof_hf.data.readers.files import lines_of, read_text_file
from tof_hf.data.readers.notes import note
from tof_hf.errors import DataError
from tof_hf.storage.files import write_text

_NO_WORD = re.compile(r"[^\W\d]\s*[,;|]\s*[^\W\d]|\s/\s|[({\[].+[)}\]]")  # "perro, can", "Hund {m}"
_TAG = re.compile(r"O|[BILUMESW]-\S+")
_TITLES = frozenset(
    "source target src tgt word words translation translations lemma from to english german spanish dutch french "
    "italian portuguese en de es nl fr it pt".split()
)


def fold(word: str) -> str:
    """The form in which words are looked up: case-folded, with straight apostrophes."""
    return word.casefold().replace("’", "'")


@dataclass(frozen=True)
class DictionaryStatistics:
    """Counts of a dictionary: source words, pairs, words with several translations, words equal to their translation.

    `phrases`: entries of several source words, which no single word matches.
    """

    words: int
    pairs: int
    ambiguous: int
    identical: int
    phrases: int


class BilingualDictionary:
    """Translations of words, the best first. Words are looked up case-folded, with straight apostrophes.

    Args:
        entries: a translation, or several, for every word. A translation may have several words ("New York").
        path: the file of the dictionary, for messages.

    Attributes:
        entries: case-folded word -> its translations, the best first.

    Raises:
        DataError: there is no pair of words.

    Example:
        >>> words = BilingualDictionary({"house": ["casa", "hogar"], "the": "la"})
        >>> words.lookup("House")
        'casa'
    """

    def __init__(self, entries: Mapping[str, str | Iterable[str]], *, path: Path | None = None) -> None:
        self.path = path
        found: dict[str, dict[str, None]] = {}
        for word, translations in entries.items():
            for translation in [translations] if isinstance(translations, str) else translations:
                source, target = " ".join(word.split()), " ".join(translation.split())
                if source and target:
                    found.setdefault(fold(source), {})[target] = None
        if not found:
            raise DataError("no pair of words.", fix="give at least one word and its translation.", path=path)
        self.entries: dict[str, tuple[str, ...]] = {word: tuple(targets) for word, targets in found.items()}

    @classmethod
    def from_file(cls, path: str | PathLike[str], *, encoding: str | None = None) -> BilingualDictionary:
        """The dictionary of a text file with one pair a line: `word translation` as in MUSE, or tab-separated.

        Further lines of the same word are its other translations, in file order. With a tab between them, both sides
        may have several words. Lines that are no pair are skipped, with a warning.

        Args:
            path: the file; .gz is read too.
            encoding: of the file; found out by default.

        Returns:
            The dictionary; its size is logged.

        Raises:
            DataError: the file cannot be read or is empty, or most of its lines are no pair.

        Example:
            >>> words = BilingualDictionary.from_file("en-es.txt")
        """
        path = Path(path)
        entries: dict[str, list[str]] = {}
        numbered = enumerate(lines_of(read_text_file(path, encoding), path), start=1)
        lines = [(number, line) for number, line in numbered if line.strip()]
        broken, odd = [], []
        for number, line in lines:
            fields = [field.strip() for field in line.split("\t")] if "\t" in line else line.split()
            if any(map(_NO_WORD.search, fields)) or (
                number == lines[0][0] and _TITLES.issuperset(line.casefold().split())
            ):
                odd.append(line.strip())
            if len(fields) == 2 and all(fields):
                entries.setdefault(fields[0], []).append(fields[1])
            else:
                broken.append((number, line.strip()))
        if len(broken) * 2 > len(lines):
            number, line = broken[0]
            raise DataError(
                f"{line[:60]!r}, and {len(broken)} of {len(lines)} lines that are no pair of words.",
                fix="write one pair a line: `word translation`, or with a tab between them.",
                path=path,
                line=number,
            )
        second = [*chain.from_iterable(entries.values())]
        if 2 * sum(_TAG.fullmatch(one) is not None for one in second) > len(second):
            fix = "name a file with a word and its translation in each line."
            raise DataError("labelled sentences, words with tags such as O and B-PER.", fix=fix, path=path)
        dictionary = cls(entries, path=path)
        warnings = []
        if broken:
            first = f"the first is line {broken[0][0]}: {broken[0][1][:60]!r}"
            warnings.append(f"{len(broken)} of {len(lines)} lines are no pair of words and skipped, {first}")
        if odd:
            examples = ", ".join(repr(line[:40]) for line in odd[:3])
            warnings.append(
                f"{len(odd)} lines are not a word and its translation alone, so they match little: {examples}"
            )
        if phrases := dictionary.statistics().phrases:
            warnings.append(f"{phrases} entries have several source words, which no single word matches")
        note(path, str(dictionary), warnings)
        return dictionary

    def lookup(self, word: str) -> str | None:
        """The chosen translation of a word.

        Args:
            word: in any case.

        Returns:
            The first translation; None if there is none.
        """
        translations = self.entries.get(fold(word))
        return translations[0] if translations else None

    def most_frequent_in(self, text: Dataset) -> BilingualDictionary:
        """The dictionary with each word's translations sorted by their frequency in a text (ties: file order).

        Args:
            text: rows with `tokens` in the target language.

        Returns:
            A new dictionary. A translation of several words is as frequent as the rarest of them.

        Example:
            >>> words = words.most_frequent_in(read_text("es.txt"))
        """
        counts = Counter(fold(token) for tokens in text["tokens"] for token in tokens)

        def frequency(translation: str) -> int:
            return min(counts[fold(word)] for word in translation.split())

        return BilingualDictionary(
            {word: sorted(targets, key=frequency, reverse=True) for word, targets in self.entries.items()},
            path=self.path,
        )

    def merge(self, other: BilingualDictionary) -> BilingualDictionary:
        """Both dictionaries in one.

        Args:
            other: a dictionary of the same languages.

        Returns:
            A new dictionary; for a word in both, the translations of this one come first.
        """
        words = self.entries | other.entries
        return BilingualDictionary(
            {word: (*self.entries.get(word, ()), *other.entries.get(word, ())) for word in words}
        )

    def reversed(self) -> BilingualDictionary:
        """The dictionary from the target language to the source language.

        Returns:
            A new dictionary, with the words in the order of this one.

        Example:
            >>> BilingualDictionary({"house": "casa"}).reversed().lookup("casa")
            'house'
        """
        entries: dict[str, list[str]] = {}
        for word, targets in self.entries.items():
            for target in targets:
                entries.setdefault(target, []).append(word)
        return BilingualDictionary(entries, path=self.path)

    def chosen(self) -> dict[str, str]:
        """The chosen translation of every word.

        Returns:
            The first translations, by case-folded word.
        """
        return {word: targets[0] for word, targets in self.entries.items()}

    def save(self, path: str | PathLike[str]) -> None:
        """Write all pairs as tab-separated lines; `from_file` reads them back to an equal dictionary.

        Args:
            path: the file, which is replaced if it exists.
        """
        write_text(Path(path), "".join(f"{word}\t{t}\n" for word, targets in self.entries.items() for t in targets))

    def statistics(self) -> DictionaryStatistics:
        """The counts of the dictionary.

        Returns:
            Numbers of words, pairs, ambiguous words, words equal to their translation, and phrases.
        """
        return DictionaryStatistics(
            words=len(self.entries),
            pairs=sum(map(len, self.entries.values())),
            ambiguous=sum(len(targets) > 1 for targets in self.entries.values()),
            identical=sum(fold(targets[0]) == word for word, targets in self.entries.items()),
            phrases=sum(" " in word for word in self.entries),
        )

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, word: str) -> bool:
        return fold(word) in self.entries

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BilingualDictionary) and self.entries == other.entries

    def __str__(self) -> str:
        counts = self.statistics()
        return f"{counts.words:,} words with {counts.pairs:,} translations"

    def __repr__(self) -> str:
        return f"<BilingualDictionary: {self}>"
