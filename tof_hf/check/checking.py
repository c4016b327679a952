"""The check itself: it goes as far as it can, and every error becomes a finding."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tof_hf.algorithm.recipes import RECIPES
from tof_hf.algorithm.scoring import Scorer
from tof_hf.check import content, cost
from tof_hf.check.machine import check_machine
from tof_hf.check.report import DiskFacts, Kind, LanguageFacts, MemoryFacts, Report, Side, StageFacts
from tof_hf.config import LabelFile, TofConfig, load_config
from tof_hf.config.problems import KeyProblems
from tof_hf.data.mixing import mix
from tof_hf.data.mrc_conversion import load_queries
from tof_hf.data.readers.notes import collect_notes
from tof_hf.data.tokenizers import load_encoder_tokenizer
from tof_hf.data.translation.dictionary import BilingualDictionary
from tof_hf.errors import RunError, TofError
from tof_hf.modeling.checkpoints import read_config
from tof_hf.run.findings import Finding
from tof_hf.run.inputs import Inputs, data_files
from tof_hf.run.leakage import copied_labels, look_for_overlaps
from tof_hf.run.other_labels import label_findings
from tof_hf.run.output import check_run_files
from tof_hf.run.plan import PlannedStage, PlannedSteps, replaced_stages
from tof_hf.run.validation import check_place, problems, used_stages, uses_labels
from tof_hf.stages.stage import Stage, StageFolders
from tof_hf.utils.log import say
from tof_hf.utils.processes import main_process_first

T = TypeVar("T")


def check_file(path: str | os.PathLike[str], overrides: Sequence[str] = (), *, timing: bool = True) -> Report:
    """The report on a run file; each mistake in the file itself is an error like any other.

    Args:
        path: the run file.
        overrides: options as `key=value`, as in `load_config`.
        timing: whether to time a few training steps of each kind of stage.

    Returns:
        The findings, the worst first, and the facts that could be found in spite of errors.

    Example:
        >>> print(check_file("es.yaml", ["seed=1"], timing=False).as_text())
    """
    try:
        config = load_config(path, overrides)
    except TofError as error:
        machine, findings = check_machine()
        problems = error.problems if isinstance(error, KeyProblems) else [error]
        findings += [Finding.of("config", problem) for problem in problems]
        return Report(str(path), _sorted(findings), machine)
    return check(config, timing=timing, name=str(path))


def check(
    config: TofConfig, *, datasets: Mapping[str, Dataset] | None = None, timing: bool = True, name: str = ""
) -> Report:
    """The report on a run: mistakes, and what the run would cost.

    Nothing is trained, and nothing is written but the caches of `datasets`.

    Args:
        config: the run.
        datasets: those to use in place of files, as in `TofPipeline`.
        timing: whether to time a few training steps of each kind of stage.
        name: what the report calls the run.

    Returns:
        The findings, the worst first, and the facts that could be found in spite of errors.

    Example:
        >>> report = check(load_config("es.yaml"))
        >>> print(report.as_text())
        >>> assert report.exit_status == 0
    """
    return _Check(config, Inputs(config, datasets)).report(name, timing=timing)


class _Check:
    def __init__(self, config: TofConfig, inputs: Inputs) -> None:
        self.config, self.inputs = config, inputs
        self.folder = Path(config.output_dir)
        self.stages = used_stages(config)
        self.findings: list[Finding] = []

    def report(self, name: str, *, timing: bool) -> Report:
        machine, self.findings = check_machine()
        self._attempt("output_dir", check_place, self.folder)
        self._attempt("output_dir", check_run_files, self.config, self.folder / "stages")
        tokenizer = self._attempt("model", load_encoder_tokenizer, self.config.model)
        say("check: reading the data")
        files = self._files()
        rows = _by_option(files)
        languages = [] if tokenizer is None else self._languages(rows, tokenizer)
        overlaps, found = look_for_overlaps(rows)
        self.findings += found
        stages, disk, cache, memory = self._costs([] if tokenizer is None else self._plan(tokenizer), timing=timing)
        return Report(
            name,
            findings=_sorted(self.findings),
            machine=machine,
            files=tuple(one.facts for one in files),
            languages=tuple(languages),
            overlaps=tuple(overlaps),
            stages=tuple(stages),
            disk=disk,
            cache=cache,
            memory=memory,
        )

    def _attempt(self, subject: str, function: Callable[..., T], *args: Any) -> T | None:
        """What the function returns; None, and one more error, if it raises. What fails on the machine is said once."""
        try:
            return function(*args)
        except TofError as error:
            finding = Finding.of(subject, error)
            same = [one for one in self.findings if (one.found, one.fix) == (finding.found, finding.fix)]
            if not (same and isinstance(error, RunError)):
                self.findings.append(finding)
            return None

    def _failed(self) -> bool:
        return any(finding.level == "error" for finding in self.findings)

    def _files(self) -> list[content.ReadFile]:
        with main_process_first():
            attempts = [
                self._attempt(name, content.read_file, self.inputs, name, *of)
                for name, *of in data_files(self.config)
                if self.config.mlm.include_target_test or not name.startswith("target.test_text")
            ]
        read = [file for file in attempts if file is not None]
        for one in read:
            self.findings += [Finding("warning", one.facts.option, f"{one.file.path}: {line}") for line in one.warnings]
            if one.facts.kind != "mrc":
                self.findings += content.check_repeats(one.facts.option, one.rows)
        self.findings += content.check_types(self.config, read)
        queries = self._attempt("queries", load_queries, self.config.queries)
        self._attempt("target_queries", load_queries, self.config.target_queries)
        if queries is not None and self.stages.keys() & {"mrc", "continual_mrc"}:
            types = content.training_types(self.config, read)
            self.findings += content.check_queries(types, queries, self.config.label_map)
        if self.config.translation.dictionary is not None:
            with collect_notes() as notes:
                self._attempt(
                    "translation.dictionary", BilingualDictionary.from_file, self.config.translation.dictionary
                )
            self.findings += [Finding("warning", "translation.dictionary", line) for line in notes.warnings]
        return read

    def _languages(self, rows: Mapping[str, Dataset], tokenizer: PreTrainedTokenizerBase) -> list[LanguageFacts]:
        windows = {name: stage.max_length for name, stage in self.stages.items() if name in ("mlm", "ner")}
        languages = []
        sides: dict[str, Side] = {"source.train": "source", "target.text": "target"}
        for option, side in sides.items():
            if option in rows:
                facts, lost = content.language_facts(
                    side, rows[option], tokenizer, windows=windows, seed=self.config.seed
                )
                languages.append(facts)
                self.findings += content.check_language(option, facts, lost, windows)
        return languages

    def _plan(self, tokenizer: PreTrainedTokenizerBase) -> list[PlannedStage]:
        """The stages that a run would go through; none if there are errors, since no run would come so far."""
        data = gold = None
        if not self._failed():
            with main_process_first():
                data = self._attempt("data", self.inputs.training)
                gold = None if data is None else self._attempt("data", self.inputs.gold, data.label_names)
        self.findings += label_findings(self.inputs.other_labels)
        if self.config.target.labels and not uses_labels(self.config):
            found = f"no system learns from these labels ({', '.join(self.config.systems)})"
            self.findings.append(Finding("warning", "target.labels", found, "name a system such as tof."))
        for subject, problem in problems(self.config, tokenizer, data, gold):
            if subject not in ("queries", "target.gold"):  # checked more thoroughly above
                self.findings.append(Finding.of(subject, problem))
        if data is not None and gold and "target" in gold:
            self.findings += (one for one in copied_labels(data, gold["target"]) if one.level == "warning")
        if data is None or self._failed():
            return []
        say("check: planning the stages")
        scorer = Scorer({}, tokenizer, self.config.seed, self.config.target.name)
        planned: list[PlannedStage] = []
        for system in self.config.systems:
            steps = PlannedSteps(self.config, data, scorer, system=system, folders=StageFolders(self.folder / "stages"))
            if self._attempt(system, RECIPES[system], steps) is None:
                return []
            planned += steps.planned
        fix = "choose another output_dir to keep them."
        self.findings += [Finding("warning", "output_dir", line, fix) for line in replaced_stages(planned)]
        return planned

    def _costs(
        self, planned: Sequence[PlannedStage], *, timing: bool
    ) -> tuple[list[StageFacts], DiskFacts | None, DiskFacts | None, MemoryFacts | None]:
        """The planned stages, and the disk and memory that those to train need."""
        stages: dict[str, list[PlannedStage]] = {}  # by name; systems share them
        for stage in planned:
            stages.setdefault(stage.name, []).append(stage)
        to_train = [same[0].stage for same in stages.values() if same[0].action != "reuse"]
        of_kind = {cost.kind_of(stage): stage for stage in reversed(to_train)}  # the first that has to be trained
        speeds = self._speeds(of_kind) if timing else {}
        disk = cache = memory = None
        if to_train:
            encoder = read_config(self.config.model)
            parameters = {kind: cost.parameter_count(encoder, stage) for kind, stage in of_kind.items()}
            peaks = [speed.peak_bytes for speed in speeds.values() if speed.peak_bytes is not None]
            peak = max(peaks, default=None)
            disk = cost.disk_facts(self.folder, to_train, parameters)
            needs = [
                cost.memory_facts(self.folder, stage, encoder, parameters[cost.kind_of(stage)], peak)
                for stage in to_train
            ]
            memory = max(needs, key=lambda facts: facts.needed)
            cache = cost.cache_facts(to_train)
            self.findings += cost.check_costs(disk, cache, memory)
        facts = [cost.stage_facts(same, folder=self.folder, speeds=speeds) for same in stages.values()]
        return facts, disk, cache, memory

    def _speeds(self, stages: Mapping[Kind, Stage]) -> dict[Kind, cost.Speed]:
        """The speed of each kind of stage; one that does not fit in memory is an error."""
        speeds: dict[Kind, cost.Speed] = {}
        for kind, stage in stages.items():
            say(f"check: timing {kind}")
            try:
                if (speed := self._attempt("model", cost.measure, stage, self.config.model)) is not None:
                    speeds[kind] = speed
            except torch.OutOfMemoryError as problem:
                fix = "lower its per_device_train_batch_size and raise gradient_accumulation_steps as much."
                found = f"a batch does not fit in memory: {str(problem).splitlines()[0]}"
                self.findings.append(Finding("error", stage.name, found, fix))
        return speeds


def _by_option(files: Sequence[content.ReadFile]) -> dict[str, Dataset]:
    """The rows of all files of an option that could be read."""
    parts: dict[str, list[Dataset]] = {}
    for one in files:
        if isinstance(one.file, LabelFile):  # compared with the gold labels in another way
            continue
        parts.setdefault(one.facts.option.rstrip(".0123456789"), []).append(one.rows)
    return {option: mix(rows) for option, rows in parts.items()}


def _sorted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: ("error", "warning", "note").index(finding.level)))
