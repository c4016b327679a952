"""How far a stage is in its folder: finished, begun, or to be trained; decided by content, never by a file's date.

A finished stage is reused if its recipe is the same and its files are those that were saved. A begun one goes on from
its newest Trainer checkpoint that is whole.
"""

from __future__ import annotations

import hashlib
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tof_hf.modeling.checkpoints import MODEL_FILES
from tof_hf.stages.failures import RunError
from tof_hf.stages.fingerprint import changes, fingerprint
from tof_hf.stages.record import BEGUN, RECORD, BegunRecord, StageRecord
from tof_hf.stages.stage import Checkpoint
from tof_hf.storage.cache import NOTES, remove_kept
from tof_hf.storage.files import read_json, read_whole_json, write_json
from tof_hf.storage.own_folder import OwnFolder

MANIFEST = "manifest.json"
STAGE_FILES = ("trainer/checkpoint-[0-9]*/", "cache/parquet/", "cache/*.lock", NOTES, RECORD, BEGUN)


def stage_files(folder: Path) -> OwnFolder:
    """The files of a stage in its folder; those that are noted in kept.json are its own too."""
    model = tuple(f"model/{name}" for name in MODEL_FILES)
    return OwnFolder(folder, STAGE_FILES, later=model, earlier={RECORD: "key", BEGUN: "key"})


def check_stage_folders(root: Path) -> None:
    """Raise ConfigError if a stage would replace what no stage made in the folder of the stages' folders."""
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_dir() or folder.is_symlink():
            stage_files(folder).check()


@dataclass(frozen=True)
class Standing:
    """What a run will do with a stage, and why; `checkpoint` is the Trainer's that it goes on from."""

    action: Literal["reuse", "resume", "run"]
    why: str = ""
    checkpoint: Path | None = None


def standing(folder: Path, recipe: Mapping[str, Any]) -> Standing:
    """What to do with the stage of this recipe in its folder."""
    key = fingerprint(recipe)
    record = StageRecord.read_if_whole(folder / RECORD)
    if record is not None and record.key == key:
        broken = _broken(folder / "model", record.files)
        if broken is None:
            return Standing("reuse")
        return Standing("run", f"{broken} is not what was saved")
    begun = BegunRecord.read_if_whole(folder / BEGUN)
    if begun is not None and begun.key == key:
        checkpoint = newest_whole_checkpoint(folder / "trainer")
        if checkpoint is not None:
            return Standing("resume", f"stopped after {checkpoint.name.rpartition('-')[2]} steps", checkpoint)
        return Standing("run", "stopped in its first epoch")
    for known in (record, begun):
        if known is not None and known.inputs:
            return Standing("run", ", ".join(changes(known.inputs, recipe)))
    return Standing("run", "never trained" if record is None else "trained by an older release")


def prepare_folder(folder: Path, recipe: Mapping[str, Any]) -> None:
    """Drop the remains of another recipe, and note that this one is begun. Raises RunError if they cannot go.

    Files that the user has in the folder stay. Raises ConfigError if they are where a stage writes.
    """
    key = fingerprint(recipe)
    stage_files(folder).claim()
    begun = BegunRecord.read_if_whole(folder / BEGUN)
    if begun is None or begun.key != key or (folder / RECORD).exists():
        _remove(folder)
        BegunRecord(key=key, inputs=dict(recipe)).write(folder / BEGUN)


def _remove(folder: Path) -> None:
    own = stage_files(folder)
    try:
        remove_kept(folder)
        own.remove()
    except OSError as problem:
        raise RunError(
            f"{folder.name}: what an earlier run left cannot be removed ({problem}). What to do: remove {folder}, or "
            "give it back to this user, then start the same run again: finished stages are reused."
        ) from problem


def newest_whole_checkpoint(trainer: Path) -> Path | None:
    """The Trainer checkpoint with the most steps of which nothing is missing or damaged."""
    found = [path for path in trainer.glob("checkpoint-*") if path.name.rpartition("-")[2].isdigit()]
    found.sort(key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    return next((path for path in found if _is_whole(path) and _best_is_whole(path)), None)


def _is_whole(checkpoint: Path) -> bool:
    # The manifest is written last, when every process has saved its part.
    manifest = read_whole_json(checkpoint / MANIFEST)
    return isinstance(manifest, dict) and all(
        (checkpoint / name).is_file() and checksum(checkpoint / name) == expected for name, expected in manifest.items()
    )


def _best_is_whole(checkpoint: Path) -> bool:
    """Whether the best checkpoint so far, which the stage may end with, is there too."""
    best = best_checkpoint(checkpoint)
    return best is None or best == checkpoint or _is_whole(best)


def best_checkpoint(checkpoint: Path) -> Path | None:
    """The best checkpoint that the Trainer knew of when it saved this one; beside it, wherever the run lies now."""
    best = read_json(checkpoint / "trainer_state.json").get("best_model_checkpoint")
    return None if best is None else checkpoint.with_name(Path(best).name)


def point_to_best(checkpoint: Path) -> None:
    """Let the Trainer's state name the best checkpoint where it lies now: the run's folder may have been moved."""
    best, file = best_checkpoint(checkpoint), checkpoint / "trainer_state.json"
    if best is not None and read_json(file)["best_model_checkpoint"] != str(best):
        write_json(file, read_json(file) | {"best_model_checkpoint": str(best)})
        write_manifest(checkpoint)


def write_manifest(checkpoint: Path) -> None:
    """Note the checksums of a Trainer checkpoint's files, so that damage is seen before it is loaded."""
    files = [path for path in checkpoint.rglob("*") if path.is_file() and path.name != MANIFEST]
    write_json(checkpoint / MANIFEST, {path.relative_to(checkpoint).as_posix(): checksum(path) for path in files})


def checksum(path: Path) -> int:
    """CRC-32 of a file, which tells damage, not intent."""
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(1 << 22):
            value = zlib.crc32(block, value)
    return value


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a finished model."""
    hashes = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as stream:
            hashes[path.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    return hashes


def copy_model(checkpoint: Checkpoint, folder: Path) -> None:
    """Copy the model that a stage ended with, and nothing that the user has beside it."""
    model = Path(checkpoint.path)
    files = stage_files(checkpoint.folder).made("model/") or [path for path in model.rglob("*") if path.is_file()]
    for file in files:
        place = folder / file.relative_to(model)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)


def _broken(model: Path, expected: Mapping[str, str]) -> str | None:
    """The first file of a finished model that is missing or another one."""
    if not (model / "config.json").is_file():
        return "model/config.json"
    found = file_hashes(model)
    return next((f"model/{name}" for name, value in expected.items() if found.get(name) != value), None)
