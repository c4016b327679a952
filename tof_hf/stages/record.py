"""The records of a stage: `stage.json` when it is finished, `begun.json` while it trains."""

from typing import Any

from pydantic import Field

from tof_hf.modeling.hand_off import HandOff
from tof_hf.storage.records import Record

RECORD, BEGUN = "stage.json", "begun.json"

FingerprintInputs = dict[str, Any]  # JSON values that a fingerprint is the hash of; see tof_hf.stages.fingerprint


class StageCost(Record):
    """What a stage cost, over all interruptions.

    Attributes:
        started: UTC.
        seconds: training time.
        peak_memory_mb: in MiB, the largest over all processes.
        peak_memory_of: `stage`, or `process` where the system only has the peak since the process started.
        peak_gpu_memory_mb: what torch allocated, in MiB; None without CUDA.
    """

    started: str = ""
    seconds: float = 0.0
    peak_memory_mb: int | None = None
    peak_memory_of: str = "process"
    peak_gpu_memory_mb: int | None = None


class StageSummary(StageCost):
    """What one training run started from, what it was trained on and what it cost.

    Attributes:
        key: the stage's fingerprint.
        start: the stage it started from; None (an empty text in `stage.json`) for the pretrained encoder.
        rows: number of training rows by kind.
        validation_rows: number of rows that the checkpoint was selected on, by kind.
        windows: number of pieces of at most `max_length` that the training rows were cut into.
        steps: optimizer steps.
        ended: UTC.
        best_validation_f1: in 0..1, on source validation.
        hand_off: the weights that came from the start.
    """

    key: str = ""
    start: str | None = None
    seed: int | None = None
    rows: dict[str, int] = {}
    validation_rows: dict[str, int] = {}
    windows: int = 0
    steps: int = 0
    ended: str = ""
    best_validation_f1: float | None = None
    hand_off: HandOff | None = None
    versions: dict[str, str] = {}


class StageRecord(StageSummary):
    """`stage.json` of a finished stage.

    Attributes:
        inputs: the inputs of its fingerprint (called `recipe` in the file).
        files: SHA-256 of every file of its model.
        log: the Trainer's log.
    """

    name: str = ""
    inputs: FingerprintInputs = Field(default={}, validation_alias="recipe", serialization_alias="recipe")
    files: dict[str, str] = {}
    log: list[dict[str, Any]] = []


class BegunRecord(StageCost):
    """`begun.json` of a stage that is training or was stopped, with its cost up to the last saved checkpoint."""

    key: str
    inputs: FingerprintInputs = Field(default={}, validation_alias="recipe", serialization_alias="recipe")
    peak_memory_of: str = "stage"
