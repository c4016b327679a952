"""Disk and memory that a run needs, from the encoder's shape alone: no weights are loaded."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import torch
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForTokenClassification,
    PreTrainedConfig,
    TrainingArguments,
)

from tof_hf.check.report import DiskFacts, MemoryFacts
from tof_hf.check.stages import Kind, kind_of
from tof_hf.modeling.span_extraction import AutoModelForSpanExtraction
from tof_hf.run.findings import Finding
from tof_hf.stages.stage import StageTask
from tof_hf.utils.pretrained import make_from_config

FLOAT32 = 4  # bytes; weights, gradients and Adam's two states are kept in it
SAVED_AT_ONCE = 3  # Trainer checkpoints: the best, the last, and the one being written


def parameter_count(encoder: PreTrainedConfig, task: StageTask) -> int:
    """Parameters of the stage's model, from a model without numbers in it."""
    kind = kind_of(task)
    with torch.device("meta"):
        if kind == "mlm":
            model = make_from_config(AutoModelForMaskedLM, encoder)
        elif kind == "mrc":
            model = AutoModelForSpanExtraction.from_config(encoder, span_match=task.config.span_match_head)
        else:
            model = make_from_config(AutoModelForTokenClassification, encoder)  # its head is too small to matter
    return sum(parameter.numel() for parameter in model.parameters())


def look_at_disk(
    folder: Path, tasks: Sequence[StageTask], parameters: Mapping[Kind, int]
) -> tuple[DiskFacts, list[Finding]]:
    """What the stages to train write, against what is free where output_dir is or will be."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    sizes = [parameters[kind_of(task)] * FLOAT32 for task in tasks]
    # A Trainer checkpoint is the weights and Adam's two states; final/ is a copy of the last stage's model.
    needed = sum(sizes) + SAVED_AT_ONCE * 3 * max(sizes, default=0) + (sizes[-1] if sizes else 0)
    facts = DiskFacts(str(place), needed, shutil.disk_usage(place).free)
    if needed <= facts.free:
        return facts, []
    found = f"the run needs {size(needed)} on the disk of {place}, {size(facts.free)} are free"
    return facts, [Finding("error", "output_dir", found, "make room, or name a folder on another disk.")]


def look_at_memory(
    encoder: PreTrainedConfig,
    stages: Sequence[tuple[StageTask, TrainingArguments]],
    parameters: Mapping[Kind, int],
    measured_peak: int | None,
) -> tuple[MemoryFacts, list[Finding]]:
    """What a process needs for the one of these stages that needs most, against what it can have."""

    def states(task: StageTask) -> int:
        return 4 * parameters[kind_of(task)] * FLOAT32  # weights, gradients, two of Adam's

    needs = [(states(task) + activation_bytes(encoder, task, args), task, args) for task, args in stages]
    needed, task, args = max(needs, key=lambda need: need[0])
    device, available = available_memory(args)
    facts = MemoryFacts(
        device=device,
        stage=task.name,
        parameters=parameters[kind_of(task)],
        states=states(task),
        activations=needed - states(task),
        available=available,
        measured_peak=measured_peak,
    )
    if (measured_peak or needed) <= available:
        return facts, []
    found = f"{task.name} needs roughly {size(needed)} of memory, {size(available)} are free on {device}"
    fix = "lower per_device_train_batch_size, raise gradient_accumulation_steps, or set gradient_checkpointing=true."
    return facts, [Finding("warning", "memory", found, fix)]


def activation_bytes(encoder: PreTrainedConfig, task: StageTask, args: TrainingArguments) -> int:
    """Roughly what one batch of the longest windows leaves for the backward pass.

    After Korthikanti et al. 2022: 17 numbers a piece and hidden unit, 2.5 a pair of pieces and head, in each layer.
    """
    longest = max(task.train["length"])
    pieces = longest * args.per_device_train_batch_size
    width = 2 if args.bf16 or args.fp16 else FLOAT32
    layer = pieces * (17 * encoder.hidden_size + 2.5 * encoder.num_attention_heads * longest) * width
    if args.gradient_checkpointing:
        numbers = layer + pieces * encoder.hidden_size * width * encoder.num_hidden_layers
    else:
        numbers = layer * encoder.num_hidden_layers
    if kind_of(task) == "mlm":  # the head sees the masked positions alone: logits and their gradients
        numbers += 2 * pieces * task.config.mlm_probability * encoder.vocab_size * FLOAT32
    return round(numbers)


def available_memory(args: TrainingArguments) -> tuple[str, int]:
    """The device and the bytes that one process can have of it."""
    if args.device.type == "cuda":
        return torch.cuda.get_device_name(args.device), torch.cuda.mem_get_info(args.device)[0]
    on_this_machine = max(1, args.world_size)  # of several machines too many; then the rest is a reserve
    return "this machine", psutil.virtual_memory().available // on_this_machine


def size(count: float) -> str:
    """Bytes for people: 3.2 GiB."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
