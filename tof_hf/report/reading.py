"""A run folder, finished or not, as a report needs it. Nothing in the folder is changed, and no model is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from pydantic import TypeAdapter, ValidationError

from tof_hf.algorithm.history import ForgettingRecord, LabellingRecord, SoftLabelsRecord
from tof_hf.algorithm.scores import SOURCE_QUESTIONS, SPLITS, ScoreRow
from tof_hf.config.stage_name import StageName
from tof_hf.data.labels import Span
from tof_hf.data.translation.record import Projection
from tof_hf.run.record import RunRecord, StageInRun, read_run
from tof_hf.stages.record import RECORD, StageRecord

if TYPE_CHECKING:
    import pyarrow as pa

_ANSWERS = TypeAdapter(list[list[tuple[int, int, str]]])


def short(stage: str) -> str:
    """The last part of a stage's name, which says what the stage itself does."""
    return StageName.parse(stage).short


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float)


@dataclass(frozen=True)
class StageLog:
    """One training run with the log of its Trainer.

    `start` is None if it began with the pretrained encoder, `record` is None if it is not finished.
    """

    name: str
    start: str | None
    record: StageInRun | None = None
    log: Sequence[Mapping[str, Any]] = ()

    def curve(self, name: str) -> list[tuple[float, float]]:
        """Steps and the values of that name in the log, without infinite and NaN ones."""
        return [(step, value) for step, value in self._logged(name) if math.isfinite(value)]

    @property
    def diverged(self) -> bool:
        """Whether some losses were infinite or NaN."""
        return any(not math.isfinite(loss) for name in ("loss", "eval_loss") for _, loss in self._logged(name))

    def _logged(self, name: str) -> list[tuple[float, float]]:
        found = [(entry.get("step"), entry.get(name)) for entry in self.log]
        return [(step, value) for step, value in found if _is_number(step) and _is_number(value)]


