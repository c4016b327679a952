"""The stages that a run would carry out: how much each of them trains on, and how long that takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transformers import TrainingArguments

from tof_hf.check.report import StageFacts
from tof_hf.config import MlmConfig, MrcConfig
from tof_hf.run.plan import PlannedStage
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.stage import StageTask

Kind = Literal["mlm", "mrc", "ner"]


@dataclass(frozen=True)
class Speed:
    """How fast a kind of stage trains: seconds for one piece of text, all processes together.

    `fresh_head`: the encoder comes without this head. `peak_bytes`: the most memory, on GPUs alone.
    """

    seconds_per_piece: float
    fresh_head: bool
    peak_bytes: int | None = None


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
        foreseen=stage.foreseen,
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
