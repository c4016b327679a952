"""What the stages of a run cost: steps and minutes, disk, and memory; from a few real steps, which are discarded."""

import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from transformers import PreTrainedConfig, PreTrainedModel, TrainerCallback, TrainingArguments

from tof_hf.check.report import DiskFacts, Kind, MemoryFacts, StageFacts, size
from tof_hf.config import MlmConfig, MrcConfig
from tof_hf.config.stages import SelectedStageConfig
from tof_hf.modeling.freezing import freeze_layers
from tof_hf.modeling.hand_off import HandOff
from tof_hf.modeling.transfer import load_for_mlm, load_for_mrc, load_for_ner
from tof_hf.run.findings import Finding
from tof_hf.run.plan import PlannedStage
from tof_hf.stages.arguments import training_arguments
from tof_hf.stages.dry_run import model_of
from tof_hf.stages.fit import stage_trainer
from tof_hf.stages.stage import Stage
from tof_hf.stages.vocabulary import can_be_narrow, used_pieces
from tof_hf.utils.disks import cache_folder

FLOAT32 = 4  # bytes; weights, gradients and Adam's two states are kept in it
SAVED_AT_ONCE = 3  # Trainer checkpoints: the best, the last, and the one being written
TIMED_STEPS = 3
ENOUGH_SECONDS = 10.0  # after which no further step is timed


@dataclass(frozen=True)
class Speed:
    """How fast a kind of stage trains.

    Attributes:
        seconds_per_piece: for one piece of text, all processes together.
        head_seconds_per_piece: the same while a fresh head is trained alone, the encoder frozen; 0 without such steps.
        peak_bytes: the most memory used, on GPUs only.
    """

    seconds_per_piece: float
    head_seconds_per_piece: float = 0.0
    peak_bytes: int | None = None


def kind_of(stage: Stage) -> Kind:
    """What the stage trains."""
    if isinstance(stage.config, MlmConfig):
        return "mlm"
    return "mrc" if isinstance(stage.config, MrcConfig) else "ner"


def arguments_of(stage: Stage, folder: Path) -> TrainingArguments:
    """The stage's TrainingArguments."""
    return training_arguments(stage.config, folder, seed=stage.seed, selects=stage.validation is not None)


def stage_facts(same: Sequence[PlannedStage], *, folder: Path, speeds: Mapping[Kind, Speed]) -> StageFacts:
    """The stage, which systems share, with its steps and, if its kind was timed and it is not reused, its minutes."""
    planned, stage = same[0], same[0].stage
    args = arguments_of(stage, folder)
    steps, pieces = steps_of(stage, args)
    speed = speeds.get(kind_of(stage))
    minutes = None
    if speed is not None and planned.action != "reuse":
        pieces_a_step = pieces / max(1, steps)
        # Without gradients a piece is about a third of the work.
        if stage.validation is not None and args.eval_strategy == "epoch":
            pieces += sum(stage.validation.windows["length"]) * args.num_train_epochs / 3
        seconds = pieces * speed.seconds_per_piece
        if isinstance(stage.config, MlmConfig):
            seconds += stage.config.head_warmup_steps * pieces_a_step * speed.head_seconds_per_piece
        minutes = seconds / 60
    return StageFacts(
        name=planned.name,
        kind=kind_of(stage),
        systems=tuple(one.system for one in same),
        action=planned.action,
        why=planned.why,
        rows=stage.rows,
        windows=len(stage.train),
        steps=steps,
        minutes=minutes,
        foreseen=planned.foreseen,
    )


def steps_of(stage: Stage, args: TrainingArguments) -> tuple[int, float]:
    """Optimizer steps of the stage over all processes, as the Trainer counts them, and the pieces it reads."""
    windows = len(stage.train) * stage.repeats
    in_batch = args.train_batch_size * args.world_size
    per_epoch = max(1, math.ceil(math.ceil(windows / in_batch) / args.gradient_accumulation_steps))
    pieces_an_epoch = sum(stage.train["length"]) * stage.repeats
    if args.max_steps > 0:
        return args.max_steps, pieces_an_epoch * args.max_steps / per_epoch
    return math.ceil(args.num_train_epochs * per_epoch), pieces_an_epoch * args.num_train_epochs


def parameter_count(encoder: PreTrainedConfig, stage: Stage) -> int:
    """Parameters of the stage's model, counted without making its weights."""
    return sum(parameter.numel() for parameter in _model_without_weights(encoder, stage).parameters())


