"""The stages that a run would carry out: how much each of them trains on, and how long that takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datasets import ClassLabel, Dataset, Features, List, Value
from transformers import TrainingArguments

from tof_hf.check.report import StageFacts
from tof_hf.config import MlmConfig, MrcConfig
from tof_hf.data.mapping import cached_map
from tof_hf.data.mixing import cap
from tof_hf.plan import UNKNOWN, PlannedStage, PlannedSteps
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.task import Checkpoint, StageTask

Kind = Literal["mlm", "mrc", "ner"]
_FROM_PSEUDO_LABELS = {"pseudo", "pseudo_mrc"}


@dataclass(frozen=True)
class Speed:
    """How fast a kind of stage trains: seconds for one piece of text, all processes together.

    `fresh_head`: the encoder comes without this head. `peak_bytes`: the most memory, on GPUs alone.
    """

    seconds_per_piece: float
    fresh_head: bool
    peak_bytes: int | None = None


class ForeseenSteps(PlannedSteps):
    """Steps that plan a run to its end: where it would label sentences, all of them stand in, without an entity."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.foreseen: set[str] = set()
        self._stands_in = False

    def without_translation(self) -> ForeseenSteps:
        """The same steps on data of which nothing is translated, in the same plan."""
        steps = super().without_translation()
        steps.foreseen = self.foreseen
        return steps

    def label(self, tagger: Checkpoint) -> Dataset:
        """The labels, if this very tagger has given them already; else the same sentences without an entity."""
        known = super().label(tagger)
        self._stands_in = known is None
        return self._without_entities() if known is None else known

    def _without_entities(self) -> Dataset:
        tags, numbers = List(ClassLabel(names=self.data.label_names)), List(Value("float32"))
        words = {"id": Value("string"), "tokens": List(Value("string"))}
        features = Features(words | {"ner_tags": tags, "ner_probabilities": numbers})
        text = cap(self.data.target, self.config.labelling.max_sentences, seed=self.config.seed)
        return cached_map(text, _all_outside, features=features, description="Stand-ins for labels")

    def _carry_out(self, task: StageTask) -> Checkpoint:
        if not (self._stands_in and _FROM_PSEUDO_LABELS & task.rows.keys()):
            return super()._carry_out(task)
        why = f"learns from labels that a tagger gives anew; starts from {task.start.name}"
        self._plan(task.name, "run", why, task)
        self.foreseen.add(task.name)
        return Checkpoint(task.name, str(self.folder / task.name / "model"), UNKNOWN)


def _all_outside(batch: dict[str, list], indices: list[int], *, code: str) -> dict[str, list]:
    lengths = [len(tokens) for tokens in batch["tokens"]]
    tags, sure = [[0] * length for length in lengths], [[1.0] * length for length in lengths]
    return {"id": batch["id"], "tokens": batch["tokens"], "ner_tags": tags, "ner_probabilities": sure}


def kind_of(task: StageTask) -> Kind:
    """What the stage trains."""
    if isinstance(task.config, MlmConfig):
        return "mlm"
    return "mrc" if isinstance(task.config, MrcConfig) else "ner"


def once(planned: Sequence[PlannedStage]) -> dict[str, tuple[PlannedStage, tuple[str, ...]]]:
    """Every stage once, by name and in order, with the systems that go through it."""
    stages: dict[str, tuple[PlannedStage, tuple[str, ...]]] = {}
    for stage in planned:
        first, systems = stages.get(stage.name, (stage, ()))
        stages[stage.name] = (first, (*systems, stage.system))
    return stages


def arguments_of(task: StageTask, folder: Path) -> TrainingArguments:
    """The stage's TrainingArguments."""
    return training_arguments(task.config, folder, seed=task.seed, selects=task.metrics is not None)


def stage_facts(
    stage: PlannedStage,
    systems: tuple[str, ...],
    *,
    folder: Path,
    foreseen: bool,
    speeds: Mapping[Kind, Speed],
) -> StageFacts:
    """The stage with its steps and, if its kind was measured and it is not reused, its minutes."""
    task = stage.task
    args = arguments_of(task, folder)
    steps, pieces = steps_of(task, args)
    speed = speeds.get(kind_of(task))
    minutes = None
    if speed is not None and stage.action != "reuse":
        minutes = (pieces + _besides(task, args, pieces / max(1, steps), speed)) * speed.seconds_per_piece / 60
    return StageFacts(
        name=stage.name,
        kind=kind_of(task),
        systems=systems,
        action=stage.action,
        why=stage.why,
        rows=task.rows,
        windows=len(task.train),
        steps=steps,
        minutes=minutes,
        foreseen=foreseen,
    )


def _besides(task: StageTask, args: TrainingArguments, pieces_a_step: float, speed: Speed) -> float:
    """What a stage does beside its own steps, in pieces of training that take as long."""
    pieces = 0.0
    # Without gradients, or with those of a head alone, a piece is about a third of the work.
    if task.validation is not None and args.eval_strategy == "epoch":
        pieces += sum(task.validation["length"]) * args.num_train_epochs / 3
    if isinstance(task.config, MlmConfig) and speed.fresh_head:
        pieces += task.config.head_warmup_steps * pieces_a_step / 3
    return pieces


def steps_of(task: StageTask, args: TrainingArguments) -> tuple[int, float]:
    """Optimizer steps of the stage over all processes, as the Trainer counts them, and the pieces it goes through."""
    windows = len(task.train) * task.repeats
    in_batch = args.train_batch_size * args.world_size
    divide = math.floor if args.dataloader_drop_last else math.ceil
    per_epoch = max(1, math.ceil(divide(windows / in_batch) / args.gradient_accumulation_steps))
    pieces_an_epoch = sum(task.train["length"]) * task.repeats
    if args.max_steps > 0:
        return args.max_steps, pieces_an_epoch * args.max_steps / per_epoch
    return math.ceil(args.num_train_epochs * per_epoch), pieces_an_epoch * args.num_train_epochs


def to_train(planned: Sequence[PlannedStage]) -> list[PlannedStage]:
    """The stages that are not finished, each once."""
    return [stage for stage, _ in once(planned).values() if stage.action != "reuse"]

