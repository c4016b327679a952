"""Whether a stage is reused, resumed or trained. The content of its folder decides, never a file's date.

A finished stage is reused if its fingerprint is the same and its files are those that were saved. An unfinished one
continues from its newest undamaged Trainer checkpoint.

A stage that is trained with other options trains next to the finished one. Its model is saved as `model.new`; then its
record replaces the older one in one step, and only then is anything of the older stage removed.
"""

import shutil
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from transformers.trainer_utils import sort_checkpoints

from tof_hf.errors import RunError
from tof_hf.modeling.checkpoints import MODEL_FILES
from tof_hf.stages.fingerprint import changes, fingerprint
from tof_hf.stages.record import BEGUN, RECORD, BegunRecord, FingerprintInputs, StageRecord
from tof_hf.stages.stage import Checkpoint
from tof_hf.storage.cache import HASHES, remove_cached
from tof_hf.storage.files import read_json, read_object, sha256, write_json
from tof_hf.storage.own_folder import OwnFolder

T = TypeVar("T")
MANIFEST, TRAINER_STATE = "manifest.json", "trainer_state.json"
NEW_MODEL = "model.new"
STAGE_FILES = ("trainer/checkpoint-[0-9]*/", f"{NEW_MODEL}/", "cache/parquet/", "cache/*.lock", HASHES, RECORD, BEGUN)


def stage_files(folder: Path) -> OwnFolder:
    """The files of a stage in its folder, apart from those listed in kept.json."""
    model = tuple(f"model/{name}" for name in MODEL_FILES)
    return OwnFolder(folder, STAGE_FILES, later=model, earlier={RECORD: "key", BEGUN: "key"})


def check_stage_folders(root: Path) -> None:
    """Raise ConfigError if a stage would replace files that no stage made, in any stage's folder in `root`."""
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_dir() or folder.is_symlink():
            stage_files(folder).check()


@dataclass(frozen=True)
class Decision:
    """What a run does with a stage, and why.

    Attributes:
        action: reuse the finished stage, resume an unfinished one, or run it from its start.
        why: the reason for training it, in words; empty for `reuse`.
        checkpoint: the Trainer checkpoint to resume from.
    """

    action: Literal["reuse", "resume", "run"]
    why: str = ""
    checkpoint: Path | None = None


def decide(folder: Path, inputs: FingerprintInputs) -> Decision:
    """What to do with the stage that has these fingerprint inputs, given what is in its folder."""
    key = fingerprint(inputs)
    record, broken = StageRecord.read_if_whole(folder / RECORD), None
    if record is not None and record.key == key:
        if _first_broken(folder / NEW_MODEL, record.files) is None:
            return Decision("resume", "trained, but not yet in its place")
        if (broken := _first_broken(folder / "model", record.files)) is None:
            return Decision("reuse")
    begun = BegunRecord.read_if_whole(folder / BEGUN)
    if begun is not None and begun.key == key:
        checkpoint = newest_whole_checkpoint(folder / "trainer")
        if checkpoint is not None:
            return Decision("resume", f"stopped after {checkpoint.name.rpartition('-')[2]} steps", checkpoint)
        if broken is None:
            return Decision("run", "stopped in its first epoch")
    if broken is not None:
        return Decision("run", f"{broken} is not what was saved")
    for known in (record, begun):
        if known is not None and known.inputs:
            return Decision("run", ", ".join(changes(known.inputs, inputs)))
    return Decision("run", "never trained" if record is None else "trained by an older release")


def prepare_folder(folder: Path, inputs: FingerprintInputs, *, resumed: Path | None = None) -> None:
    """Make the folder ready to train this stage in, or to resume from a checkpoint: a finished stage there stays.

    Other unfinished training is removed, and `begun.json` is written for this one. Raises ConfigError if files of the
    user's are where a stage writes, and RunError if old files cannot be removed.
    """
    own = stage_files(folder)
    own.claim()
    try:
        own.remove_temporary()
        own.remove(f"{NEW_MODEL}/")  # without a record
        if resumed is None:
            own.remove("trainer/")
    except OSError as problem:
        raise RunError(
            f"{folder.name}: what an earlier run left cannot be removed ({problem}). What to do: remove {folder}, or "
            "make it writable for this user, then start the same run again: finished stages are reused."
        ) from problem
    if resumed is None:
        BegunRecord(key=fingerprint(inputs), inputs=inputs).write(folder / BEGUN)
    else:
        point_to_best(resumed)


