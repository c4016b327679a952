"""A gazetteer in place of a tagger, so that names are marked in texts of every form that `predict_file` takes."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from tof_hf.data.gazetteer import Gazetteer
from tof_hf.data.labels import tags_from_spans
from tof_hf.data.tagged import Tagged, Text, entities_of, split_text
from tof_hf.data.words import UNICODE, find_word_spans


class NameTagger:
    """Marks the names of a gazetteer in texts; their score is 1.

    Attributes:
        found: How often each name was marked, with its type.
    """

    def __init__(self, gazetteer: Gazetteer, word_rule: str = UNICODE) -> None:
        self.word_rule: str | None = word_rule
        self._gazetteer, self._find_words = gazetteer, partial(find_word_spans, rule=word_rule)
        self.found: Counter[tuple[str, str]] = Counter()

    def stream(self, texts: Iterable[Text]) -> Iterator[Tagged]:
        """Each text with its words and names, in order; texts are read as needed, in constant memory."""
        for text in texts:
            split = split_text(text, self._find_words)
            tags = tags_from_spans(self._gazetteer.find(split.words), len(split.words))
            entities = list(entities_of(split, tags))
            self.found.update((entity.text, entity.label) for entity in entities)
            yield replace(split, entities=entities)
