"""The record of a run, `lineage.json` and `results.json`: its types, its only reader and its only writer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from tof_hf.algorithm.history import History
from tof_hf.algorithm.scores import SOURCE_QUESTIONS, ScoreRow
from tof_hf.config.stage_name import StageName
from tof_hf.data.health import LabelHealth
from tof_hf.errors import DataError, as_data_error
from tof_hf.stages.record import StageSummary
from tof_hf.storage.records import Record

LINEAGE, RESULTS = "lineage.json", "results.json"
FORMAT = 1
LABELLED = ("source.train", "source.mrc", "target.mrc")  # what stages learn from with labels or answers


class DataRecord(Record):
    """A data file or data set that was read.

    Attributes:
        option: the option of the run file that names it.
        name: a Hub id or the last part of a path; records name no folders of a machine.
        rows: how many were read. `fingerprint`: a hash of them.
        license: its id on the Hub, where it is known.
        options: how it was read, where that differs from the default.
    """

    option: str
    name: str
    hub: bool = False
    rows: int
    fingerprint: str
    license: str | None = None
    options: dict[str, Any] = {}


class OtherLabelsRecord(Record):
    """Machine-made labels of the target text that no tagger of the run gave (`target.labels`).

    Attributes:
        name: who gave them.
        option: the option of the run file that names the file; `Lineage.data` has its hash.
        weight: how much they count; the run's tagger has 1.
        sentences: in the file; `not_in_target` of them are not in the target text, and not used.
        target_sentences: how many of the `target_total` sentences of the target text have such labels.
        entities: by type, in the sentences that are used.
        health: that of the labels that are used.
    """

    name: str
    option: str
    weight: float
    sentences: int
    not_in_target: int
    target_sentences: int
    target_total: int
    entities: dict[str, int]
    health: LabelHealth = LabelHealth()

    def __str__(self) -> str:
        found = ", ".join(f"{kind} {count:,}" for kind, count in self.entities.items() if count)
        return (
            f"{self.name!r} labels {self.target_sentences:,} of {self.target_total:,} target sentences ({found}); "
            "these labels are not gold"
        )


class EncoderRecord(Record):
    """The pretrained encoder: its Hub id and commit, or the last part of its folder."""

    name: str
    hub: bool = False
    commit: str | None = None


class TargetTextRecord(Record):
    """The target sentences that an MLM stage sees, those of `target.test_text` counted apart.

    `gold_sentences`: how many of the scored sentences are among them; None if none are scored.
    """

    sentences: int
    fingerprint: str
    test_sentences: int
    test_fingerprint: str | None
    gold_sentences: int | None


class OverlapRecord(Record):
    """How many of the `total` different sentences of the option `of` are also in the option `within`."""

    of: str
    within: str
    shared: int
    total: int


class ZeroResourceRecord(Record):
    """What training saw of the scored sentences."""

    target_labels: str = ""
    target_test_text_in_mlm: bool = False
    target_gold_sentences_in_target_text: int | None = None
    overlaps: list[OverlapRecord] = []

    @property
    def labelled_gold(self) -> list[OverlapRecord]:
        """The scored sentences in data that stages learn from with labels or answers; empty in an honest run."""
        return [one for one in self.overlaps if one.of == "target.gold" and one.within in LABELLED and one.shared]


class F1Change(Record):
    """F1 on source validation, in 0..1, of the last tagger before a stage and of the stage itself."""

    before: float | None = None
    after: float | None = None


class StageInRun(StageSummary):
    """A finished stage as the run's record has it.

    `folder`: relative to the run. `options`: those of its section that differ from the preset.
    """

    folder: str = ""
    options: dict[str, JsonValue] = {}
    fingerprints: dict[str, str | None] = {}
    target_text: TargetTextRecord | None = None
    source_validation_f1: F1Change = F1Change()


class FinalRecord(Record):
    """The system and stage of the tagger in `final/`."""

    system: str
    stage: str


class _Format(Record):
    """The part of a record that every release can read."""

    format: int


class Lineage(_Format):
    """`lineage.json`: the data, options and stages of a run, and how each stage came about."""

    versions: dict[str, str] = {}
    encoder: EncoderRecord
    entity_types: list[str]
    target: str
    preset: str
    seed: int
    rounds: int
    tagging_scheme: str = "IOB2"
    word_rule: str | None = None  # None: a run of before this option
    options: dict[str, JsonValue] = {}
    data: list[DataRecord] = []
    other_labels: list[OtherLabelsRecord] = []
    zero_resource: ZeroResourceRecord = ZeroResourceRecord()
    systems: dict[str, History]
    stages: dict[str, StageInRun]
    final: FinalRecord | None = None


class Results(Record):
    """`results.json`: the scores after every stage."""

    rows: list[ScoreRow] = []


@dataclass(frozen=True)
class RunRecord:
    """The record of a run: the content of `lineage.json` and `results.json`.

    Attributes:
        folder: The run's folder.
        lineage: The data, options and stages of the run, and how each stage came about.
        scores: Precision, recall and F1 in 0..1, after every stage and on every split.

    Example:
        >>> run = read_run(Path("runs/es"))
        >>> run.path_to(run.lineage.final.stage)
        ['mlm', 'mlm-mrc', 'mlm-mrc-ner']
    """

    folder: Path
    lineage: Lineage
    scores: Sequence[ScoreRow]

    def path_to(self, stage: str | None) -> list[str]:
        """The stages from the pretrained encoder to this one.

        Args:
            stage: The name of a stage, or None for the encoder.

        Returns:
            Names of stages, this one last.
        """
        path: list[str] = []
        while stage is not None:
            if stage in path or stage not in self.lineage.stages:
                found = f"the stage {stage!r}, which is missing or starts from itself."
                raise DataError(found, fix="start the same run again.", path=self.folder / LINEAGE)
            path.insert(0, stage)
            stage = self.lineage.stages[stage].start
        return path

    def last_taggers(self) -> dict[str, str]:
        """The last scored tagger of each system, except those that its recipe did not continue from.

        Returns:
            Names of stages, by system.
        """
        discarded = {system: history.discarded_stages() for system, history in self.lineage.systems.items()}
        return {
            row.system: row.checkpoint
            for row in self.scores
            if row.split != SOURCE_QUESTIONS and row.checkpoint not in discarded.get(row.system, ())
        }

    def write(self) -> None:
        """Write both files, each all or nothing."""
        Results(rows=list(self.scores)).write(self.folder / RESULTS)
        self.lineage.write(self.folder / LINEAGE)


def read_run(folder: Path) -> RunRecord:
    """The record of a run, finished or not.

    Args:
        folder: The run's folder (`output_dir`).

    Returns:
        What was made of what, and the scores so far.

    Raises:
        DataError: There is no record, it is damaged, or a newer release wrote it.

    Example:
        >>> [(row.label, row.split, row.f1) for row in read_run(Path("runs/es")).scores]
    """
    file = folder / LINEAGE
    if not file.is_file():
        raise DataError(_instead_of_run(folder), fix="name the folder of a run (output_dir).", path=folder)
    if _Format.read(file).format > FORMAT:
        raise DataError("a record of a newer release.", fix="update tof-hf.", path=file)
    lineage, results = Lineage.read(file), folder / RESULTS
    run = RunRecord(folder, lineage, Results.read(results).rows if results.is_file() else [])
    final = lineage.final
    with as_data_error("a damaged record", fix="start the same run again.", path=file):
        for history in (*lineage.systems.values(), *([lineage.systems[final.system]] if final else [])):
            for name in history.named_stages():
                StageName.parse(name)
        for name in (*lineage.stages, *([final.stage] if final else [])):
            StageName.parse(name)
            run.path_to(name)
    return run


def _instead_of_run(folder: Path) -> str:
    """What was found where a run was expected."""
    if not folder.exists():
        return "nothing of that name."
    if not folder.is_dir():
        return "a file."
    if (folder / "config.yaml").is_file():
        return "a run without a record (lineage.json): no stage is finished yet, or it is from an older release."
    found = sorted(path.name for path in folder.iterdir())[:5]
    return f"no lineage.json{', but ' + ', '.join(found) if found else ' in an empty folder'}."
