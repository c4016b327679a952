"""What a run would do, stage by stage, and why; nothing is trained and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from datasets import ClassLabel, Features, List, Value

from tof_hf.algorithm.history import FROM_PSEUDO_LABELS, LabellingRecord, Labels, SoftLabelsRecord
from tof_hf.algorithm.pseudo_labelling import read_rows
from tof_hf.algorithm.scores import SOURCE
from tof_hf.algorithm.scoring import score_file
from tof_hf.algorithm.soft_labelling import read_soft_labels, soft_labels_file
from tof_hf.algorithm.steps import Steps
from tof_hf.config import NerConfig
from tof_hf.data.label_selection import UNSURE
from tof_hf.data.mapping import cached_map
from tof_hf.data.soft_labels import PROBABILITIES, soft_label_features
from tof_hf.stages.fingerprint import fingerprint, fingerprint_inputs
from tof_hf.stages.record import RECORD, StageRecord
from tof_hf.stages.reuse import decide
from tof_hf.stages.stage import Checkpoint, StageTask
from tof_hf.storage.cache import is_cached, read_cached_json

UNKNOWN = "?"  # how the key of a stage begins whose data is not there yet


@dataclass(frozen=True)
class PlannedStage:
    """A stage and what a run will do with it: use the finished one, go on with a begun one, or train it.

    `foreseen`: it learns from labels that do not exist yet; in its `task` every sentence stands without an entity.
    `key`: the same for what is the same work, also in the plan of another run.
    """

    system: str
    name: str
    action: Literal["reuse", "resume", "run"]
    why: str
    foreseen: bool
    task: StageTask = field(repr=False, compare=False)
    key: str = ""


class PlannedSteps(Steps):
    """Steps that find out what a run would do. A recipe walks through them as through the real ones."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.planned: list[PlannedStage] = []
        self._reused: set[str] = set()
        self._stands_in = ""
        self._hoped: set[str] = set()  # stages that stay if labels made anew come out the same

    def without_translation(self) -> PlannedSteps:
        """The same steps on data of which nothing is translated, in the same plan."""
        steps = super().without_translation()
        steps.planned, steps._reused, steps._hoped = self.planned, self._reused, self._hoped
        return steps

    def label(self, tagger: Checkpoint) -> Labels[LabellingRecord]:
        """The labels, if this very tagger has given them already; else the same sentences without an entity."""
        file = self.pseudo_label_file(tagger)
        self._stands_in = "" if tagger.name in self._reused and is_cached(file) else file.name
        if not self._stands_in:
            return Labels(read_rows(file), _not_yet(tagger))
        tags, numbers = List(ClassLabel(names=self.data.label_names)), List(Value("float32"))
        words = {"id": Value("string"), "tokens": List(Value("string"))}
        features = Features(words | {"ner_tags": tags, "ner_probabilities": numbers})
        rows = cached_map(self.labelling.text, _all_outside, features=features, description="Stand-ins for labels")
        return Labels(rows, _not_yet(tagger))

    def soft_label(self, teachers: Sequence[Checkpoint], voters: Sequence[Checkpoint] = ()) -> Labels[SoftLabelsRecord]:
        """The soft labels, if these very taggers have given them already; else all classes alike on every word."""
        text = self.labelling.text
        file = soft_labels_file(text, teachers, voters)
        known = {one.name for one in (*teachers, *voters)} <= self._reused and is_cached(file)
        self._stands_in = "" if known else file.name
        record = SoftLabelsRecord(teachers=[], voters=[], file=file.name, sentences=0, words=0, agreed_share=None)
        if not self._stands_in:
            return Labels(read_soft_labels(file, self.config)[0], record)
        features = soft_label_features(self.data.label_names)
        rows = cached_map(
            text, _all_alike, features=features, classes=len(self.data.label_names), description="Stand-ins for labels"
        )
        return Labels(rows, record)

    def _train(self, task: StageTask) -> Checkpoint:
        recipe = fingerprint_inputs(task)
        foreseen = bool(self._stands_in and FROM_PSEUDO_LABELS & task.rows.keys())
        if foreseen:
            key = UNKNOWN + fingerprint(recipe | {"labels_in": self._stands_in})
            start = task.start.name or "the encoder"
            action, why = "run", f"learns from labels that a tagger gives anew; starts from {start}"
            if (hoped := self._key_with_its_labels(task, recipe)) is not None:
                key, why = hoped, "unless the labels come out the same"
                self._hoped.add(task.name)
        else:
            key = fingerprint(recipe)
            found = decide(self.folders.folder(task.name, key), recipe)
            action, why = found.action, found.why
            if task.start.key.startswith(UNKNOWN):
                why = f"starts from {task.start.name}, which is trained anew"
            if task.start.name in self._hoped and action == "reuse":
                action, why = "run", f"unless {task.start.name} stays"
                self._hoped.add(task.name)
        self.planned.append(PlannedStage(self.system, task.name, action, why, foreseen, task, key))
        if action == "reuse":
            self._reused.add(task.name)
        return Checkpoint(task.name, str(self.folders.folder(task.name, key) / "model"), key)

    def _key_with_its_labels(self, task: StageTask, recipe: dict[str, Any]) -> str | None:
        """The key of the finished stage, if it differs from what is planned in its training rows at most."""
        if self.folders.shared:  # there the folder's name has the key
            return None
        folder = self.folders.folder(task.name, "")
        record = StageRecord.read_if_whole(folder / RECORD)
        same = recipe | {"train": record and record.inputs.get("train")}
        return fingerprint(same) if decide(folder, same).action == "reuse" else None

    def _without_forgetting(self, tagger: Checkpoint, config: NerConfig, *, retrain: Callable) -> Checkpoint:
        """The tagger; where `forgetting.action` would stop a run, the plan goes on."""
        if self.config.forgetting.action == "stop":
            return tagger
        return super()._without_forgetting(tagger, config, retrain=retrain)

    def _source_f1(self, tagger: Checkpoint) -> float | None:
        """The F1 of a finished tagger that is used as it is; None for one that will be trained."""
        file = score_file(tagger, SOURCE, self.data.validation)
        known = read_cached_json(file) if tagger.name in self._reused else None
        return None if known is None else known["f1"]

    def _score_tagger(self, *args: object, **kwargs: object) -> None:
        """Nothing: there is no tagger yet."""

    def _score_reader(self, *args: object, **kwargs: object) -> None:
        """Nothing: there is no reader yet."""


