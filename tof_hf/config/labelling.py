"""The sections of a run file about labels that the run gives itself, and about what it may forget over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tof_hf.config.sections import KeyProblem, Section, join, option

_NUMBER_OF = {"threshold": "threshold", "per_type_quota": "quota"}


@dataclass(frozen=True, kw_only=True)
class LabellingConfig(Section):
    """Pseudo-labels for the target sentences (Algorithm 1, lines 7, 10 and 17)."""

    max_sentences: int | None = option(None, "Cap on sentences to label.", minimum=1)
    repair: bool = option(True, "Makes predicted tags valid IOB2 before they are used.", paper="line 11")
    selection: Literal["all", "threshold", "per_type_quota", "agreement"] = option(
        "all",
        "Which labels are sure enough to learn from: `all`; words with at least the probability `threshold`; the share "
        "`quota` of the entities of each type, by their mean probability; entities that the MRC head finds too, asked "
        "by the query of their type.",
        paper="3.3.2: all",
    )
    selection_level: Literal["sentence", "token"] = option(
        "sentence",
        "`sentence` drops a sentence with an unsure word; `token` keeps it, without a loss on its unsure words. As "
        "questions, `token` leaves out those of the types of unsure entities, and all where a word outside is unsure.",
    )
    threshold: float | None = option(
        None, "For `selection: threshold`: the least probability of a word's label.", minimum=0, maximum=1
    )
    quota: float | None = option(
        None, "For `selection: per_type_quota`: the share of entities kept, rounded up.", above=0, maximum=1
    )
    max_text_share: float | None = option(
        None,
        "Entities of a text that is more than this share of all entities are taken for a mistake and made `O` before "
        "anything is learned (`RT` in tweets), also by the students of `tsl` and `unitrans`; null = never. A text of "
        "fewer than 20 entities stays.",
        above=0,
        maximum=1,
        paper="3.3.2: all",
    )
    agreement_sentences: int = option(
        200, "Sentences on which the labels are compared with the last MRC stage's answers; 0 = off.", minimum=0
    )

    def check(self, key: str) -> None:
        super().check(key)
        needed = _NUMBER_OF.get(self.selection)
        for name in _NUMBER_OF.values():
            full, given = join(key, name), self.__dict__[name] is not None
            if name == needed and not given:
                raise KeyProblem(full, f"{full} is missing: {key}.selection is {self.selection}. Give a share.")
            if name != needed and given:
                raise KeyProblem(
                    full, f"{full} is given, but {key}.selection is {self.selection}, which does not use it. Drop one."
                )
        if self.selection == "all" and self.selection_level == "token":
            full = join(key, "selection_level")
            raise KeyProblem(full, f"{full} is token, but {key}.selection is all: no word is unsure then. Drop one.")


@dataclass(frozen=True, kw_only=True)
class ForgettingConfig(Section):
    """What happens if a NER stage loses F1 on source validation against the best NER stage before it."""

    max_drop: float = option(
        0.05, "The F1, in 0..1, that a stage may lose before the alarm; 1 = never.", minimum=0, maximum=1
    )
    action: Literal["warn", "stop", "mix"] = option(
        "warn",
        "`warn` logs and records it. `stop` ends the run with an error; finished stages stay. `mix` trains the stage a "
        "second time, in a folder of its own, with source sentences beside its data (`use_source: true`), and goes on "
        "from the better of the two on source validation.",
    )
