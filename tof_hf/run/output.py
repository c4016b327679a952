"""A run's folder: what the run writes there, what it returns, and that no file of the user's is replaced."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from tof_hf.algorithm.history import History
from tof_hf.algorithm.scores import ScoreRow
from tof_hf.algorithm.training_data import TRANSLATED, TofData, report_translation
from tof_hf.config import TofConfig
from tof_hf.errors import ConfigError
from tof_hf.modeling.checkpoints import MODEL_FILES, with_word_rule
from tof_hf.run.inputs import Inputs, data_files
from tof_hf.run.leakage import measure_leakage
from tof_hf.run.lineage import build_lineage
from tof_hf.run.other_labels import label_findings
from tof_hf.run.record import RESULTS, Results, RunRecord
from tof_hf.stages.machine import failures_of_the_machine
from tof_hf.stages.record import RECORD, StageRecord
from tof_hf.stages.reuse import check_stage_folders, copy_model
from tof_hf.stages.stage import Checkpoint, StageFolders
from tof_hf.storage.files import temporary_folder, write_json, write_text
from tof_hf.storage.lock import LOCK, LOCK_FILES, only_run_in
from tof_hf.storage.own_folder import OwnFolder
from tof_hf.utils.log import say, warn
from tof_hf.utils.markdown import as_table
from tof_hf.utils.processes import barrier, is_main_process

RUN_FILES = (
    *("config.yaml", "results.json", "lineage.json", *LOCK_FILES),
    *(f"translation/{name}.{ending}" for name in TRANSLATED for ending in ("json", "md")),
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
    in_run = dict.fromkeys(path.partition("/")[0] for path in (*own.paths, *own.later))
    replaced = [*(own.path / name for name in in_run), Path(os.path.realpath(stages))]
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
    named = {
        "translation.dictionary": config.translation.dictionary,
        "queries": config.queries,
        "target_queries": config.target_queries,
    }
    for option, name in named.items():
        if isinstance(name, str):
            yield option, name
    for option, file, _ in data_files(config):
        yield option, file.path
        if file.exclude_contexts_of is not None:
            yield f"{option}.exclude_contexts_of", file.exclude_contexts_of


@dataclass(frozen=True)
class TofResult:
    """The outcome of a run.

    Attributes:
        final: Folder of the finished tagger (Algorithm 1, line 21), a stock `AutoModelForTokenClassification`
            checkpoint.
        folder: The run's folder.
        scores: Precision, recall and F1 in 0..1, after every stage and on every split.
        histories: What each system's recipe did.
        tagger: The checkpoint of the last stage.

    Example:
        >>> result = run_tof("run.yaml")
        >>> print(result.table)
        >>> tagger = load_tagger(result.final)
    """

    final: Path
    folder: Path
    scores: Sequence[ScoreRow]
    histories: Mapping[str, History]
    tagger: Checkpoint

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The scores as plain values, one dictionary a stage and split, as in `results.json`."""
        return [score.model_dump(mode="json") for score in self.scores]

    @property
    def stages(self) -> list[str]:
        """The names of all stages, system by system, in the order of training."""
        return [stage for history in self.histories.values() for stage in history.stages]

    @property
    def stage_folders(self) -> dict[str, Path]:
        """The folder of each stage, by name."""
        return {name: folder for history in self.histories.values() for name, folder in history.folders.items()}

    @property
    def table(self) -> str:
        """Two text tables, the scores in percent and the stages with their cost, and where everything was written."""
        scores = f"Scores (whole entities, counted as seqeval's default mode does): {self.folder / RESULTS}"
        places = f"{scores}\nFinal tagger: {self.final}"
        return "\n\n".join([results_table(self.scores), stages_table(list(self.stage_folders.values())), places])