@dataclass(frozen=True)
class Run(RunRecord):
    """The record of a run, with what follows from it and from the other files in the folder."""

    @classmethod
    def read(cls, folder: Path) -> Run:
        """The run in `folder`. Raises DataError if there is none, or if its record cannot be read."""
        run = read_run(folder)
        return cls(run.folder, run.lineage, [score for score in run.scores if score.split != SOURCE_QUESTIONS])

    @cached_property
    def stages(self) -> Mapping[str, StageLog]:
        """Every stage that was begun, by its name."""
        names = list(dict.fromkeys(name for system in self.lineage.systems.values() for name in system.stages))
        return {name: self._stage(name, names) for name in names}

    @property
    def has_rounds(self) -> bool:
        """Whether a system has rounds of continual learning."""
        return any(StageName.parse(name).round for name in self.stages)

    @cached_property
    def ends(self) -> Mapping[str, str]:
        """The last scored tagger of every system, apart from those that were dropped because they forgot too much."""
        return self.last_taggers()

    @property
    def labellings(self) -> list[tuple[str, LabellingRecord]]:
        """Every labelling with its system."""
        return [(name, entry) for name, system in self.lineage.systems.items() for entry in system.pseudo_labels]

    @property
    def label_alarms(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """Each alarm about labels once, with the taggers whose labels raised it and their systems."""
        alarms: dict[str, dict[str, list[str]]] = {}
        for system, entry in self.labellings:
            for alarm in dict.fromkeys(entry.health.alarms):
                alarms.setdefault(alarm, {}).setdefault(entry.tagger, []).append(system)
        return alarms

    @property
    def forgetting(self) -> Sequence[tuple[ForgettingRecord, Sequence[str]]]:
        """Each stage that forgot the source once, with the systems that it is part of."""
        drops: dict[str, tuple[ForgettingRecord, list[str]]] = {}
        for system, history in self.lineage.systems.items():
            for drop in history.forgetting:
                drops.setdefault(drop.model_dump_json(), (drop, []))[1].append(system)
        return list(drops.values())

    @property
    def translation(self) -> Mapping[str, Projection]:
        """What the dictionary made of each kind of rows."""
        if self.lineage.options.get("translation.dictionary") is None:
            return {}  # any files are from an earlier run in this folder
        files = sorted((self.folder / "translation").glob("*.json"))
        read = {file.stem: Projection.read_if_whole(file) for file in files}
        return {kind: translation for kind, translation in read.items() if translation is not None}

    @property
    def types(self) -> list[str]:
        """The entity types of the run, then those that only a scored split has."""
        scored = [kind for score in self.scores for kind in score.per_type]
        return list(dict.fromkeys([*self.lineage.entity_types, *scored]))

    @property
    def splits(self) -> list[str]:
        """The scored splits, the target first."""
        return list(dict.fromkeys(sorted((s.split for s in self.scores), key=lambda s: [*SPLITS, s].index(s))))

    @property
    def best(self) -> tuple[str, str] | None:
        """System and stage of the final tagger, or of the last scored one while there is none."""
        final = self.lineage.final
        return (final.system, final.stage) if final else next(reversed(list(self.ends.items())), None)

    @property
    def scored(self) -> list[tuple[str, str]]:
        """Stage and split of every score."""
        return list(dict.fromkeys((score.checkpoint, score.split) for score in self.scores))

    def score(self, checkpoint: str, split: str) -> ScoreRow | None:
        """The score of a stage's tagger on a split, if there is one."""
        return next((s for s in self.scores if (s.checkpoint, s.split) == (checkpoint, split)), None)

    def scores_of(self, checkpoint: str) -> list[ScoreRow]:
        """The scores of a stage's tagger, that on the target first."""
        return [score for split in self.splits if (score := self.score(checkpoint, split))]

    def label(self, score: ScoreRow) -> str:
        """Stage and round of a scored tagger; numbered, as in `ner (2)`, if its system has several such taggers."""
        same = (score.system, score.stage, score.round)
        taggers = dict.fromkeys(s.checkpoint for s in self.scores if (s.system, s.stage, s.round) == same)
        number = list(taggers).index(score.checkpoint) + 1
        return f"{score.label} ({number})" if number > 1 else score.label

    def is_final(self, stage: str) -> bool:
        """Whether the stage made the released tagger."""
        return self.lineage.final is not None and self.lineage.final.stage == stage

    def predictions(self, checkpoint: str, split: str) -> pa.Table | None:
        """`id, tokens, gold, predicted` of the scored sentences; None without a score or a whole file of its tagger.

        Scores of older releases do not name the file; then the newest one of the split is read.
        """
        score = self.score(checkpoint, split)
        if score is None or self._replaced(checkpoint):
            return None
        name = Path(score.predictions).name if score.predictions else f"predictions-{split}-*.parquet"
        files = self._stage_folder(checkpoint).glob(name)
        file = max(files, key=lambda file: file.stat().st_mtime, default=None)
        return file and _read_table(file, ["id", "tokens", "gold", "predicted"])

    def pseudo_labels(self, labelling: LabellingRecord) -> pa.Table | None:
        """`id, tokens, ner_tags` of the labelled sentences; None if the file is missing, damaged or replaced.

        Also `ner_probabilities`, if the file has them.
        """
        if self._replaced(labelling.tagger):
            return None
        file = self._stage_folder(labelling.tagger) / Path(labelling.file).name
        return _read_table(file, ["id", "tokens", "ner_tags"], "ner_probabilities")

    def soft_labels(self, labels: SoftLabelsRecord) -> pa.Table | None:
        """`id, tokens, ner_tags, class_probabilities` of the labelled sentences, or None as for `pseudo_labels`."""
        if not labels.teachers or self._replaced(labels.teachers[-1]):
            return None
        file = self._stage_folder(labels.teachers[-1]) / Path(labels.file).name
        return _read_table(file, ["id", "tokens", "ner_tags", "class_probabilities"])

    def answers(self, labelling: LabellingRecord) -> list[set[Span]]:
        """What the last MRC head before the tagger found in the sample of the labelled sentences; empty if unknown."""
        stages = [name for name in self.path_to(labelling.tagger) if StageName.parse(name).kind == "mrc"]
        if not labelling.answers or not stages or self._replaced(stages[-1]):
            return []
        try:
            data = (self._stage_folder(stages[-1]) / Path(labelling.answers).name).read_bytes()
            return [{Span(*span) for span in row} for row in _ANSWERS.validate_json(data)]
        except (OSError, ValidationError):
            return []

    def _stage_folder(self, stage: str) -> Path:
        record = self.lineage.stages.get(stage)
        return self.folder / (record.folder if record and record.folder else f"stages/{stage}")

    def _stage(self, name: str, names: Sequence[str]) -> StageLog:
        record = self.lineage.stages.get(name)
        if record is None:
            parent = StageName.parse(name).parent
            while parent is not None and str(parent) not in names:
                parent = parent.parent
            return StageLog(name, None if parent is None else str(parent))
        whole = StageRecord.read_if_whole(self._stage_folder(name) / RECORD)
        return StageLog(name, record.start, record, [] if whole is None or self._replaced(name) else whole.log)

    def _replaced(self, stage: str) -> bool:
        """Whether a run that has not finished trained the stage again: its files no longer belong to the scores."""
        record, now = self.lineage.stages.get(stage), StageRecord.read_if_whole(self._stage_folder(stage) / RECORD)
        return record is not None and now is not None and now.ended != record.ended


def learned_from(labelling: LabellingRecord) -> str:
    """How many of the sentences were learned from, how they were chosen, and which texts counted as no entity."""
    chosen = labelling.selection
    if chosen is None:
        return "all"
    by = "" if chosen.by == "all" else f" by {chosen.by}"
    texts = ", ".join(chosen.no_entities)
    return f"{chosen.sentences:,}{by}" + (f", {texts} as no entity" if texts else "")


def _read_table(file: Path, columns: list[str], *others: str) -> pa.Table | None:
    """The rows of a Parquet file; None if it is missing or damaged, or if it lacks one of the columns but `others`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        known = set(pq.read_schema(file).names)
        table = pq.read_table(file, columns=[*columns, *known.intersection(others)])
        table.validate(full=True)
    except (OSError, pa.ArrowException):
        return None
    return table if known.issuperset(columns) else None
