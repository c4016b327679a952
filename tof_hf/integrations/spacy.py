"""The spaCy component `tof_ner`: entities of a tagger as `doc.ents`, on spaCy's own words.

spaCy finds the component by its entry point and imports this file for every pipeline, so the factory imports torch.
There is no `from __future__ import annotations`: older versions of spaCy cannot resolve annotations that are strings.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span, Token
from spacy.util import minibatch

if TYPE_CHECKING:
    from tof_hf.data.tagged import Entity
    from tof_hf.inference.tagger import Tagger

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

    Args:
        nlp: the pipeline.
        name: of the component.
        model: a folder or a Hub id; a saved pipeline stores this name, not the tagger's files.
        revision: branch, tag or commit of a Hub repository.
        device: by default the GPU if there is one.
        stride: words that two neighbouring windows of a long text share.
        overwrite_ents: whether the tagger's entities replace those of the doc that they overlap.
        scorer: of spaCy's evaluation.

    Raises:
        ModelError: there is no whole tagger.

    Example:
        >>> nlp = spacy.blank("es")
        >>> nlp.add_pipe("tof_ner", config={"model": "runs/spanish/final"})
    """
    from tof_hf.inference.tagger import load_tagger

    tagger = load_tagger(model, device=device, stride=stride, revision=revision)
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
        """The entity types of the tagger."""
        return self._labels

    def __call__(self, doc: Doc) -> Doc:
        """The doc with its entities."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """The docs with their entities, in order; `batch_size` docs are tagged together."""
        for docs in minibatch(stream, batch_size):
            # spaCy makes words of double spaces and line ends; no tagger is trained on such words.
            tokens = [[token for token in doc if not token.is_space] for doc in docs]
            words = [[token.text for token in row] for row in tokens]
            texts = words if self.tagger.word_rule is None else [doc.text for doc in docs]
            for doc, row, tagged in zip(docs, tokens, self.tagger.stream(texts), strict=True):
                self._annotate(doc, row, tagged.entities)
                yield doc

    def _annotate(self, doc: Doc, tokens: list[Token], entities: "Iterable[Entity]") -> None:
        scores: dict[Span, float] = {}
        end = 0
        for entity in entities:
            if self.tagger.word_rule is None:
                first, last = tokens[entity.first_word], tokens[entity.last_word - 1]
                span: Any = Span(doc, first.i, last.i + 1, label=entity.label)
            else:  # the tagger's words may end inside spaCy's
                span = doc.char_span(entity.start, entity.end, label=entity.label, alignment_mode="expand")
            if span.start >= end:
                scores[span], end = entity.score, span.end
        preferred, others = (list(scores), doc.ents) if self.overwrite_ents else (doc.ents, list(scores))
        taken = {token.i for span in preferred for token in span}
        ents = [*preferred, *(span for span in others if taken.isdisjoint(range(span.start, span.end)))]
        doc.set_ents(ents)
        for span in scores.keys() & set(ents):
            span._.set(SCORE, scores[span])