class RunOutput:
    """What a run has produced so far; the main process writes it to the run's folder.

    Attributes:
        scores: The scores after every stage.
        histories: What each system's recipe did.
    """

    def __init__(self, config: TofConfig, inputs: Inputs) -> None:
        self.config, self.inputs, self.folder = config, inputs, Path(config.output_dir)
        self.scores: list[ScoreRow] = []
        self.histories: dict[str, History] = {}
        self._files = run_files(self.folder)
        self._earlier: set[tuple[str, str, str]] = set()

    @contextmanager
    def open(self, stages: StageFolders) -> Iterator[None]:
        """Keep other runs out of the folder, and of stages that runs share; explain failures of the machine."""
        with failures_of_the_machine(self.folder), ExitStack() as stack:
            if is_main_process():
                self._files.claim()
            for folder in (self.folder, stages.root) if stages.shared else (self.folder,):
                stack.enter_context(only_run_in(folder))
            yield

    def begin(self, data: TofData, gold: Mapping[str, Dataset]) -> None:
        """Write the config and the report of the translation, and compare the scored sentences with training data.

        If an earlier run left scores, its config stays with them until `record` replaces both.
        """
        config, self._label_names = self.config, data.label_names
        if is_main_process():
            self._files.remove_temporary()
            earlier = Results.read_if_whole(self.folder / RESULTS)
            self._earlier = set() if earlier is None else _scored(earlier.rows)
            if not self._earlier:
                write_text(self.folder / "config.yaml", config.to_yaml())
        say(
            f"{len(data.source):,} labelled source sentences, {len(data.target):,} raw target sentences, "
            f"types {', '.join(sorted({name[2:] for name in data.label_names[1:]}))}; writing to {self.folder}"
        )
        if data.translated is not None and is_main_process():
            report_translation(data, data.translated, config.translation, self.folder / "translation")
        for finding in label_findings(self.inputs.other_labels):
            log = say if finding.level == "note" else warn
            log(" ".join(filter(None, (f"{finding.subject}: {finding.found}.", finding.fix))))
        self._leakage = measure_leakage(config, data, gold)

    def record(self, final: tuple[str, Checkpoint] | None = None) -> None:
        """Write the scores and the lineage so far; `final`: the system of the finished tagger, and that tagger.

        Scores of an earlier run stay, with its lineage and config, until all of them are there again.
        """
        if is_main_process() and self._earlier <= _scored(self.scores):
            write_text(self.folder / "config.yaml", self.config.to_yaml())
            lineage = build_lineage(
                self.config,
                self.inputs.records,
                self.inputs.other_labels,
                self._label_names,
                self.histories,
                self.scores,
                leakage=self._leakage,
                final=final,
            )
            RunRecord(self.folder, lineage, self.scores).write()

    def finish(self, system: str, tagger: Checkpoint, *, copy: bool) -> TofResult:
        """The outcome, with this tagger of a system as the final one: copied to `final/`, or where its stage has it."""
        self._earlier.clear()
        self.record()  # from here to the end no record says that what is in final/ is a finished tagger
        if is_main_process():
            if copy:
                with temporary_folder(self.folder) as part:
                    copy_model(tagger, part)
                    write_json(part / "config.json", with_word_rule(part / "config.json", self.config.word_rule))
                    self._files.replace(part, "final")
            else:  # the tagger of an earlier run would be mistaken for this one
                self._files.remove("final/")
        barrier()
        place = self.folder / "final" if copy else Path(tagger.path)
        say(f"final tagger: {place} (from {tagger.name})")
        self.record((system, tagger))
        return TofResult(place, self.folder, self.scores, self.histories, tagger)


def _scored(rows: Sequence[ScoreRow]) -> set[tuple[str, str, str]]:
    return {(row.system, row.checkpoint, row.split) for row in rows}


def results_table(scores: Sequence[ScoreRow]) -> str:
    """One line a stage and split: precision, recall, F1 and the F1 of every type, in percent."""
    types = sorted({label for row in scores for label in row.per_type})
    lines = [["system", "stage", "split", "P", "R", "F1", *types]]
    for row in scores:
        numbers = [f"{100 * value:.2f}" for value in (row.precision, row.recall, row.f1)]
        per_type = [f"{100 * row.per_type[label].f1:.1f}" if label in row.per_type else "" for label in types]
        lines.append([row.system, row.label, row.split, *numbers, *per_type])
    return as_table(lines, left=3)


def stages_table(folders: Sequence[Path]) -> str:
    """One line for every one of the stages in these folders: its data, steps, minutes and peak memory."""
    records = [StageRecord.read(folder / RECORD) for folder in folders]
    lines = [["stage", "rows", "windows", "steps", "minutes", "peak memory MB", "validation F1"]]
    for record in records:
        rows = ", ".join(f"{count:,} {what}" for what, count in record.rows.items())
        numbers = [record.windows, record.steps, f"{record.seconds / 60:.1f}", record.peak_memory_mb]
        best = record.best_validation_f1
        lines.append([record.name, rows, *map(str, numbers), "" if best is None else f"{100 * best:.2f}"])
    return as_table(lines, left=2)