def trained_parameters(encoder: PreTrainedConfig, stage: Stage) -> int:
    """Those of them that the stage trains: not frozen ones, nor embeddings of pieces that its rows do not have."""
    model, config = _model_without_weights(encoder, stage), stage.config
    freeze_layers(model, config.freeze_layers or 0)
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    if isinstance(config, SelectedStageConfig) and config.narrow_vocabulary and can_be_narrow(model):
        whole: Any = model.get_input_embeddings()
        used = used_pieces(stage.encoded, whole.num_embeddings)
        trained -= int((~used).sum()) * whole.embedding_dim
    return trained


def _model_without_weights(encoder: PreTrainedConfig, stage: Stage) -> PreTrainedModel:
    with torch.device("meta"):
        return model_of(stage.config, encoder)  # a tagger has too few labels, but that hardly matters


def disk_facts(folder: Path, stages: Sequence[Stage], parameters: Mapping[Kind, int]) -> DiskFacts:
    """What the stages to train write, and what is free where output_dir is or will be."""
    sizes = [parameters[kind_of(stage)] * FLOAT32 for stage in stages]
    # A Trainer checkpoint is the weights and Adam's two states; final/ is a copy of the last stage's model.
    needed = sum(sizes) + SAVED_AT_ONCE * 3 * max(sizes) + sizes[-1]
    return _disk(folder, needed)


def cache_facts(stages: Sequence[Stage]) -> DiskFacts:
    """What the encoded rows of the stages to train take in the cache of datasets, and what is free there."""
    return _disk(cache_folder(), sum(part.data.nbytes for stage in stages for part in stage.encoded))


def _disk(folder: Path, needed: int) -> DiskFacts:
    folder = folder.absolute()
    place = next(place for place in (folder, *folder.parents) if place.exists())
    return DiskFacts(str(place), needed, shutil.disk_usage(place).free)


def memory_facts(
    folder: Path, stage: Stage, encoder: PreTrainedConfig, parameters: int, measured_peak: int | None
) -> MemoryFacts:
    """What a process needs to train the stage, and what is available to it."""
    args = arguments_of(stage, folder)
    device, available = available_memory(args)
    return MemoryFacts(
        device=device,
        stage=stage.name,
        parameters=parameters,
        states=(parameters + 3 * trained_parameters(encoder, stage)) * FLOAT32,  # weights; gradients, Adam's two states
        activations=activation_bytes(encoder, stage, args),
        available=available,
        measured_peak=measured_peak,
    )


def check_costs(disk: DiskFacts, cache: DiskFacts, memory: MemoryFacts) -> Iterator[Finding]:
    """Too little disk or memory."""
    for option, one in (("output_dir", disk), ("HF_DATASETS_CACHE", cache)):
        if one.needed > one.free:
            found = f"the run needs {size(one.needed)} on the disk of {one.place}, {size(one.free)} are free"
            yield Finding("error", option, found, f"free some space, or set {option} to a folder on another disk.")
    if (memory.measured_peak or memory.needed) > memory.available:
        needed, free = size(memory.needed), size(memory.available)
        found = f"{memory.stage} needs roughly {needed} of memory, {free} are free on {memory.device}"
        fix = (
            "lower per_device_train_batch_size, raise gradient_accumulation_steps, or set gradient_checkpointing=true."
        )
        yield Finding("warning", "memory", found, fix)


def activation_bytes(encoder: PreTrainedConfig, stage: Stage, args: TrainingArguments) -> int:
    """Roughly the bytes that one batch of the longest windows keeps for the backward pass.

    After Korthikanti et al. 2022: 17 numbers a piece and hidden unit, 2.5 a pair of pieces and head, in each layer that
    is not frozen.
    """
    longest = max(stage.train["length"])
    pieces = longest * args.per_device_train_batch_size
    width = 2 if args.bf16 or args.fp16 else FLOAT32
    layer = pieces * (17 * encoder.hidden_size + 2.5 * encoder.num_attention_heads * longest) * width
    layers = encoder.num_hidden_layers - (stage.config.freeze_layers or 0)
    if args.gradient_checkpointing:
        needed = layer + pieces * encoder.hidden_size * width * layers
    else:
        needed = layer * max(1, layers)
    if isinstance(stage.config, MlmConfig):  # the head sees only the masked positions: logits and their gradients
        needed += 2 * pieces * stage.config.mlm_probability * encoder.vocab_size * FLOAT32
    return round(needed)


def available_memory(args: TrainingArguments) -> tuple[str, int]:
    """The device, and the bytes that one process can have of it."""
    if args.device.type == "cuda":
        return torch.cuda.get_device_name(args.device), torch.cuda.mem_get_info(args.device)[0]
    on_this_machine = max(1, args.world_size)  # with several machines too many, so this is a low estimate
    return "this machine", psutil.virtual_memory().available // on_this_machine


