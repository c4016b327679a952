"""What a translation changed, as it is recorded and shown."""

from collections.abc import Mapping, Sequence

from pydantic import ConfigDict

from tof_hf.storage.records import Record
from tof_hf.utils.templates import templates


class EntityChanges(Record):
    """Entities (or answers) of one type: all, with changed text, with the same text, with more words than before."""

    model_config = ConfigDict(frozen=False)

    total: int = 0
    changed: int = 0
    survived: int = 0
    grew: int = 0


class Projection(Record):
    """Counts of a translation, as `project` returns them. Only words with a letter count.

    Attributes:
        coverage: the share (0..1) of `words` that the dictionary has.
        distinct_coverage: the share (0..1) of `distinct_words` that the dictionary has.
        copied: words inside entities of the copied types.
        recased: translations in another case than in the dictionary; None for MRC rows.
        unknown: the most frequent words without a translation, and how often they occur.
        entities: entity type (for MRC rows without types: "answer") -> what happened to its entities.
        samples: texts before and after.
    """

    rows: int
    words: int
    distinct_words: int
    coverage: float
    distinct_coverage: float
    copied: int
    recased: int | None = None
    unknown: Mapping[str, int] = {}
    entities: Mapping[str, EntityChanges] = {}
    samples: Sequence[tuple[str, str]] = ()

    def to_markdown(self, title: str = "Translation") -> str:
        """The counts, the entities and the samples as a Markdown page."""
        page = templates("tof_hf.data.translation", "markdown", folder="").get_template("projection.md.jinja")
        return page.render(vars(self), title=title)
