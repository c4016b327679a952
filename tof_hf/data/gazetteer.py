"""A gazetteer: a list of names with their types, which are marked wherever a text has them."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from datasets import Dataset

from tof_hf.data.features import ner_features
from tof_hf.data.labels import Span, is_tag, label_names, tags_from_spans
from tof_hf.data.mapping import Batch, cached_map
from tof_hf.data.words import UNICODE, check_rule, split_words
from tof_hf.errors import DataError

Case = Literal["exact", "capitals", "any"]
LONGEST = 50  # words of a name; it bounds the work for each word of a text


class Gazetteer:
    """Names with their entity types. Of the names that start at a word, the longest is marked.

    Args:
        names: Pairs of a name and its type; of several types of one name, the first counts.
        case: `"exact"`: as the name is listed; `"capitals"`: also all in capitals; `"any"`: in any case.
        stop: Texts that are never marked, by the same rule of case.
        word_rule: How names are split into words, as in `read_text`. Text should be split by the same rule.

    Attributes:
        types: The entity types, sorted.
        ambiguous: Names that are listed with another type too, with the type that counts.

    Raises:
        DataError: A name or type cannot be used, or there is no name.

    Example:
        >>> gazetteer = Gazetteer([("Rio", "LOC"), ("Rio Tinto", "ORG")])
        >>> gazetteer.find(["Rio", "Tinto", "left", "Rio"])
        [Span(start=0, end=2, label='ORG'), Span(start=3, end=4, label='LOC')]
    """

    def __init__(
        self,
        names: Iterable[tuple[str, str]],
        *,
        case: Case = "exact",
        stop: Iterable[str] = (),
        word_rule: str = UNICODE,
    ) -> None:
        check_rule(word_rule)
        self.case = case
        self.ambiguous: dict[str, str] = {}
        stopped = {form for name in stop for form in self._forms(split_words(name, word_rule))}
        self._types: dict[tuple[str, ...], str] = {}
        in_capitals: dict[tuple[str, ...], str] = {}
        for name, kind in names:
            _check_type(kind, name)
            words = split_words(name, word_rule)
            if len(words) > LONGEST:
                found = f"a name of {len(words)} words ({name[:60]!r} ...)."
                raise DataError(found, fix=f"give a name in each line, with at most {LONGEST} words.")
            listed, *others = self._forms(words)
            if not words or listed in stopped:
                continue
            if self._types.setdefault(listed, kind) != kind:
                self.ambiguous[name] = self._types[listed]
            for form in others:
                if form not in stopped:
                    in_capitals.setdefault(form, kind)
        self._types = in_capitals | self._types
        if not self._types:
            raise DataError("no name.", fix="give names that are not all in the stop list.")
        self.types = sorted(set(self._types.values()))
        lengths: dict[str, set[int]] = {}
        for form in self._types:
            lengths.setdefault(form[0], set()).add(len(form))
        self._lengths = {word: tuple(sorted(of_word, reverse=True)) for word, of_word in lengths.items()}

    def __len__(self) -> int:
        """The number of different names, with those in capitals if they count too."""
        return len(self._types)

    def find(self, words: Sequence[str]) -> list[Span]:
        """The names in a sentence, from left to right; they do not overlap."""
        text = self._folded(words)
        spans: list[Span] = []
        start = 0
        while start < len(text):
            for length in self._lengths.get(text[start], ()):
                end = start + length
                if end <= len(text) and (kind := self._types.get(text[start:end])) is not None:
                    spans.append(Span(start, end, kind))
                    break
            else:
                end = start + 1
            start = end
        return spans

    def _forms(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        """How a text may have these words: as they are listed first."""
        forms = [words, [word.upper() for word in words]] if self.case == "capitals" else [words]
        return list(dict.fromkeys(map(self._folded, forms)))

    def _folded(self, words: Sequence[str]) -> tuple[str, ...]:
        folded = [word.casefold() for word in words] if self.case == "any" else words
        return tuple(unicodedata.normalize("NFC", word) for word in folded)


def mark_names(dataset: Dataset, gazetteer: Gazetteer) -> Dataset:
    """Return the sentences with the names of a gazetteer as their entities.

    Args:
        dataset: Rows with `id` and `tokens`.
        gazetteer: The names and their types.

    Returns:
        NER rows: `id`, `tokens`, `ner_tags`.

    Example:
        >>> gazetteer = Gazetteer([("Rio de Janeiro", "LOC")])
        >>> labelled = mark_names(read_text("raw.txt"), gazetteer)
    """
    names = label_names(gazetteer.types)
    return cached_map(
        dataset,
        _mark,
        features=ner_features(names),
        description="Marking names",
        depends_on=(tags_from_spans,),
        gazetteer=gazetteer,
        numbers={name: number for number, name in enumerate(names)},
    )


def _mark(batch: Batch, indices: list[int], *, gazetteer: Gazetteer, numbers: Mapping[str, int]) -> Batch:
    tags = [tags_from_spans(gazetteer.find(tokens), len(tokens)) for tokens in batch["tokens"]]
    return {
        "id": batch["id"],
        "tokens": batch["tokens"],
        "ner_tags": [[numbers[tag] for tag in of_sentence] for of_sentence in tags],
    }


def _check_type(kind: str, name: str) -> None:
    if kind == "O" or any(map(str.isspace, kind)) or not is_tag(f"B-{kind}"):
        fix = "give every name a type without blanks, such as LOC."
        raise DataError(f"the entity type {kind!r} of the name {name[:60]!r}.", fix=fix)