def measure(stage: Stage, encoder: str) -> Speed:
    """The speed of a stage, from a warm-up step with its longest windows and three steps with typical ones.

    The stage starts from the pretrained encoder, since its real start may not exist yet. Raises ModelError if that
    cannot be loaded, torch.OutOfMemoryError if the longest windows do not fit.
    """
    with tempfile.TemporaryDirectory() as folder:  # the Trainer wants one, and leaves it empty
        args = _arguments(stage, folder)
        lengths: np.ndarray = np.asarray(stage.train["length"][:])
        batch = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        strategy = stage.config.training.get("train_sampling_strategy", "group_by_length")
        rows = representative(lengths, batch, grouped=strategy in ("group_by_length", "batch_rebalance"))
        on_gpu = args.device.type == "cuda"
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        model, hand_off = _model_for(stage, encoder)
        head_speed = 0.0
        if hand_off.head_fresh and stage.head_warmup is not None:
            model.base_model.requires_grad_(False)
            head_speed = _seconds_per_piece(stage, model, args, rows)
            model.base_model.requires_grad_(True)
        speed = _seconds_per_piece(stage, model, _arguments(stage, folder), rows)
        del model
    peak = torch.cuda.max_memory_allocated() if on_gpu else None
    torch.cuda.empty_cache()
    return Speed(speed, head_speed, peak_bytes=peak)


def _seconds_per_piece(stage: Stage, model: PreTrainedModel, args: TrainingArguments, rows: Sequence[int]) -> float:
    """The time of the steps on these rows without the first, which also warms up."""
    stopwatch = Stopwatch(alone=args.world_size == 1)
    train = stage.train.select(rows)
    trainer = stage_trainer(stage, model, args, train)
    trainer.add_callback(stopwatch)
    trainer.train()
    trainer.accelerator.free_memory()
    seconds = np.diff(stopwatch.stamps)
    pieces = np.asarray(train["length"][:]).reshape(1 + TIMED_STEPS, -1).sum(1)[: len(seconds)]
    timed = slice(1 if len(seconds) > 1 else 0, None)
    return float(seconds[timed].sum() / pieces[timed].sum())


def _arguments(stage: Stage, folder: str) -> TrainingArguments:
    short = {
        "max_steps": 1 + TIMED_STEPS,
        "train_sampling_strategy": "sequential",
        "warmup_steps": 0,
        "logging_strategy": "no",
        "disable_tqdm": True,
    }
    config = stage.config.replace(**short)
    return training_arguments(config, folder, seed=stage.seed, selects=False, trains=False)


def representative(lengths: Sequence[int] | np.ndarray, batch: int, *, grouped: bool) -> list[int]:
    """The row numbers of one batch of the longest windows, then of three typical batches.

    With `grouped`, each batch has windows of about one length, as in training: short, medium and long ones.
    """
    by_length = np.argsort(lengths, kind="stable")
    last = max(0, len(lengths) - batch)
    chosen = [_from(by_length, last, batch)]
    shuffled = np.random.default_rng(0).permutation(len(lengths))
    for number in range(TIMED_STEPS):
        if grouped:
            middle = len(lengths) * (2 * number + 1) / (2 * TIMED_STEPS)
            chosen.append(_from(by_length, min(last, max(0, round(middle - batch / 2))), batch))
        else:
            chosen.append(_from(shuffled, number * batch, batch))
    return [int(row) for row in np.concatenate(chosen)]


def _from(order: np.ndarray, begin: int, count: int) -> np.ndarray:
    return order[np.arange(begin, begin + count) % len(order)]  # a small file is read again


def _model_for(stage: Stage, encoder: str) -> tuple[PreTrainedModel, HandOff]:
    """A model of the stage's kind on the pretrained encoder."""
    if isinstance(stage.config, MlmConfig):
        return load_for_mlm(encoder)
    if isinstance(stage.config, MrcConfig):
        return load_for_mrc(encoder, span_match=stage.config.span_match_head)
    return load_for_ner(encoder, stage.label_names)


class Stopwatch(TrainerCallback):
    """The times at which training began and every step ended, in seconds of `clock`.

    Only a process that is `alone` may stop early: others would wait for it.
    """

    def __init__(self, *, alone: bool, clock: Callable[[], float] = time.perf_counter) -> None:
        self.alone, self.clock, self.stamps = alone, clock, list[float]()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the start."""
        self.stamps = [self.clock()]

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the end of a step, and stop if that is enough."""
        if args.device.type == "cuda":
            torch.cuda.synchronize()
        self.stamps.append(self.clock())
        if self.alone and self.stamps[-1] - self.stamps[0] > ENOUGH_SECONDS:
            control.should_training_stop = True