def _not_yet(tagger: Checkpoint) -> LabellingRecord:
    """Stands for the record of a labelling that a plan does not make."""
    none = {"sentences": 0, "words": 0, "entities": {}, "mean_probability": None, "mean_entity_probability": None}
    return LabellingRecord(tagger=tagger.name, file="", **none)


def _all_outside(batch: dict[str, list], indices: list[int]) -> dict[str, list]:
    lengths = [len(tokens) for tokens in batch["tokens"]]
    tags, sure = [[0] * length for length in lengths], [[1.0] * length for length in lengths]
    return {"id": batch["id"], "tokens": batch["tokens"], "ner_tags": tags, "ner_probabilities": sure}


def _all_alike(batch: dict[str, list], indices: list[int], *, classes: int) -> dict[str, list]:
    lengths = [len(tokens) for tokens in batch["tokens"]]
    return {
        "id": batch["id"],
        "tokens": batch["tokens"],
        "ner_tags": [[0] * length for length in lengths],
        UNSURE: [[True] * length for length in lengths],
        PROBABILITIES: [[[1 / classes] * classes] * length for length in lengths],
    }


def plan_table(stages: Sequence[PlannedStage]) -> str:
    """One line a stage, in order, and the counts; a stage that several systems need stands there once."""
    first: dict[str, PlannedStage] = {}
    for stage in stages:
        first.setdefault(stage.name, stage)
    width = max(len(name) for name in first)
    lines = [f"{one.action:7} {name:{width}}  {one.why}".rstrip() for name, one in first.items()]
    counts = {action: sum(one.action == action for one in first.values()) for action in ("reuse", "resume", "run")}
    return "\n".join([*lines, ", ".join(f"{count} to {action}" for action, count in counts.items())])
