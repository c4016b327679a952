"""The name of a stage: what it trains, in which round, on what, and after which stages. Only this module parses it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tof_hf.config.stages import STAGES

_ONE = re.compile(
    r"(?P<kind>.+?)(?P<round>\d*)(?P<translated>_tr)?(?P<mixed>_mix)?(_teacher(?P<teacher>\d+))?(\+(?P<recipe>\w+))?"
)


@dataclass(frozen=True)
class StageName:
    """`mlm-mrc-ner1_tr`: NER in round 1 with translated data, after MRC, after MLM.

    Attributes:
        kind: what is trained: mlm, mrc, ner, pseudo_ner, translated_ner, tuned_ner or distillation.
        round: the round of continual learning, from 1; 0 outside the rounds.
        translated: whether it is trained or selected on translated source data.
        mixed: whether source sentences are added that the run file does not ask for: by self-training, or in a second
            training because the first forgot them.
        teacher: the number of the teacher, from 1, where `labelling.teachers` are trained with different seeds.
        recipe: the recipe whose defaults it has, if they are others than those of the run file.
        parents: the stages before it, in order.
    """

    kind: str
    round: int = 0
    translated: bool = False
    mixed: bool = False
    teacher: int = 1
    recipe: str = ""
    parents: tuple[StageName, ...] = ()

    @classmethod
    def parse(cls, text: str) -> StageName:
        """The name from its text. Raises ValueError for an empty text."""
        parents, _, last = text.rpartition("-")
        found = _ONE.fullmatch(last)
        if found is None:
            raise ValueError(f"{text!r} is not the name of a stage.")
        flags, numbers = (bool(found["translated"]), bool(found["mixed"])), found.groupdict(default="")
        one = cls(found["kind"], int(numbers["round"] or 0), *flags, int(numbers["teacher"] or 1), numbers["recipe"])
        return one.after(cls.parse(parents) if parents else None)

    def after(self, start: StageName | None) -> StageName:
        """The same stage, started from another one; None is the pretrained encoder."""
        return replace(self, parents=() if start is None else start.path)

    @property
    def path(self) -> tuple[StageName, ...]:
        """The stages that lead to it and itself, in order, each without its parents."""
        return (*self.parents, replace(self, parents=()))

    @property
    def parent(self) -> StageName | None:
        """The stage it starts from; None for the pretrained encoder."""
        return replace(self.parents[-1], parents=self.parents[:-1]) if self.parents else None

    @property
    def short(self) -> str:
        """The name without its parents, such as `ner1_tr`."""
        ends = f"{'_tr' if self.translated else ''}{'_mix' if self.mixed else ''}{self._of_teacher}"
        return f"{self.kind}{self.round or ''}{ends}{f'+{self.recipe}' if self.recipe else ''}"

    @property
    def step(self) -> str:
        """Its name in score tables, which have the round in another column: the kind, if it is `mixed`, the teacher."""
        return f"{self.kind}{'_mix' if self.mixed else ''}{self._of_teacher}"

    @property
    def _of_teacher(self) -> str:
        return f"_teacher{self.teacher}" if self.teacher > 1 else ""

    @property
    def section(self) -> str:
        """The section of the run file with its options; `tuned_ner`, which has none of its own, has those of `ner`."""
        if self.round:
            return f"continual_{self.kind}"
        return self.kind if self.kind in STAGES else self.kind.rpartition("_")[2]

    @property
    def in_fingerprints(self) -> str:
        """Its name in fingerprints, where `ner1` and `ner2` are alike, though not `ner1_tr` and `ner2_tr`.

        Teachers differ in their seeds, and stages of recipes in their options.
        """
        return str(replace(self, round=self.round if self.translated or self.mixed else 0, teacher=1, recipe=""))

    def __str__(self) -> str:
        return "-".join(one.short for one in self.path)
