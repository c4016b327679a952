"""The spaCy component `tof_ner`: entities of a tagger as `doc.ents`, on spaCy's own words.

spaCy finds the component by its entry point and imports this file for every pipeline, so torch waits in the factory.
Annotations are no strings here: older versions of spaCy read the factory's and cannot look names up.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span
from spacy.util import minibatch

if TYPE_CHECKING:
    from tof_hf.inference.tagger import Entity, Tagger

SCORE = "tof_score"  # span._.tof_score


@Language.factory(
    "tof_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={
        "revision": None,
        "device": None,
        "stride": 16,
        "overwrite_ents": True,
        "scorer": {"@scorers": "spacy.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_tof_ner(
    nlp: Language,
    name: str,
    model: str,
    revision: str | None,
    device: str | None,
    stride: int,
    overwrite_ents: bool,
    scorer: Callable | None,
) -> "TofNer":
    """The component with the tagger of a folder or a Hub id.

    A saved pipeline holds `model`, not the tagger's files. `overwrite_ents`: whether entities that a doc already has
    give way where the tagger's overlap them, or stay. Raises ModelError if there is no whole tagger.
    """
    from tof_hf.inference.tagger import load_tagger

    loading = {} if revision is None else {"revision": revision}
    tagger = load_tagger(model, device=device, stride=stride, **loading)
    return TofNer(tagger, name, overwrite_ents=overwrite_ents, scorer=scorer)


class TofNer(Pipe):
    """Sets `doc.ents`; an entity's mean word score is `span._.tof_score`."""

    def __init__(
        self, tagger: "Tagger", name: str = "tof_ner", *, overwrite_ents: bool = True, scorer: Callable | None = None
    ) -> None:
        from tof_hf.data.labels import entity_types

        self.tagger, self.name = tagger, name
        self.overwrite_ents = overwrite_ents
        self.scorer = scorer
        self._labels = tuple(entity_types(tagger.names))
        if not Span.has_extension(SCORE):
            Span.set_extension(SCORE, default=None)

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity types that the tagger knows."""
        return self._labels

    def __call__(self, doc: Doc) -> Doc:
        """The doc with its entities."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """The docs with their entities, in order; `batch_size` docs are tagged together."""
        for docs in minibatch(stream, batch_size):
            # A tagger has never seen white space as a word; spaCy makes words of double blanks and line ends.
            places = [[token.i for token in doc if not token.is_space] for doc in docs]
            words = [[doc[place].text for place in kept] for doc, kept in zip(docs, places, strict=True)]
            for doc, kept, tagged in zip(docs, places, self.tagger.stream(words), strict=True):
                self._annotate(doc, kept, tagged.entities)
                yield doc

    def _annotate(self, doc: Doc, places: list[int], entities: "Iterable[Entity]") -> None:
        scores = {}
        for entity in entities:
            span = Span(doc, places[entity.first_word], places[entity.last_word - 1] + 1, label=entity.label)
            scores[span] = entity.score
        first, then = (list(scores), doc.ents) if self.overwrite_ents else (doc.ents, list(scores))
        taken = {place for span in first for place in range(span.start, span.end)}
        kept = [*first, *(span for span in then if taken.isdisjoint(range(span.start, span.end)))]
        doc.set_ents(kept)
        for span in kept:
            if span in scores:
                span._.set(SCORE, scores[span])
