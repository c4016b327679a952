"""What a run would do, stage by stage, and why; nothing is trained and nothing is written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from datasets import Dataset, Features

from tof_hf.algorithm.history import LabellingRecord, Labels, SoftLabelsRecord
from tof_hf.algorithm.label_files import read_rows
from tof_hf.algorithm.scores import SOURCE
from tof_hf.algorithm.scoring import score_file
from tof_hf.algorithm.steps import Steps
from tof_hf.config import StageConfig
from tof_hf.data.features import ner_features
from tof_hf.data.mapping import Batch, cached_map
from tof_hf.data.pseudo_labels import UNSURE
from tof_hf.data.soft_labels import PROBABILITIES, soft_features, without_frequent_texts
from tof_hf.stages.fingerprint import fingerprint, fingerprint_inputs
from tof_hf.stages.record import RECORD, StageRecord
from tof_hf.stages.reuse import decide
from tof_hf.stages.stage import Checkpoint, Stage
from tof_hf.storage.cache import is_cached, read_cached_json

UNKNOWN = "?"  # the first character of a stage's key while its data does not exist
Action = Literal["reuse", "resume", "run"]


@dataclass(frozen=True)
class PlannedStage:
    """A stage and what a run will do with it: reuse it, resume it, or train it.

    `foreseen`: it trains on labels that do not exist yet; in its `stage` no sentence has an entity.
    `key`: the same for the same work, also in the plan of another run.
    `replaces`: it takes the place of a finished stage with other options or data.
    """

    system: str
    name: str
    action: Action
    why: str
    foreseen: bool
    stage: Stage = field(repr=False, compare=False)
    key: str = ""
    replaces: bool = False


@dataclass(eq=False)
class PlannedSteps(Steps):
    """Steps that find out what a run would do. A recipe uses them like the real ones."""

    planned: list[PlannedStage] = field(default_factory=list, init=False)
    _reused: set[str] = field(default_factory=set, init=False)
    _reused_if_same_labels: set[str] = field(default_factory=set, init=False)
    _missing_labels: str | None = field(default=None, init=False)  # the file of the last labels, if it does not exist

    def label(self, tagger: Checkpoint, *others: Checkpoint) -> Labels[LabellingRecord]:
        """The labels if these taggers have already given them, else the same sentences without an entity."""
        taggers = [tagger, *others]
        rows = self._rows(self.labelling.file(taggers, self._mrc_before(tagger)), taggers)
        if rows is None:
            rows = self._foreseen(no_entities, ner_features(self.data.label_names))
        return Labels(rows, LabellingRecord(tagger=tagger.name, file="", sentences=0, entities={}))

    def soft_label(
        self, teachers: Sequence[Checkpoint], voters: Sequence[Sequence[Checkpoint]] = ()
    ) -> Labels[SoftLabelsRecord]:
        """The soft labels if these taggers have already given them, else equal probabilities for all classes."""
        rows = self._rows(self.labelling.soft_file(teachers, voters), [*teachers, *chain(*voters)])
        if rows is None:
            rows = self._foreseen(no_preference, soft_features(self.data.label_names))
        rows, _ = without_frequent_texts(rows, self.config.labelling.max_text_share)
        return Labels(rows, SoftLabelsRecord(teachers=[], voters=[], sentences=0))

    def _foreseen(self, label: Callable[..., Batch], features: Features) -> Dataset:
        """The sentences as if they were labelled."""
        names = self.data.label_names
        return cached_map(self.labelling.text, label, features=features, description="Planning", names=names)

    def _rows(self, file: Path, taggers: Sequence[Checkpoint]) -> Dataset | None:
        """The labels in the file if these taggers have already given them."""
        known = {tagger.name for tagger in taggers} <= self._reused and is_cached(file)
        self._missing_labels = None if known else file.name
        return read_rows(file) if known else None

    def _fit(self, stage: Stage) -> Checkpoint:
        inputs = fingerprint_inputs(stage)
        foreseen = self._missing_labels is not None and stage.learns_from_taggers
        key = fingerprint(inputs | {"labels_in": self._missing_labels}) if foreseen else fingerprint(inputs)
        action: Action = "run"
        if foreseen and (finished := self._finished_on_other_rows(stage, inputs)) is not None:
            key, why = finished, "unless the labels come out the same"
            self._reused_if_same_labels.add(stage.name)
        elif foreseen:
            key = UNKNOWN + key
            why = f"learns from labels that do not exist yet; starts from {stage.start.name or 'the encoder'}"
        else:
            found = decide(self.folders.folder(stage.name, key), inputs)
            action, why = found.action, found.why
            if stage.start.key.startswith(UNKNOWN):
                why = f"starts from {stage.start.name}, which will be trained"
            if stage.start.name in self._reused_if_same_labels and action == "reuse":
                action, why = "run", f"unless {stage.start.name} is reused"
                self._reused_if_same_labels.add(stage.name)
        folder = self.folders.folder(stage.name, key)
        old = StageRecord.read_if_whole(folder / RECORD)
        other = old is not None and (old.key != key or stage.name in self._reused_if_same_labels)
        planned = PlannedStage(self.system, stage.name, action, why, foreseen, stage, key, other and action != "reuse")
        self.planned.append(planned)
        if action == "reuse":
            self._reused.add(stage.name)
        return Checkpoint(stage.name, str(folder / "model"), key)

    def _finished_on_other_rows(self, stage: Stage, inputs: dict[str, Any]) -> str | None:
        """The key of the finished stage, if only its training rows may differ from what is planned."""
        if self.folders.shared:  # there the folder's name has the key
            return None
        folder = self.folders.folder(stage.name, "")
        record = StageRecord.read_if_whole(folder / RECORD)
        same = inputs | {"train": record and record.inputs.get("train")}
        return fingerprint(same) if decide(folder, same).action == "reuse" else None

    def _without_forgetting(self, tagger: Checkpoint, retrain: Callable[[], Checkpoint] | None) -> Checkpoint:
        """The tagger; the plan continues where `forgetting.action` would stop a run."""
        return tagger if self.config.forgetting.action == "stop" else super()._without_forgetting(tagger, retrain)

    def _source_f1(self, tagger: Checkpoint) -> float | None:
        """The F1 of a finished tagger that is reused; None for one that will be trained."""
        file = score_file(tagger, SOURCE, self.data.validation)
        known = read_cached_json(file) if tagger.name in self._reused else None
        return None if known is None else known["f1"]

    def _score(self, checkpoint: Checkpoint, config: StageConfig) -> None:
        """Nothing: there is no model to score yet."""


def no_entities(batch: Batch, indices: list[int], *, names: list[str]) -> Batch:
    """Labels in which no word is in an entity."""
    tags = [[names.index("O")] * len(tokens) for tokens in batch["tokens"]]
    return {"id": batch["id"], "tokens": batch["tokens"], "ner_tags": tags}


def no_preference(batch: Batch, indices: list[int], *, names: list[str]) -> Batch:
    """Soft labels in which all classes have the same probability."""
    unsure = [[True] * len(tokens) for tokens in batch["tokens"]]
    equal = [[[1 / len(names)] * len(names)] * len(tokens) for tokens in batch["tokens"]]
    return no_entities(batch, indices, names=names) | {UNSURE: unsure, PROBABILITIES: equal}


def plan_table(stages: Sequence[PlannedStage]) -> str:
    """One line a stage, in order, the counts, and what is replaced; a stage that systems share appears once."""
    first: dict[str, PlannedStage] = {}
    for stage in stages:
        first.setdefault(stage.name, stage)
    width = max(len(name) for name in first)
    lines = [f"{one.action:7} {name:{width}}  {one.why}".rstrip() for name, one in first.items()]
    counts = {action: sum(one.action == action for one in first.values()) for action in ("reuse", "resume", "run")}
    lines.append(", ".join(f"{count} to {action}" for action, count in counts.items()))
    return "\n".join([*lines, *replaced_stages(stages)])


def replaced_stages(stages: Sequence[PlannedStage]) -> list[str]:
    """A line that says which finished stages the run replaces; none if it replaces none."""
    replaced = {one.name: f" ({one.why})" if one.why.startswith("unless") else "" for one in stages if one.replaces}
    if not replaced:
        return []
    what = "1 finished stage," if len(replaced) == 1 else f"{len(replaced)} finished stages, each"
    names = ", ".join(f"{name}{unless}" for name, unless in replaced.items())
    return [f"this run replaces {what} once the new one is whole: {names}"]
