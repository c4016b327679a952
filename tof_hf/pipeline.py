"""A run: its data is checked, then the recipe of each system trains a tagger, then one tagger is final."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tof_hf.algorithm.recipes import RECIPES
from tof_hf.algorithm.scoring import Scorer
from tof_hf.algorithm.steps import Steps
from tof_hf.algorithm.training_data import TofData
from tof_hf.config import TofConfig, load_config
from tof_hf.data.tokenizers import load_encoder_tokenizer
from tof_hf.errors import TofError
from tof_hf.hub.push import check_before_training, push_finished_run
from tof_hf.run.inputs import Inputs
from tof_hf.run.output import RunOutput, TofResult, check_run_files
from tof_hf.run.plan import PlannedStage, PlannedSteps, replaced_stages
from tof_hf.run.validation import check_place, check_run
from tof_hf.stages.fit import Callbacks
from tof_hf.stages.record import RECORD
from tof_hf.stages.stage import Checkpoint, StageFolders
from tof_hf.utils.log import say, warn
from tof_hf.utils.processes import is_main_process, main_process_first, same_in_all_processes
from tof_hf.utils.systems import DEFAULT_SYSTEM

__all__ = ["TofPipeline", "TofResult", "run_tof"]


class TofPipeline:
    """A run of one or more systems; each is a recipe such as Algorithm 1 of the paper.

    Args:
        config: The run's options.
        datasets: Datasets to use in place of files: a `path` in the config that is one of these names refers to it.
        recipes: Recipes of your own in place of the config's systems, by name: functions from Steps to Checkpoint.
        stages: A folder of stages that several runs share, in place of `stages/` in the run's own. Work that is the
            same in several runs is done once.
        inputs: Data that has been read already.
        copy_final: Whether the finished tagger is copied to `final/`; otherwise it stays in its stage's folder.
        callbacks: TrainerCallbacks, or classes of them, added to the Trainer of every stage that is trained. What they
            change is no option: a stage that is finished is reused whatever they do.

    Example:
        >>> result = TofPipeline(load_config("run.yaml")).run()
        >>> print(result.table)
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
        callbacks: Callbacks = (),
    ) -> None:
        self.config = config
        self.folder = Path(config.output_dir)
        self.inputs = inputs or Inputs(config, datasets)
        self.copy_final = copy_final
        self.callbacks = callbacks
        self.folders = StageFolders(self.folder / "stages" if stages is None else Path(stages), stages is not None)
        self.recipes = recipes or {system: RECIPES[system] for system in config.systems}

    def run(self) -> TofResult:
        """Train all systems and finish with the tagger of `tof`, or of the last system if `tof` is not among them.

        Finished stages of an earlier run in the same folder are reused if nothing that they depend on has changed.

        Returns:
            The folder of the finished tagger, and the scores after every stage.

        Raises:
            TofError: The data or options cannot work (raised before any training), or a stage failed.
        """
        data, gold, tokenizer = self.check()
        output = RunOutput(self.config, self.inputs)
        with output.open(self.folders):
            self._say_what_is_replaced(data, tokenizer)
            check_before_training(self.config, self.inputs.records)
            output.begin(data, gold)
            splits = {"source_validation": data.validation} | gold
            scorer = Scorer(splits, tokenizer, self.config.seed, self.config.target.name, output.scores)
            taggers: dict[str, Checkpoint] = {}
            for system, recipe in self.recipes.items():
                say(f"system {system}")
                steps = Steps(
                    self.config,
                    data,
                    scorer,
                    system=system,
                    folders=self.folders,
                    record=output.record,
                    callbacks=self.callbacks,
                )
                output.histories[system] = steps.history
                taggers[system] = recipe(steps)
            released = DEFAULT_SYSTEM if DEFAULT_SYSTEM in taggers else list(taggers)[-1]
            result = output.finish(released, taggers[released], copy=self.copy_final)
            push_finished_run(self.config, self.inputs.datasets)
        return result

    def check(self) -> tuple[TofData, dict[str, Dataset], PreTrainedTokenizerBase]:
        """Read and check what `run` needs; nothing is trained.

        Returns:
            The training data, the labelled data for scores by split, and the encoder's tokenizer.

        Raises:
            TofError: `run` could not work with the data or the options.
        """
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
        """Find out what `run` would do; nothing is trained.

        Returns:
            One entry for each stage and system, in order: whether it would be reused, resumed or trained, and why.

        Raises:
            TofError: The data cannot be used.
        """
        return self._plan(self.inputs.training(), load_encoder_tokenizer(self.config.model))

    def _plan(self, data: TofData, tokenizer: PreTrainedTokenizerBase) -> list[PlannedStage]:
        config = self.config
        scorer = Scorer({}, tokenizer, config.seed, config.target.name)
        planned: list[PlannedStage] = []
        for system, recipe in self.recipes.items():
            steps = PlannedSteps(config, data, scorer, system=system, folders=self.folders)
            recipe(steps)
            planned += steps.planned
        return planned

    def _say_what_is_replaced(self, data: TofData, tokenizer: PreTrainedTokenizerBase) -> None:
        """Warn of finished stages that will be replaced; recipes of the user's own are not tried."""
        own = any(recipe is not RECIPES.get(system) for system, recipe in self.recipes.items())
        if is_main_process() and not own and any(self.folder.glob(f"stages/*/{RECORD}")):
            with suppress(TofError):  # the run itself will raise it
                for line in replaced_stages(self._plan(data, tokenizer)):
                    warn(line)


def run_tof(
    config: TofConfig | str | os.PathLike[str] | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    datasets: Mapping[str, Dataset] | None = None,
    callbacks: Callbacks = (),
) -> TofResult:
    """Run a config from start to finish.

    Args:
        config: A TofConfig, a mapping, or the path of a YAML run file.
        overrides: Options as `key=value` that override those of a mapping or file.
        datasets: Datasets to use in place of files, by the name that stands for their `path` in the config.
        callbacks: TrainerCallbacks, or classes of them, added to the Trainer of every stage.

    Returns:
        The folder of the finished tagger, and the scores after every stage.

    Raises:
        TofError: The data or options cannot work (raised before any training), or a stage failed.

    Example:
        >>> result = run_tof("run.yaml", ["seed=1"])
        >>> result.final
        PosixPath('runs/es/final')
    """
    if not isinstance(config, TofConfig):
        config = load_config(config, overrides)
    return TofPipeline(config, datasets=datasets, callbacks=callbacks).run()
