"""The sections of a run file about pseudo-labels, and about forgetting the source."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal

from tof_hf.config.section import Section, Whole, option

_row = partial(option, effect="training rows")
_shown = partial(option, effect="none")


class LabellingConfig(Section):
    """Pseudo-labels for the target sentences (Algorithm 1, lines 7, 10 and 17)."""

    max_sentences: Whole | None = _row(None, ge=1)
    """Cap on sentences to label."""
    repair: bool = _row(True, paper="line 11")
    """Makes predicted tags valid IOB2 before they are used."""
    selection: Literal["all", "threshold", "per_type_quota", "agreement"] = _row("all", paper="3.3.2: all")
    """Which labels are sure enough to train on: `all`; words with at least the probability `threshold`; the share
    `quota` of the entities of each type, by their mean probability; entities that the MRC head also finds, asked
    with the query of their type."""
    selection_level: Literal["sentence", "token"] = _row("sentence")
    """`sentence` drops a sentence with an unsure word; `token` keeps it, without a loss on its unsure words. As
    questions, `token` leaves out those about the types of unsure entities, and all if a word outside is unsure."""
    threshold: float | None = _row(None, ge=0, le=1)
    """For `selection: threshold`: the lowest probability of a word's label."""
    quota: float | None = _row(None, gt=0, le=1)
    """For `selection: per_type_quota`: the share of entities kept, rounded up."""
    max_text_share: float | None = _row(None, gt=0, le=1, paper="3.3.2: all")
    """If one text (such as `RT` in tweets) makes up more than this share of all entities, it is taken for a mistake
    and labelled `O` before training, also for the students of `tsl` and `unitrans`; null = never. A text with fewer
    than 20 entities is kept."""
    agreement_sentences: Whole = _shown(200, ge=0)
    """Number of sentences on which the labels are compared with the last MRC stage's answers; 0 = off."""

    def rules(self) -> Iterator[tuple[str, str]]:
        numbers = {"threshold": self.threshold, "per_type_quota": self.quota}
        for (selection, value), name in zip(numbers.items(), ("threshold", "quota"), strict=True):
            if selection == self.selection and value is None:
                yield name, f"is missing: selection is {self.selection}. Give a share."
            if selection != self.selection and value is not None:
                yield name, f"is given, but selection is {self.selection}, which does not use it. Remove one of them."
        if self.selection == "all" and self.selection_level == "token":
            yield "selection_level", "is token, but selection is all: no word is unsure then. Remove one of them."


class ForgettingConfig(Section):
    """What happens if a NER stage loses F1 on source validation against the best NER stage before it."""

    max_drop: float = option(0.05, ge=0, le=1)
    """The F1, from 0 to 1, that a stage may lose before the alarm; 1 = never."""
    action: Literal["warn", "stop", "mix"] = option("warn")
    """`warn` logs and records it. `stop` ends the run with an error; finished stages are kept. `mix` trains the
    stage a second time, in its own folder, with source sentences added (`use_source: true`), and continues with
    whichever of the two is better on source validation."""