def finish_replacing(folder: Path) -> None:
    """Put the new model of a stage whose record is written in the place of the older one, and remove its scores.

    A run that was killed in the middle of this calls it again.
    """
    record, own = StageRecord.read_if_whole(folder / RECORD), stage_files(folder)
    if record is not None and _first_broken(folder / NEW_MODEL, record.files) is None:
        remove_cached(folder)
        own.remove("cache/")
        own.replace(folder / NEW_MODEL, "model")
        own.remove(f"{NEW_MODEL}/")


def newest_whole_checkpoint(trainer: Path) -> Path | None:
    """The Trainer checkpoint with the most steps in which, as in its best one so far, no file is missing or damaged."""
    for checkpoint in map(Path, reversed(sort_checkpoints(str(trainer)))):
        if _is_whole(checkpoint):
            best = best_checkpoint(checkpoint)
            if best is None or best == checkpoint or _is_whole(best):
                return checkpoint
    return None


def _is_whole(checkpoint: Path) -> bool:
    # The manifest is written last, when every process has saved its part.
    manifest = read_object(checkpoint / MANIFEST)
    return manifest is not None and manifest.items() <= _of_every_file(checkpoint, checksum).items()


def best_checkpoint(checkpoint: Path) -> Path | None:
    """The best checkpoint when this one was saved, in the folder where both are now; None if there is none."""
    best = _trainer_state(checkpoint).get("best_model_checkpoint")
    return None if best is None else checkpoint.with_name(Path(best).name)


def point_to_best(checkpoint: Path) -> None:
    """Correct the path of the best checkpoint in the Trainer's state: the run's folder may have been moved.

    The manifest is never wrong: it leaves the state out while that changes.
    """
    best, state = best_checkpoint(checkpoint), _trainer_state(checkpoint)
    if best is not None and state["best_model_checkpoint"] != str(best):
        known = read_object(checkpoint / MANIFEST) or {}
        write_json(checkpoint / MANIFEST, {name: known[name] for name in known if name != TRAINER_STATE})
        write_json(checkpoint / TRAINER_STATE, state | {"best_model_checkpoint": str(best)})
        write_manifest(checkpoint)


def _trainer_state(checkpoint: Path) -> dict[str, Any]:
    return read_json(checkpoint / TRAINER_STATE) or {}


def write_manifest(checkpoint: Path) -> None:
    """Write the checksums of a Trainer checkpoint's files, so that damage is found before it is loaded."""
    write_json(checkpoint / MANIFEST, _of_every_file(checkpoint, checksum))


def checksum(path: Path) -> int:
    """The CRC-32 of a file: it detects damage, not deliberate changes."""
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(1 << 22):
            value = zlib.crc32(block, value)
    return value


def file_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file of a finished model, by its path in the folder."""
    return _of_every_file(folder, sha256)


def _of_every_file(folder: Path, digest: Callable[[Path], T]) -> dict[str, T]:
    """The digest of every file, by its path in the folder, without the manifest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


def copy_model(checkpoint: Checkpoint, folder: Path) -> None:
    """Copy the model that a stage ended with into `folder`, without files that the user added to it."""
    model = Path(checkpoint.path)
    files = stage_files(checkpoint.folder).made("model/") or [path for path in model.rglob("*") if path.is_file()]
    for file in files:
        place = folder / file.relative_to(model)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)


def _first_broken(model: Path, expected: Mapping[str, str]) -> str | None:
    """The first file of a finished model that is missing or was changed."""
    if not (model / "config.json").is_file():
        return "model/config.json"
    found = file_hashes(model)
    return next((f"model/{name}" for name, value in expected.items() if found.get(name) != value), None)
