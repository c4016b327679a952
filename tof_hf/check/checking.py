"""The check itself: what can be looked at is looked at, and every error becomes a finding."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tof_hf.algorithm.recipes import RECIPES
from tof_hf.algorithm.scoring import Scorer
from tof_hf.algorithm.training_data import TofData
from tof_hf.check.files import ReadFile, read_files
from tof_hf.check.labels import check_queries, check_types, training_types
from tof_hf.check.language import look_at_language
from tof_hf.check.machine import look_at_machine
from tof_hf.check.report import DiskFacts, LanguageFacts, MemoryFacts, Report, StageFacts
from tof_hf.check.resources import look_at_disk, look_at_memory, parameter_count
from tof_hf.check.stages import Kind, Speed, arguments_of, kind_of, once, stage_facts, to_train
from tof_hf.check.timing import measure
from tof_hf.config import TofConfig, load_config
from tof_hf.config.problems import KeyProblems
from tof_hf.data.mixing import mix
from tof_hf.data.mrc_conversion import load_queries
from tof_hf.data.tokenizers import load_encoder_tokenizer
from tof_hf.data.translation.dictionary import BilingualDictionary
from tof_hf.errors import TofError
from tof_hf.modeling.checkpoints import read_config
from tof_hf.run.findings import Finding
from tof_hf.run.inputs import Inputs
from tof_hf.run.leakage import look_for_overlaps
from tof_hf.run.output_files import check_run_files
from tof_hf.run.plan import PlannedStage, PlannedSteps
from tof_hf.run.validation import check_place, checks, used_stages
from tof_hf.stages.stage import StageTask
from tof_hf.utils.log import say
from tof_hf.utils.processes import main_process_first

T = TypeVar("T")
_ORDER = {"error": 0, "warning": 1, "note": 2}


def check_file(path: str | os.PathLike[str], overrides: Sequence[str] = (), *, timing: bool = True) -> Report:
    """The report on a run file; one that cannot be loaded is an error like any other."""
    try:
        config = load_config(path, overrides)
    except TofError as error:
        machine, findings = look_at_machine()
        problems = error.problems if isinstance(error, KeyProblems) else [error]
        findings += [Finding.of("config", problem) for problem in problems]
        return Report(str(path), _sorted(findings), machine)
    return check(config, timing=timing, name=str(path))


def check(
    config: TofConfig, *, datasets: Mapping[str, Dataset] | None = None, timing: bool = True, name: str = ""
) -> Report:
    """The report on a run: nothing is trained, and nothing is written but the caches of `datasets`.

    `datasets` are those of TofPipeline, `name` is what the report calls the config. Without `timing` no step is
    measured.
    """
    return _Check(config, Inputs(config, datasets)).report(name, timing=timing)


class _Check:
    def __init__(self, config: TofConfig, inputs: Inputs) -> None:
        self.config, self.inputs = config, inputs
        self.used = used_stages(config)
        self.findings: list[Finding] = []

    def report(self, name: str, *, timing: bool) -> Report:
        machine, found = look_at_machine()
        self.findings += found
        self._attempt("output_dir", check_place, Path(self.config.output_dir))
        self._attempt("output_dir", check_run_files, self.config, Path(self.config.output_dir) / "stages")
        tokenizer = self._attempt("model", load_encoder_tokenizer, self.config.model)
        say("check: reading the data")
        files = self._files()
        languages = [] if tokenizer is None else self._languages(files, tokenizer)
        named = ("source.train", "source.validation", "target.text", "target.test_text", "target.gold")
        there = {option: rows for option in named if (rows := _rows(files, option)) is not None}
        overlaps, found = look_for_overlaps(there)
        self.findings += found
        stages, disk, memory = self._plan(tokenizer, timing=timing)
        return Report(
            config=name,
            findings=_sorted(self.findings),
            machine=machine,
            files=tuple(one.facts for one in files),
            languages=tuple(languages),
            overlaps=tuple(overlaps),
            stages=stages,
            disk=disk,
            memory=memory,
        )

    def _attempt(self, subject: str, function: Callable[..., T], *args: Any, **kwargs: Any) -> T | None:
        """What the function gives; None, and one more error, if it raises."""
        try:
            return function(*args, **kwargs)
        except TofError as error:
            self.findings.append(Finding.of(subject, error))
            return None

    def _failed(self) -> bool:
        return any(finding.level == "error" for finding in self.findings)

    def _languages(self, files: Sequence[ReadFile], tokenizer: PreTrainedTokenizerBase) -> list[LanguageFacts]:
        windows = {name: stage.max_length for name, stage in self.used.items() if name in ("mlm", "ner")}
        looked_at = []
        for side, option in (("source", "source.train"), ("target", "target.text")):
            rows = _rows(files, option)
            if rows is not None:
                seed = self.config.seed
                facts, found = look_at_language(side, option, rows, tokenizer, windows=windows, seed=seed)
                looked_at.append(facts)
                self.findings += found
        return looked_at

    def _files(self) -> list[ReadFile]:
        with main_process_first():
            read, errors = read_files(self.inputs)
        self.findings += [Finding.of(option, error) for option, error in errors]
        self.findings += check_types(self.config, read)
        queries = self._attempt("queries", load_queries, self.config.queries)
        if queries is not None and self.used.keys() & {"mrc", "continual_mrc"}:
            self.findings += check_queries(training_types(self.config, read), queries)
        if self.config.translation.dictionary is not None:
            self._attempt("translation.dictionary", BilingualDictionary.from_file, self.config.translation.dictionary)
        return read

    def _plan(
        self, tokenizer: PreTrainedTokenizerBase | None, *, timing: bool
    ) -> tuple[tuple[StageFacts, ...], DiskFacts | None, MemoryFacts | None]:
        """Stages, disk and memory; nothing of it if there are errors, since then no run would come so far."""
        data, gold = self._data()
        if tokenizer is not None:
            looked_at = {"queries", "target.gold"}  # more thoroughly than before a run
            for subject, look in checks(self.config, tokenizer, data, gold):
                if subject not in looked_at:
                    self._attempt(subject, look)
        if tokenizer is None or data is None or self._failed():
            return (), None, None
        say("check: planning the stages")
        scorer = Scorer({}, tokenizer, self.config.seed, self.config.target.name)
        planned: list[PlannedStage] = []
        for system in self.config.systems:
            steps = PlannedSteps(self.config, data, scorer, system=system)
            if self._attempt(system, RECIPES[system], steps) is None:
                return (), None, None
            planned += steps.planned
        return self._cost(planned, timing=timing)

    def _data(self) -> tuple[TofData | None, dict[str, Dataset] | None]:
        if self._failed():
            return None, None
        with main_process_first():
            data = self._attempt("data", self.inputs.training)
            gold = None if data is None else self._attempt("data", self.inputs.gold, data.label_names)
        return data, gold

    def _cost(
        self, planned: list[PlannedStage], *, timing: bool
    ) -> tuple[tuple[StageFacts, ...], DiskFacts | None, MemoryFacts | None]:
        folder, tasks = Path(self.config.output_dir), [stage.task for stage in to_train(planned)]
        disk = memory = None
        speeds = self._speeds(tasks) if timing else {}
        if tasks:
            encoder = read_config(self.config.model)
            parameters: dict[Kind, int] = {}
            for task in tasks:
                if kind_of(task) not in parameters:
                    parameters[kind_of(task)] = parameter_count(encoder, task)
            disk, found = look_at_disk(folder, tasks, parameters)
            self.findings += found
            peaks = [speed.peak_bytes for speed in speeds.values() if speed.peak_bytes is not None]
            stages = [(task, arguments_of(task, folder)) for task in tasks]
            memory, found = look_at_memory(encoder, stages, parameters, max(peaks, default=None))
            self.findings += found
        facts = [stage_facts(stage, systems, folder=folder, speeds=speeds) for stage, systems in once(planned).values()]
        return tuple(facts), disk, memory

    def _speeds(self, tasks: Sequence[StageTask]) -> dict[Kind, Speed]:
        """The speed of every kind of stage; what does not fit in memory is an error."""
        speeds: dict[Kind, Speed] = {}
        failed: set[Kind] = set()
        for task in tasks:
            kind = kind_of(task)
            if kind in speeds or kind in failed:
                continue
            say(f"check: timing {kind}")
            try:
                speed = self._attempt("model", measure, task, self.config.model)
            except torch.OutOfMemoryError as problem:
                fix = "lower its per_device_train_batch_size and raise gradient_accumulation_steps as much."
                found = f"a batch does not fit in memory: {str(problem).splitlines()[0]}"
                self.findings.append(Finding("error", task.name, found, fix))
                speed = None
            if speed is None:
                failed.add(kind)
            else:
                speeds[kind] = speed
        return speeds


def _rows(files: Sequence[ReadFile], option: str) -> Dataset | None:
    """The sentences of all the option's files that could be read."""
    parts = [one.rows for one in files if one.option == option or one.option.rpartition(".")[0] == option]
    return mix(parts, columns=["id", "tokens"]) if parts else None


def _sorted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: _ORDER[finding.level]))
