"""A run's folder: what the run writes there, and that no file of the user's or of its own inputs is replaced."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from datasets import Dataset

from tof_hf.algorithm.history import History
from tof_hf.algorithm.scores import ScoreRow
from tof_hf.algorithm.training_data import TofData
from tof_hf.algorithm.translated_source import report_translation
from tof_hf.config import DataFile, TofConfig
from tof_hf.errors import ConfigError
from tof_hf.modeling.checkpoints import MODEL_FILES
from tof_hf.run.inputs import Inputs, numbered
from tof_hf.run.leakage import measure_leakage
from tof_hf.run.lineage import build_lineage
from tof_hf.run.record import RunRecord
from tof_hf.stages.failures import failures_of_the_machine
from tof_hf.stages.reuse import check_stage_folders, copy_model
from tof_hf.stages.stage import Checkpoint, StageFolders
from tof_hf.storage.files import temporary_folder, write_text
from tof_hf.storage.lock import LOCK, LOCK_FILES, only_run_in
from tof_hf.storage.own_folder import OwnFolder
from tof_hf.utils.log import say
from tof_hf.utils.processes import barrier, is_main_process

_TRANSLATED = ("source", "validation", "source_qa")
RUN_FILES = (
    *("config.yaml", "results.json", "lineage.json", *LOCK_FILES),
    *(f"translation/{name}.{ending}" for name in _TRANSLATED for ending in ("json", "md")),
)


def run_files(output_dir: str | Path) -> OwnFolder:
    """The files of a run, without those of its stages."""
    return OwnFolder(
        Path(os.path.realpath(output_dir)),
        RUN_FILES,
        later=tuple(f"final/{name}" for name in MODEL_FILES),
        earlier={"lineage.json": "entity_types", LOCK: None},
    )


def check_run_files(config: TofConfig, stages: Path) -> None:
    """Raise ConfigError if the run would replace files that no run made, or files that it reads; nothing is written.

    `stages`: the folder that contains the stages' folders.
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
    """Every option that names a file or folder to read, with that name."""
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


class RunOutput:
    """What a run has produced so far; the main process writes it to the run's folder.

    Attributes:
        scores: The scores after every stage.
        histories: What each system's recipe did.
    """

    def __init__(self, config: TofConfig, inputs: Inputs, systems: Iterable[str]) -> None:
        self.config, self.inputs, self.folder = config, inputs, Path(config.output_dir)
        self.scores: list[ScoreRow] = []
        self.histories = {system: History() for system in systems}
        self._files = run_files(self.folder)

    @contextmanager
    def open(self, stages: StageFolders) -> Iterator[None]:
        """Keep other runs out of the folder, and of stages that runs share; explain failures of the machine."""
        if is_main_process():
            self._files.claim()
        with ExitStack() as stack:
            stack.enter_context(only_run_in(self.folder))
            if stages.shared:
                stack.enter_context(only_run_in(stages.root))
            stack.enter_context(failures_of_the_machine(self.folder))
            yield

    def begin(self, data: TofData, gold: Mapping[str, Dataset]) -> None:
        """Write the config and the report of the translation, and compare the scored sentences with training data."""
        config, self._label_names = self.config, data.label_names
        if is_main_process():
            self._files.remove_temporary()
            write_text(self.folder / "config.yaml", config.to_yaml())
        say(
            f"{len(data.source):,} labelled source sentences, {len(data.target):,} raw target sentences, "
            f"types {', '.join(sorted({name[2:] for name in data.label_names[1:]}))}; writing to {self.folder}"
        )
        if data.translated is not None and is_main_process():
            before = {"source": data.source, "validation": data.validation, "source_qa": data.source_qa}
            report_translation(before, data.translated, config.translation, self.folder / "translation")
        self._leakage = measure_leakage(config, data, gold)

    def record(self, final: tuple[str, Checkpoint] | None = None) -> None:
        """Write the scores and the lineage so far; `final`: the system of the finished tagger, and that tagger."""
        if is_main_process():
            lineage = build_lineage(
                self.config,
                self.inputs.records,
                self._label_names,
                {system: history for system, history in self.histories.items() if history.stages},
                self.scores,
                leakage=self._leakage,
                final=final,
            )
            RunRecord(self.folder, lineage, self.scores).write()

    def finish(self, system: str, tagger: Checkpoint, *, copy: bool) -> Path:
        """The folder of the finished tagger: a copy in `final/`, or the one in its stage."""
        if is_main_process():
            if copy:
                with temporary_folder(self.folder) as part:
                    copy_model(tagger, part)
                    self._files.replace(part, "final")
            else:  # the tagger of an earlier run would be mistaken for this one
                self._files.remove("final/")
        barrier()
        place = self.folder / "final" if copy else Path(tagger.path)
        say(f"final tagger: {place} (from {tagger.name})")
        self.record((system, tagger))
        return place
