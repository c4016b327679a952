"""The data, options and stages of a run, and how each stage came about: the content of `lineage.json`.

It is written after every stage, published with the model, and the only source of the model card. It names no folder of
this machine: local files appear by their last part.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tof_hf.algorithm.history import History
from tof_hf.algorithm.scores import SOURCE, ScoreRow
from tof_hf.config import TofConfig, load_config
from tof_hf.config.loading import dotted
from tof_hf.config.section import facts
from tof_hf.config.stage_name import StageName
from tof_hf.data.labels import entity_types
from tof_hf.modeling.checkpoints import hub_commit
from tof_hf.run.leakage import Leakage
from tof_hf.run.record import (
    FORMAT,
    LABELLED,
    DataRecord,
    EncoderRecord,
    F1Change,
    FinalRecord,
    Lineage,
    OtherLabelsRecord,
    StageInRun,
    TargetTextRecord,
    ZeroResourceRecord,
)
from tof_hf.stages.record import RECORD, StageRecord
from tof_hf.stages.stage import Checkpoint
from tof_hf.storage.publishing import local_path, public, public_name
from tof_hf.utils.versions import versions


def build_lineage(
    config: TofConfig,
    data: Sequence[DataRecord],
    other_labels: Sequence[OtherLabelsRecord],
    label_names: Sequence[str],
    histories: Mapping[str, History],
    scores: Sequence[ScoreRow],
    *,
    leakage: Leakage,
    final: tuple[str, Checkpoint] | None = None,
) -> Lineage:
    """The record of a run so far; stages that are not finished are not in it.

    Args:
        config: the run's options.
        data: what was read.
        other_labels: labels of the target text from elsewhere.
        label_names: the names of the tags, `O` first.
        histories: what each system's recipe did.
        scores: the scores so far.
        leakage: what training sees of the scored sentences.
        final: the system whose tagger is in `final/`, and that tagger; None before the end.
    """
    folders = {name: folder for history in histories.values() for name, folder in history.folders.items()}
    model, options = config.model, changed_options(config)
    records = {name: StageRecord.read(folder / RECORD) for name, folder in folders.items()}
    shared = {pair.within: pair.shared for pair in leakage.overlaps if pair.of == "target.gold"}
    leaks = [option for option in LABELLED if shared.get(option)]
    elsewhere = f"; some are also in {', '.join(leaks)}, which stages learn from" if leaks else ""
    f1 = {row.checkpoint: row.f1 for row in scores if row.split == SOURCE}
    in_mlm = any(StageName.parse(name).section == "mlm" for history in histories.values() for name in history.stages)
    return Lineage(
        format=FORMAT,
        versions=versions(),
        encoder=EncoderRecord(name=public_name(model), hub=local_path(model) is None, commit=hub_commit(model)),
        entity_types=entity_types(label_names),
        target=config.target.name,
        preset=config.preset,
        seed=config.seed,
        rounds=config.rounds,
        word_rule=config.word_rule,
        options=options,
        data=list(data),
        other_labels=list(other_labels),
        zero_resource=ZeroResourceRecord(
            target_labels=f"dropped where text is read; labelled target sentences go to the scorer alone{elsewhere}",
            target_test_text_in_mlm=config.mlm.include_target_test and in_mlm,
            target_gold_sentences_in_target_text=shared.get("target.text"),
            overlaps=leakage.overlaps,
        ),
        systems={system: history for system, history in histories.items() if history.stages},
        stages={
            name: StageInRun(
                **record.model_dump(exclude={"name", "start", "inputs", "files", "log"}),
                start=record.start or None,
                folder=Path(os.path.relpath(folders[name], config.output_dir)).as_posix(),
                options=_of_section(options, StageName.parse(name).section),
                fingerprints={part: record.inputs[part] for part in ("start", "train", "validation", "tokenizer")},
                target_text=_mlm_text(record, leakage.text),
                source_validation_f1=_f1_change(name, records, f1),
            )
            for name, record in records.items()
        },
        final=None if final is None else FinalRecord(system=final[0], stage=final[1].name),
    )


def changed_options(config: TofConfig) -> dict[str, Any]:
    """The options that differ from the preset's, by their dotted keys; paths by their last part."""
    plain = config.to_dict()
    same = {name: plain[name] for name, field in TofConfig.model_fields.items() if not facts(field).get("listed", True)}
    default = dotted(load_config(same | {"preset": config.preset}).to_dict())
    missing = object()
    return {
        key: public(value)
        for key, value in dotted(plain).items()
        if key.partition(".")[0] not in same and default.get(key, missing) != value and not _names_tracker(key)
    }


def _names_tracker(key: str) -> bool:
    """Whether an option says where to log to: names of projects and accounts are nobody's business."""
    name = key.rpartition(".")[2]
    return name in ("project", "report_to", "run_name") or name.startswith("trackio")


def _of_section(options: Mapping[str, Any], section: str) -> dict[str, Any]:
    return {key.partition(".")[2]: value for key, value in options.items() if key.partition(".")[0] == section}


def _mlm_text(record: StageRecord, text: TargetTextRecord) -> TargetTextRecord | None:
    """The target sentences of an MLM stage. A recipe of the user's own may run one on others, which are not known."""
    same = record.rows.get("target") == text.sentences + text.test_sentences
    return text if same and StageName.parse(record.name).section == "mlm" else None


def _f1_change(name: str, records: Mapping[str, StageRecord], f1: Mapping[str, float]) -> F1Change:
    """The score of the stage, and of the last tagger that it descends from."""
    start = records[name].start
    while start and start not in f1:
        start = records[start].start
    return F1Change(before=f1.get(start or ""), after=f1.get(name))
