"""Algorithm 1 of the paper and its baselines, as recipes over the same steps, and the run that carries them out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tof_hf.config import TofConfig, load_config
from tof_hf.data.tokenizers import load_encoder_tokenizer
from tof_hf.errors import TofError
from tof_hf.hub.push import check_before_training, prepare, push
from tof_hf.inputs import Inputs, TofData
from tof_hf.lineage import FILE as LINEAGE
from tof_hf.lineage import lineage
from tof_hf.plan import PlannedStage, PlannedSteps
from tof_hf.preflight import check_run, sentences
from tof_hf.report.tables import results_table, stages_table
from tof_hf.run_folder import (
    barrier,
    is_main_process,
    main_process_first,
    replace_folder,
    same_in_all_processes,
    say,
    write_json,
    write_text,
)
from tof_hf.run_lock import only_run_in
from tof_hf.scoring import Scorer
from tof_hf.stages.failures import failures_of_the_machine
from tof_hf.stages.task import Checkpoint
from tof_hf.steps import Journey, Steps
from tof_hf.translated import report_translation


# fmt: off
def tof(do: Steps) -> Checkpoint:
    """Target-oriented fine-tuning: Algorithm 1, line by line."""
    if do.config.order == "mlm_mrc":
        encoder = do.mrc(do.mlm(do.pretrained))                       # lines 1-4
    else:
        encoder = do.mlm(do.mrc(do.pretrained))                       # Table 3: the other order
    tagger = do.ner(encoder)                                          # lines 5-6
    pseudo = do.label(tagger)                                         # line 7
    tagger = do.pseudo_ner(tagger, pseudo)                            # lines 8-9
    for i in range(1, do.config.rounds + 1):                          # line 12
        pseudo = do.label(tagger)                                     # lines 10-11 and 17-18
        encoder = do.continual_mrc(tagger, pseudo, round=i)           # lines 13-14
        tagger = do.continual_ner(encoder, pseudo, round=i)           # lines 15-16
    return tagger                                                     # line 21

# fmt: on


def adaptabert(do: Steps) -> Checkpoint:
    """Domain tuning, then task tuning (paper 2.2, after Han and Eisenstein 2019)."""
    return adaptabert_translation(do.without_translation())


def adaptabert_translation(do: Steps) -> Checkpoint:
    """AdaptaBERT with translated source sentences in both of its stages (4.4, the paper's own baseline)."""
    return do.ner(do.mlm(do.pretrained))


def source_only(do: Steps) -> Checkpoint:
    """The pretrained encoder fine-tuned on the source alone (BERT-ML in the paper's Table 1)."""
    do = do.without_translation()
    return do.ner(do.pretrained)


Recipe = Callable[[Steps], Checkpoint]
RECIPES: Mapping[str, Recipe] = {
    "source_only": source_only,
    "adaptabert": adaptabert,
    "adaptabert_translation": adaptabert_translation,
    "tof": tof,
}


@dataclass(frozen=True)
class TofResult:
    """`final`: the folder of the finished tagger. `rows`: the scores, as in results.json. `folder`: the run's.

    `stages`: the names of the stages that the systems went through.
    """

    final: Path
    folder: Path
    rows: list[dict[str, Any]]
    stages: list[str]

    @property
    def table(self) -> str:
        """All scores, and all stages with their cost, as two text tables, and where everything was written."""
        scores = f"Scores (whole entities, counted as seqeval's default mode does): {self.folder / 'results.json'}"
        places = f"{scores}\nFinal tagger: {self.final}"
        return "\n\n".join([results_table(self.rows), stages_table(self.folder, self.stages), places])


class TofPipeline:
    """A run: its data checked first, then the recipe of every system named in the config, then `final/`.

    `datasets` are handed over in place of files: a `path` in the config that is one of their names means it.
    `recipes` replaces the config's systems by recipes of your own, a function from Steps to Checkpoint each.
    """

    def __init__(
        self,
        config: TofConfig,
        *,
        datasets: Mapping[str, Dataset] | None = None,
        recipes: Mapping[str, Recipe] | None = None,
    ) -> None:
        self.config = config
        self.folder = Path(config.output_dir)
        self.inputs = Inputs(config, datasets)
        self.recipes = recipes or {system: RECIPES[system] for system in config.systems}

    def run(self) -> TofResult:
        """Train all systems and give the folder of the tagger that the last of them (or `tof`) ended with.

        Finished stages of an earlier run in the same folder are reused where nothing that they depend on changed.
        Raises a TofError before any training if the data or the options cannot work.
        """
        with main_process_first():
            data = self.inputs.training()
            gold = self.inputs.gold(data.label_names)
        with same_in_all_processes():
            tokenizer = load_encoder_tokenizer(self.config.model)
            check_run(self.config, data, tokenizer, gold)
        with only_run_in(self.folder), failures_of_the_machine(self.folder):
            return self._run(data, gold, tokenizer)

    def plan(self) -> list[PlannedStage]:
        """What `run` would do with every stage, and why; nothing is trained. Raises a TofError for wrong data."""
        config, data = self.config, self.inputs.training()
        scorer = Scorer({}, load_encoder_tokenizer(config.model), config.seed, config.target.name)
        planned: list[PlannedStage] = []
        for system, recipe in self.recipes.items():
            steps = PlannedSteps(config, data, scorer, system=system)
            recipe(steps)
            planned += steps.planned
        return planned

    def _run(self, data: TofData, gold: dict[str, Dataset], tokenizer: PreTrainedTokenizerBase) -> TofResult:
        config = self.config
        if config.push_to_hub:
            with main_process_first():
                check_before_training(config.release, self.inputs.records)
        scorer = Scorer({"source_validation": data.validation} | gold, tokenizer, config.seed, config.target.name)
        if is_main_process():
            write_text(self.folder / "config.yaml", config.to_yaml())
        say(
            f"{len(data.source):,} labelled source sentences, {len(data.target):,} raw target sentences, "
            f"types {', '.join(sorted({name[2:] for name in data.label_names[1:]}))}; writing to {self.folder}"
        )
        if data.translated is not None and is_main_process():
            before = {"source": data.source, "validation": data.validation, "source_qa": data.source_qa}
            report_translation(before, data.translated, config.translation, self.folder / "translation")
        ends: dict[str, Checkpoint] = {}
        journeys: dict[str, Journey] = {}
        gold_in_text = len(sentences(gold["target"]) & sentences(data.target)) if "target" in gold else None

        def record(final: tuple[str, Checkpoint] | None = None) -> None:
            """Write what is known so far: the scores and what was made of what."""
            if is_main_process():
                write_json(self.folder / "results.json", {"rows": scorer.rows})
                known = lineage(
                    config,
                    self.inputs.records,
                    data.label_names,
                    journeys,
                    scorer.rows,
                    gold_in_text=gold_in_text,
                    final=final,
                )
                write_json(self.folder / LINEAGE, known)

        for system, recipe in self.recipes.items():
            say(f"system {system}")
            journeys[system] = Journey()
            ends[system] = recipe(Steps(config, data, scorer, system=system, journey=journeys[system], record=record))
        best = "tof" if "tof" in ends else system
        self._finish(ends[best])
        record(final=(best, ends[best]))
        if config.push_to_hub and is_main_process():
            self._publish()
        visited = [stage for journey in journeys.values() for stage in journey.stages]
        return TofResult(self.folder / "final", self.folder, scorer.rows, visited)

    def _publish(self) -> None:
        """Publish final/ as `release` says. Raises a TofError; the run itself is finished then."""
        release = self.config.release
        try:
            for address in push(prepare(self.folder, release, datasets=self.inputs.datasets), private=release.private):
                say(f"published: {address}")
        except TofError as problem:
            hint = f"The run is finished; `tof-hf push {self.folder}` publishes it without training anything."
            raise TofError(f"{problem} {hint}") from problem

    def _finish(self, tagger: Checkpoint) -> None:
        """Copy the tagger to final/: stock files that load without this library."""
        if is_main_process():
            part = self.folder / "final.part"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(tagger.path, part)
            replace_folder(part, self.folder / "final")
        barrier()
        say(f"final tagger: {self.folder / 'final'} (from {tagger.name})")


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
