"""The health of pseudo-labels, as numbers; importing it loads nothing heavy."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LabelHealth:
    """The numbers about the labels of one round; shares are in 0..1, and None where there is nothing to divide by.

    `per_sentence`: entities a sentence, by type. `against_source`: that, divided by the source's own; None for types
    without an entity there. `words_changed`, `changed_share`: words whose tag differs from that of the last round; None
    in the first. `confidence`: entities by their mean probability, in ten bins [0, 0.1), ... [0.9, 1].
    `unseen_forms`: the share of the different texts of entities that no entity of the source has. `agreement`: the
    share of the entities in `agreement_sentences` sentences that the MRC head finds too. `alarms`: what to look into.
    """

    per_sentence: dict[str, float] = field(default_factory=dict)
    against_source: dict[str, float | None] = field(default_factory=dict)
    words_changed: int | None = None
    changed_share: float | None = None
    confidence: list[int] = field(default_factory=list)
    unseen_forms: float | None = None
    agreement: float | None = None
    agreement_sentences: int = 0
    alarms: list[str] = field(default_factory=list)
