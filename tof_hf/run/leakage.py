"""Sentences that should not be where they are: scored ones in training data, validation ones in the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from datasets import Dataset

from tof_hf.algorithm.training_data import TofData, mlm_target
from tof_hf.config import TofConfig
from tof_hf.data.fingerprint import content_hash
from tof_hf.data.mixing import cap
from tof_hf.errors import TargetLabelLeak
from tof_hf.run.findings import Finding, Level
from tof_hf.run.record import OverlapRecord, TargetTextRecord
from tof_hf.utils.log import say, warn

_IN_TEXT = (
    "its labels stay unseen, but the encoder is trained on these sentences and pseudo-labels are made of them, so the "
    "score says less about new text: remove them from target.text, or report it."
)
_IN_SOURCE = "stages are trained or selected on their labels, so the score is too good: remove them from the source."
_IN_TRAIN = "the best epoch is selected on training sentences: remove them from one of the two."
_WANTED = "mlm.include_target_test asks for it; say so where you report the score."
_PAIRS: list[tuple[str, str, Level, str]] = [
    ("target.gold", "target.text", "warning", _IN_TEXT),
    ("target.gold", "target.test_text", "note", _WANTED),
    ("target.gold", "source.train", "warning", _IN_SOURCE),
    ("target.gold", "source.validation", "warning", _IN_SOURCE),
    ("source.validation", "source.train", "warning", _IN_TRAIN),
]


def look_for_overlaps(options: Mapping[str, Dataset]) -> tuple[list[OverlapRecord], list[Finding]]:
    """The sentences that options share; `options` maps those that could be read to their rows.

    More than half of target.gold in labelled source data is an error, as before a run.
    """
    known = {option: sentences(rows) for option, rows in options.items()}
    overlaps, findings = [], []
    for of, within, level, fix in _PAIRS:
        if of in known and within in known:
            shared, total = len(known[of] & known[within]), len(known[of])
            overlaps.append(OverlapRecord(of=of, within=within, shared=shared, total=total))
            if shared:
                found = f"{shared:,} of {total:,} sentences ({100 * shared / total:.1f} %) are also in {within}"
                too_many = fix is _IN_SOURCE and 2 * shared > total
                findings.append(Finding("error" if too_many else level, of, found, fix))
    return overlaps, findings


def sentences(dataset: Dataset) -> set[str]:
    """The sentences without spaces, since files differ in where words end."""
    return {"".join(tokens) for tokens in dataset["tokens"]}


def gold_problems(data: TofData, gold: Dataset) -> Iterator[tuple[str, TargetLabelLeak]]:
    """The errors for labelled sentences and questions that reveal the target's gold labels to training, by option."""
    scored = sentences(gold)
    for option, rows in (("source.train", data.source), ("source.validation", data.validation)):
        shared = scored & sentences(rows)
        if 2 * len(shared) > len(scored):
            found = (
                f"{option} holds {len(shared):,} of the {len(scored):,} sentences of target.gold, whose labels are for "
                "the score alone: nothing is trained or selected on them. Name other data for one of the two."
            )
            yield "target.gold", TargetLabelLeak(found)
    questions = {"target.mrc": data.target_qa, "source.mrc": data.source_qa}
    for option, rows in (questions | {"source.mrc_validation": data.validation_qa}).items():
        if rows is None or "label" not in rows.column_names:
            continue
        # Questions with a label ask for entities: their answers are the gold in another form.
        asked = zip(rows["context"], rows["label"], strict=True)
        shared = scored & {"".join(context.split()) for context, label in asked if label is not None}
        if shared:
            found = (
                f"{option} asks for the entities of {len(shared):,} sentences of target.gold, whose labels are for the "
                "score alone. Name other questions."
            )
            yield option, TargetLabelLeak(found)


@dataclass(frozen=True)
class Leakage:
    """What training sees of the scored sentences: those that options share, and the text of the MLM stages."""

    overlaps: list[OverlapRecord]
    text: TargetTextRecord


def measure_leakage(config: TofConfig, data: TofData, gold: Mapping[str, Dataset]) -> Leakage:
    """What training sees of sentences that are scored or selected on; every overlap is a warning, none is removed."""
    named = {
        "source.train": data.source,
        "source.validation": data.validation,
        "target.text": data.target,
        "target.test_text": data.target_test,
        "target.gold": gold.get("target"),
    }
    overlaps, findings = look_for_overlaps({option: rows for option, rows in named.items() if rows is not None})
    for finding in findings:
        log = say if finding.level == "note" else warn
        log(f"{finding.subject}: {finding.found}; the run removes nothing. {finding.fix}")
    return Leakage(overlaps, mlm_text(config, data, gold.get("target")))


def mlm_text(config: TofConfig, data: TofData, gold: Dataset | None) -> TargetTextRecord:
    """The target sentences that `mlm_stage` trains on, sampled in the same way."""
    seed = config.seed if config.mlm.seed is None else config.mlm.seed
    rows = mlm_target(config.mlm, data)
    numbers = cap(Dataset.from_dict({"n": list(range(len(rows)))}), config.mlm.max_sentences, seed=seed)["n"][:]
    text = rows.select([number for number in numbers if number < len(data.target)])
    tested = rows.select([number for number in numbers if number >= len(data.target)])
    return TargetTextRecord(
        sentences=len(text),
        fingerprint=content_hash(text),
        test_sentences=len(tested),
        test_fingerprint=content_hash(tested) if len(rows) > len(data.target) else None,
        gold_sentences=None if gold is None else len(sentences(gold) & (sentences(text) | sentences(tested))),
    )
