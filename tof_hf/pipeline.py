"""A run: its data, the recipe of every system, the scores and the record of them, and the finished tagger."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tof_hf.algorithm.history import History
from tof_hf.algorithm.recipes import RECIPES
from tof_hf.algorithm.scores import ScoreRow
from tof_hf.algorithm.scoring import Scorer
from tof_hf.algorithm.steps import Steps
from tof_hf.algorithm.training_data import TofData
from tof_hf.algorithm.translated_source import report_translation
from tof_hf.config import TofConfig, load_config
from tof_hf.data.tokenizers import load_encoder_tokenizer
from tof_hf.errors import TofError
from tof_hf.hub.push import check_before_training, prepare, push
from tof_hf.run.inputs import Inputs
from tof_hf.run.leakage import Leakage, measure_leakage
from tof_hf.run.lineage import build_lineage
from tof_hf.run.output_files import check_run_files, run_files
from tof_hf.run.plan import PlannedStage, PlannedSteps
from tof_hf.run.record import RESULTS, RunRecord
from tof_hf.run.tables import results_table, stages_table
from tof_hf.run.validation import check_place, check_run
from tof_hf.stages.failures import failures_of_the_machine
from tof_hf.stages.reuse import copy_model
from tof_hf.stages.stage import Checkpoint, StageFolders
from tof_hf.storage.files import temporary_folder, write_text
from tof_hf.storage.lock import only_run_in
from tof_hf.utils.log import say
from tof_hf.utils.processes import barrier, is_main_process, main_process_first, same_in_all_processes


@dataclass(frozen=True)
class TofResult:
    """What a run ends with.

    Attributes:
        final: the folder of the finished tagger, a stock `AutoModelForTokenClassification` checkpoint.
        folder: the run's folder.
        scores: F1 and more after every stage, in 0..1.
        histories: what each system's recipe did.
        tagger: the last stage's checkpoint.
    """

    final: Path
    folder: Path
    scores: Sequence[ScoreRow]
    histories: Mapping[str, History]
    tagger: Checkpoint

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The scores as plain values, as in `results.json`."""
        return [score.model_dump(mode="json") for score in self.scores]

    @property
    def stages(self) -> list[str]:
        """The names of the stages that the systems went through."""
        return [stage for history in self.histories.values() for stage in history.stages]

    @property
    def stage_folders(self) -> dict[str, Path]:
        """Where the stages are."""
        return {name: folder for history in self.histories.values() for name, folder in history.folders.items()}

    @property
    def table(self) -> str:
        """All scores, and all stages with their cost, as two text tables, and where everything was written."""
        scores = f"Scores (whole entities, counted as seqeval's default mode does): {self.folder / RESULTS}"
        places = f"{scores}\nFinal tagger: {self.final}"
        return "\n\n".join([results_table(self.scores), stages_table(list(self.stage_folders.values())), places])


