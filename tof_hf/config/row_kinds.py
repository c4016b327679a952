"""The kinds of training rows: what options (`use_KIND`, `max_KIND`) and the records of stages call them."""

from enum import StrEnum


class RowKind(StrEnum):
    """A kind of training rows: sentences, or questions for MRC (`qa`, or `mrc` if they are made of NER rows)."""

    TARGET = "target"
    SOURCE = "source"
    PSEUDO = "pseudo"
    TRANSLATED = "translated"
    TARGET_QA = "target_qa"
    SOURCE_QA = "source_qa"
    NER_MRC = "ner_mrc"
    PSEUDO_MRC = "pseudo_mrc"
    DISTANT_MRC = "distant_mrc"
    TRANSLATED_QA = "translated_qa"
    TRANSLATED_NER_MRC = "translated_ner_mrc"
    TAUGHT = "taught"

    @property
    def use(self) -> str:
        """The option that says whether a stage trains on these rows."""
        return f"use_{self}"

    @property
    def from_taggers(self) -> bool:
        """Whether a tagger labelled them: pseudo-labels, or the soft labels of teachers."""
        return self in (RowKind.PSEUDO, RowKind.PSEUDO_MRC, RowKind.TAUGHT)

    @property
    def from_target(self) -> bool:
        """Whether they are from the target, with any labels or none."""
        return self.from_taggers or self in (RowKind.TARGET, RowKind.TARGET_QA, RowKind.DISTANT_MRC)

    @property
    def is_translated(self) -> bool:
        """Whether they are translations of source rows."""
        return self.startswith("translated")
