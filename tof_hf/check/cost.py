"""What the stages of a run cost: steps and minutes, disk, and memory. No weights are loaded."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from transformers import AutoModelForMaskedLM, AutoModelForTokenClassification, PreTrainedConfig, TrainingArguments

from tof_hf.check.report import DiskFacts, Kind, MemoryFacts, StageFacts, size
from tof_hf.config import MlmConfig, MrcConfig
from tof_hf.modeling.span_extraction import AutoModelForSpanExtraction
from tof_hf.run.findings import Finding
from tof_hf.run.plan import PlannedStage
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.stage import StageTask
from tof_hf.utils.pretrained import make_from_config

FLOAT32 = 4  # bytes; weights, gradients and Adam's two states are kept in it
SAVED_AT_ONCE = 3  # Trainer checkpoints: the best, the last, and the one being written


@dataclass(frozen=True)
class Speed:
    """How fast a kind of stage trains.

    Attributes:
        seconds_per_piece: for one piece of text, all processes together.
        fresh_head: whether the encoder comes without this head.
        peak_bytes: the most memory used, on GPUs only.
    """

    seconds_per_piece: float
    fresh_head: bool
    peak_bytes: int | None = None


def kind_of(task: StageTask) -> Kind:
    """What the stage trains."""
    if isinstance(task.config, MlmConfig):
        return "mlm"
    return "mrc" if isinstance(task.config, MrcConfig) else "ner"


def arguments_of(task: StageTask, folder: Path) -> TrainingArguments:
    """The stage's TrainingArguments."""
    return training_arguments(task.config, folder, seed=task.seed, selects=task.metrics is not None)


def stage_facts(
    stage: PlannedStage, systems: Sequence[str], *, folder: Path, speeds: Mapping[Kind, Speed]
) -> StageFacts:
    """The stage with its steps and, if its kind was timed and it is not reused, its minutes."""
    task = stage.task
    args = arguments_of(task, folder)
    steps, pieces = steps_of(task, args)
    speed = speeds.get(kind_of(task))
    minutes = None
    if speed is not None and stage.action != "reuse":
        pieces_a_step = pieces / max(1, steps)
        # Without gradients, or with those of a head alone, a piece is about a third of the work.
        if task.validation is not None and args.eval_strategy == "epoch":
            pieces += sum(task.validation["length"]) * args.num_train_epochs / 3
        if isinstance(task.config, MlmConfig) and speed.fresh_head:
            pieces += task.config.head_warmup_steps * pieces_a_step / 3
        minutes = pieces * speed.seconds_per_piece / 60
    return StageFacts(
        name=stage.name,
        kind=kind_of(task),
        systems=tuple(systems),
        action=stage.action,
        why=stage.why,
        rows=task.rows,
        windows=len(task.train),
        steps=steps,
        minutes=minutes,
        foreseen=stage.foreseen,
    )


def steps_of(task: StageTask, args: TrainingArguments) -> tuple[int, float]:
    """Optimizer steps of the stage over all processes, as the Trainer counts them, and the pieces it reads."""
    windows = len(task.train) * task.repeats
    in_batch = args.train_batch_size * args.world_size
    divide = math.floor if args.dataloader_drop_last else math.ceil
    per_epoch = max(1, math.ceil(divide(windows / in_batch) / args.gradient_accumulation_steps))
    pieces_an_epoch = sum(task.train["length"]) * task.repeats
    if args.max_steps > 0:
        return args.max_steps, pieces_an_epoch * args.max_steps / per_epoch
    return math.ceil(args.num_train_epochs * per_epoch), pieces_an_epoch * args.num_train_epochs


def parameter_count(encoder: PreTrainedConfig, task: StageTask) -> int:
    """Parameters of the stage's model, counted without making its weights."""
    with torch.device("meta"):
        if isinstance(task.config, MlmConfig):
            model = make_from_config(AutoModelForMaskedLM, encoder)
        elif isinstance(task.config, MrcConfig):
            model = AutoModelForSpanExtraction.from_config(encoder, span_match=task.config.span_match_head)
        else:
            model = make_from_config(AutoModelForTokenClassification, encoder)  # its head is too small to matter
    return sum(parameter.numel() for parameter in model.parameters())


def check_disk(
    folder: Path, tasks: Sequence[StageTask], parameters: Mapping[Kind, int]
) -> tuple[DiskFacts, list[Finding]]:
    """What the stages to train write, and what is free where output_dir is or will be."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    sizes = [parameters[kind_of(task)] * FLOAT32 for task in tasks]
    # A Trainer checkpoint is the weights and Adam's two states; final/ is a copy of the last stage's model.
    needed = sum(sizes) + SAVED_AT_ONCE * 3 * max(sizes) + sizes[-1]
    facts = DiskFacts(str(place), needed, shutil.disk_usage(place).free)
    if needed <= facts.free:
        return facts, []
    found = f"the run needs {size(needed)} on the disk of {place}, {size(facts.free)} are free"
    return facts, [Finding("error", "output_dir", found, "free some space, or name a folder on another disk.")]


def check_memory(
    encoder: PreTrainedConfig,
    stages: Sequence[tuple[StageTask, TrainingArguments]],
    parameters: Mapping[Kind, int],
    measured_peak: int | None,
) -> tuple[MemoryFacts, list[Finding]]:
    """What a process needs for the largest of these stages, and what is available to it."""
    needs = []
    for task, args in stages:
        states = 4 * parameters[kind_of(task)] * FLOAT32  # weights, gradients, Adam's two states
        needs.append((states + activation_bytes(encoder, task, args), states, task, args))
    needed, states, task, args = max(needs, key=lambda need: need[0])
    device, available = available_memory(args)
    facts = MemoryFacts(
        device=device,
        stage=task.name,
        parameters=parameters[kind_of(task)],
        states=states,
        activations=needed - states,
        available=available,
        measured_peak=measured_peak,
    )
    if (measured_peak or needed) <= available:
        return facts, []
    found = f"{task.name} needs roughly {size(needed)} of memory, {size(available)} are free on {device}"
    fix = "lower per_device_train_batch_size, raise gradient_accumulation_steps, or set gradient_checkpointing=true."
    return facts, [Finding("warning", "memory", found, fix)]


def activation_bytes(encoder: PreTrainedConfig, task: StageTask, args: TrainingArguments) -> int:
    """Roughly the bytes that one batch of the longest windows keeps for the backward pass.

    After Korthikanti et al. 2022: 17 numbers a piece and hidden unit, 2.5 a pair of pieces and head, in each layer.
    """
    longest = max(task.train["length"])
    pieces = longest * args.per_device_train_batch_size
    width = 2 if args.bf16 or args.fp16 else FLOAT32
    layer = pieces * (17 * encoder.hidden_size + 2.5 * encoder.num_attention_heads * longest) * width
    if args.gradient_checkpointing:
        needed = layer + pieces * encoder.hidden_size * width * encoder.num_hidden_layers
    else:
        needed = layer * encoder.num_hidden_layers
    if isinstance(task.config, MlmConfig):  # the head sees only the masked positions: logits and their gradients
        needed += 2 * pieces * task.config.mlm_probability * encoder.vocab_size * FLOAT32
    return round(needed)


def available_memory(args: TrainingArguments) -> tuple[str, int]:
    """The device, and the bytes that one process can have of it."""
    if args.device.type == "cuda":
        return torch.cuda.get_device_name(args.device), torch.cuda.mem_get_info(args.device)[0]
    on_this_machine = max(1, args.world_size)  # with several machines too many, so this is a low estimate
    return "this machine", psutil.virtual_memory().available // on_this_machine