class TofPipeline:
    """A run: its data checked first, then the recipe of every system named in the config, then `final/`.

    `datasets` are handed over in place of files: a `path` in the config that is one of their names means it.
    `recipes` replaces the config's systems by recipes of your own, a function from Steps to Checkpoint each.
    `stages`: a folder for stages that several runs share, in place of `stages/` in the run's; what is the same in them
    is trained once. `inputs`: data that is read already. Without `copy_final` the tagger stays in its stage's folder.
    """

    def __init__(
        self,
        config: TofConfig,
        *,
        datasets: Mapping[str, Dataset] | None = None,
        recipes: Mapping[str, Callable[[Steps], Checkpoint]] | None = None,
        stages: str | os.PathLike[str] | None = None,
        inputs: Inputs | None = None,
        copy_final: bool = True,
    ) -> None:
        self.config = config
        self.folder = Path(config.output_dir)
        self.files = run_files(self.folder)
        self.inputs = inputs or Inputs(config, datasets)
        self.copy_final = copy_final
        self.folders = StageFolders(self.folder / "stages" if stages is None else Path(stages), stages is not None)
        self.recipes = recipes or {system: RECIPES[system] for system in config.systems}

    def run(self) -> TofResult:
        """Train all systems and give the folder of the tagger that the last of them (or `tof`) ended with.

        Finished stages of an earlier run in the same folder are reused where nothing that they depend on changed.
        Raises a TofError before any training if the data or the options cannot work.
        """
        data, gold, tokenizer = self.check()
        if is_main_process():
            self.files.claim()
        with ExitStack() as stack:
            stack.enter_context(only_run_in(self.folder))
            if self.folders.shared:
                stack.enter_context(only_run_in(self.folders.root))
            stack.enter_context(failures_of_the_machine(self.folder))
            return self._run(data, gold, tokenizer)

    def check(self) -> tuple[TofData, dict[str, Dataset], PreTrainedTokenizerBase]:
        """The data, the gold for scores and the tokenizer. Raises a TofError for what `run` could not work with."""
        with same_in_all_processes():
            check_place(self.folder)
            check_run_files(self.config, self.folders.root)
        with main_process_first():
            data = self.inputs.training()
            gold = self.inputs.gold(data.label_names)
        with same_in_all_processes():
            tokenizer = load_encoder_tokenizer(self.config.model)
            check_run(self.config, data, tokenizer, gold)
            check_place(self.folders.root)
        return data, gold, tokenizer

    def plan(self) -> list[PlannedStage]:
        """What `run` would do with every stage, and why; nothing is trained. Raises a TofError for wrong data."""
        config, data = self.config, self.inputs.training()
        scorer = Scorer({}, load_encoder_tokenizer(config.model), config.seed, config.target.name)
        planned: list[PlannedStage] = []
        for system, recipe in self.recipes.items():
            steps = PlannedSteps(config, data, scorer, system=system, folders=self.folders)
            recipe(steps)
            planned += steps.planned
        return planned

    def _run(self, data: TofData, gold: dict[str, Dataset], tokenizer: PreTrainedTokenizerBase) -> TofResult:
        config = self.config
        if config.push_to_hub:
            with main_process_first():
                check_before_training(config.release, self.inputs.records)
        scores: list[ScoreRow] = []
        splits = {"source_validation": data.validation} | gold
        scorer = Scorer(splits, tokenizer, config.seed, config.target.name, scores)
        leakage = self._begin(data, gold)
        histories = {system: History() for system in self.recipes}

        def record(final: tuple[str, Checkpoint] | None = None) -> None:
            """Write what is known so far: the scores, and what was made of what."""
            if is_main_process():
                begun = {system: history for system, history in histories.items() if history.stages}
                lineage = build_lineage(
                    config, self.inputs.records, data.label_names, begun, scores, leakage=leakage, final=final
                )
                RunRecord(self.folder, lineage, scores).write()

        taggers: dict[str, Checkpoint] = {}
        for system, recipe in self.recipes.items():
            say(f"system {system}")
            steps = Steps(
                config,
                data,
                scorer,
                system=system,
                history=histories[system],
                record=record,
                folders=self.folders,
            )
            taggers[system] = recipe(steps)
        best = "tof" if "tof" in taggers else list(taggers)[-1]
        final = self._finish(taggers[best])
        record(final=(best, taggers[best]))
        if config.push_to_hub and is_main_process():
            self._publish()
        return TofResult(final, self.folder, scores, histories, taggers[best])

    def _begin(self, data: TofData, gold: dict[str, Dataset]) -> Leakage:
        """Say what the run reads, write what is known before training, and measure what of the gold training sees."""
        config = self.config
        if is_main_process():
            self.files.remove_temporary()
            write_text(self.folder / "config.yaml", config.to_yaml())
        say(
            f"{len(data.source):,} labelled source sentences, {len(data.target):,} raw target sentences, "
            f"types {', '.join(sorted({name[2:] for name in data.label_names[1:]}))}; writing to {self.folder}"
        )
        if data.translated is not None and is_main_process():
            before = {"source": data.source, "validation": data.validation, "source_qa": data.source_qa}
            report_translation(before, data.translated, config.translation, self.folder / "translation")
        return measure_leakage(config, data, gold)

    def _publish(self) -> None:
        """Publish final/ as `release` says. Raises a TofError; the run itself is finished then."""
        release = self.config.release
        try:
            for address in push(prepare(self.folder, release, datasets=self.inputs.datasets), private=release.private):
                say(f"published: {address}")
        except TofError as problem:
            hint = f"The run is finished; `tof-hf push {self.folder}` publishes it without training anything."
            raise TofError(f"{problem} {hint}") from problem

    def _finish(self, tagger: Checkpoint) -> Path:
        """Copy the tagger to final/, if that is wanted: stock files that load without this library."""
        final = self.folder / "final"
        if is_main_process():
            if self.copy_final:
                with temporary_folder(self.folder) as part:
                    copy_model(tagger, part)
                    self.files.replace(part, "final")
            else:  # one of an earlier run would be taken for this run's
                self.files.remove("final/")
        barrier()
        place = final if self.copy_final else Path(tagger.path)
        say(f"final tagger: {place} (from {tagger.name})")
        return place


def run_tof(
    config: TofConfig | str | os.PathLike[str] | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    datasets: Mapping[str, Dataset] | None = None,
) -> TofResult:
    """Carry out a config: a TofConfig, a mapping, or a YAML file, with `key=value` overrides for the latter two.

    `datasets` are handed over in place of files, see TofPipeline. Raises a TofError before any training if the data
    or the options cannot work.
    """
    if not isinstance(config, TofConfig):
        config = load_config(config, overrides)
    return TofPipeline(config, datasets=datasets).run()
