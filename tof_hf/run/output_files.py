"""Which paths of its output folder a run writes, and that neither the user's files nor its own inputs are there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tof_hf.config import DataFile, TofConfig
from tof_hf.errors import ConfigError
from tof_hf.modeling.checkpoints import MODEL_FILES
from tof_hf.run.inputs import numbered
from tof_hf.stages.reuse import check_stage_folders
from tof_hf.storage.lock import LOCK, LOCK_FILES
from tof_hf.storage.own_folder import OwnFolder

_TRANSLATED = ("source", "validation", "source_qa")
RUN_FILES = (
    *("config.yaml", "results.json", "lineage.json", *LOCK_FILES),
    *(f"translation/{name}.{ending}" for name in _TRANSLATED for ending in ("json", "md")),
)


def run_files(output_dir: str | Path) -> OwnFolder:
    """The files of a run, those of its stages aside."""
    return OwnFolder(
        Path(os.path.realpath(output_dir)),
        RUN_FILES,
        later=tuple(f"final/{name}" for name in MODEL_FILES),
        earlier={"lineage.json": "entity_types", LOCK: None},
    )


def check_run_files(config: TofConfig, stages: Path) -> None:
    """Raise ConfigError if the run would replace files that no run made, or that it reads; nothing is written.

    `stages`: the folder of the stages' folders.
    """
    own = run_files(config.output_dir)
    own.check()
    check_stage_folders(stages)
    replaced = [own.path / name for name in RUN_FILES if "/" not in name]
    replaced += [own.path / "translation", own.path / "final", Path(os.path.realpath(stages))]
    for option, name in _inputs(config):
        place = next((place for place in replaced if _is_in(name, place)), None)
        if place is not None:
            raise ConfigError(
                f"{option}: {name} is in {place}, which this run replaces. What to do: copy it to another folder and "
                "name the copy, or choose another output_dir. Nothing was changed."
            )


def _is_in(name: str, place: Path) -> bool:
    """Whether a local file or folder, or one of `folder:config`, is a place or in it."""
    given = [Path(os.path.realpath(os.path.expanduser(path))) for path in (name, name.partition(":")[0])]
    return any(path.exists() and path.is_relative_to(place) for path in given)


def _inputs(config: TofConfig) -> Iterator[tuple[str, str]]:
    """Every option that names a file or folder to read, and what it names."""
    yield "model", config.model
    for option, name in (("translation.dictionary", config.translation.dictionary), ("queries", config.queries)):
        if isinstance(name, str):
            yield option, name
    for section in ("source", "target"):
        for key, value in vars(vars(config)[section]).items():
            files = [value] if isinstance(value, DataFile) else value if isinstance(value, list) else []
            for option, file in numbered(f"{section}.{key}", files):
                yield option, file.path
                if file.exclude_contexts_of is not None:
                    yield f"{option}.exclude_contexts_of", file.exclude_contexts_of
