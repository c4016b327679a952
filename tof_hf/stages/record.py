"""What a stage writes about itself: `stage.json` when it is finished, `begun.json` while it trains."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tof_hf.modeling.hand_off import HandOff
from tof_hf.storage.records import Record

RECORD, BEGUN = "stage.json", "begun.json"

FingerprintInputs = dict[str, Any]  # what a fingerprint is made of, as JSON knows it; see tof_hf.stages.fingerprint


class StageSummary(Record):
    """What one training run began with, learned from and cost.

    Attributes:
        key: its fingerprint.
        start: the stage it started from; None (in `stage.json` an empty text) for the pretrained encoder.
        rows: training rows by kind. `validation_rows`: those it was selected on.
        windows: pieces of text of at most `max_length` that the rows were cut into.
        seconds: over all interruptions. Memory is in MiB; `peak_memory_of` says whether the peak is the stage's own.
        best_validation_f1: in 0..1, on source validation.
        hand_off: which weights it took over from its start.
    """

    key: str = ""
    start: str | None = None
    seed: int | None = None
    rows: dict[str, int] = {}
    validation_rows: dict[str, int] = {}
    windows: int = 0
    steps: int = 0
    started: str = ""
    ended: str = ""
    seconds: float = 0.0
    peak_memory_mb: int | None = None
    peak_memory_of: str = "process"
    peak_gpu_memory_mb: int | None = None
    best_validation_f1: float | None = None
    hand_off: HandOff | None = None
    versions: dict[str, str] = {}


class StageRecord(StageSummary):
    """`stage.json` of a finished stage.

    Attributes:
        inputs: what its fingerprint was made of (called `recipe` in the file).
        files: SHA-256 of every file of its model.
        log: the Trainer's log.
    """

    name: str = ""
    inputs: FingerprintInputs = Field(default={}, alias="recipe", serialization_alias="recipe")
    files: dict[str, str] = {}
    log: list[dict[str, Any]] = []


class BegunRecord(Record):
    """`begun.json` of a stage that trains or was stopped: what it is, and what it cost up to its last saved state."""

    key: str
    inputs: FingerprintInputs = Field(default={}, alias="recipe", serialization_alias="recipe")
    started: str = ""
    seconds: float = 0.0
    peak_memory_mb: int = 0
    peak_memory_of: str = "stage"
    peak_gpu_memory_mb: int | None = None
