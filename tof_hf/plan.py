"""What a run would do, stage by stage, and why; nothing is trained and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from datasets import Dataset

from tof_hf.config import MrcConfig, NerConfig
from tof_hf.run_folder import read_json
from tof_hf.scoring import SOURCE, score_file
from tof_hf.stages.standing import standing
from tof_hf.stages.task import Checkpoint, StageTask, recipe_key, stage_recipe
from tof_hf.steps import Steps

UNKNOWN = "?"  # the key of a stage whose data is not there yet


@dataclass(frozen=True)
class PlannedStage:
    """A stage and what a run will do with it: use the finished one, go on with a begun one, or train it."""

    system: str
    name: str
    action: Literal["reuse", "resume", "run"]
    why: str


class PlannedSteps(Steps):
    """Steps that find out what a run would do. A recipe walks through them as through the real ones."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.planned: list[PlannedStage] = []
        self._reused: set[str] = set()

    def without_translation(self) -> PlannedSteps:
        """The same steps on data of which nothing is translated, in the same plan."""
        steps = super().without_translation()
        steps.planned, steps._reused = self.planned, self._reused
        return steps

    def label(self, tagger: Checkpoint) -> Dataset | None:
        """The labels, if this very tagger has given them already; else None."""
        file = self.pseudo_label_file(tagger)
        if tagger.name in self._reused and file.is_file():
            return Dataset.from_parquet(str(file), cache_dir=str(tagger.folder / "cache"))
        return None

    def _mrc(
        self, start: Checkpoint, config: MrcConfig, stage: str, *, pseudo: Dataset | None = None, round: int
    ) -> Checkpoint:
        if config.enabled and config.use_pseudo_mrc and pseudo is None:
            return self._after_new_labels(start, f"{stage}{round or ''}")
        return super()._mrc(start, config, stage, pseudo=pseudo, round=round)

    def _ner(
        self,
        start: Checkpoint,
        config: NerConfig,
        stage: str,
        *,
        pseudo: Dataset | None = None,
        round: int,
        keep_head: bool,
    ) -> Checkpoint:
        if config.enabled and config.use_pseudo and pseudo is None:
            return self._after_new_labels(start, f"{stage}{round or ''}")
        return super()._ner(start, config, stage, pseudo=pseudo, round=round, keep_head=keep_head)

    def _after_new_labels(self, start: Checkpoint, stage: str) -> Checkpoint:
        """A stage whose training data does not exist before the run."""
        name = f"{start.name}-{stage}"
        self._plan(name, "run", f"learns from labels that a tagger gives anew; starts from {start.name}")
        return Checkpoint(name, str(self.folder / name / "model"), UNKNOWN)

    def _carry_out(self, task: StageTask) -> Checkpoint:
        recipe = stage_recipe(task)
        found = standing(self.folder / task.name, recipe)
        why = found.why
        if task.start.key == UNKNOWN:
            why = f"starts from {task.start.name}, which is trained anew"
        self._plan(task.name, found.action, why)
        if found.action == "reuse":
            self._reused.add(task.name)
        return Checkpoint(task.name, str(self.folder / task.name / "model"), recipe_key(recipe))

    def _plan(self, name: str, action: Literal["reuse", "resume", "run"], why: str) -> None:
        self.planned.append(PlannedStage(self.system, name, action, why))

    def _source_f1(self, tagger: Checkpoint) -> float | None:
        """The F1 of a finished tagger that is used as it is; None for one that will be trained."""
        file = score_file(tagger, SOURCE, self.data.validation)
        known = read_json(file) if tagger.name in self._reused else None
        return None if known is None else known["f1"]

    def _score_tagger(self, *args: object, **kwargs: object) -> None:
        """Nothing: there is no tagger yet."""

    def _score_reader(self, *args: object, **kwargs: object) -> None:
        """Nothing: there is no reader yet."""


def plan_table(stages: Sequence[PlannedStage]) -> str:
    """One line a stage, in order, and the counts; a stage that several systems need stands there once."""
    first: dict[str, PlannedStage] = {}
    for stage in stages:
        first.setdefault(stage.name, stage)
    width = max(len(name) for name in first)
    lines = [f"{one.action:7} {name:{width}}  {one.why}".rstrip() for name, one in first.items()]
    counts = {action: sum(one.action == action for one in first.values()) for action in ("reuse", "resume", "run")}
    return "\n".join([*lines, ", ".join(f"{count} to {action}" for action, count in counts.items())])

