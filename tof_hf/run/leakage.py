"""Sentences that should not be where they are: scored ones in training data, validation ones in the source."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from datasets import Dataset

from tof_hf.algorithm.training_data import TofData, mlm_target
from tof_hf.config import TofConfig
from tof_hf.data.fingerprint import content_hash
from tof_hf.data.mixing import cap
from tof_hf.data.pseudo_labels import entity_spans, entity_texts
from tof_hf.data.sentence_index import SentenceIndex
from tof_hf.errors import TargetLabelLeak
from tof_hf.run.findings import Finding, Level
from tof_hf.run.record import OverlapRecord, TargetTextRecord
from tof_hf.utils.log import say, warn

_IN_TEXT = (
    "its labels stay unseen, but the encoder is trained on these sentences and pseudo-labels are made of them, so the "
    "score says less about new text: remove them from target.text, or report it."
)
_LEARNED = "stages are trained on their labels or answers, so the score is too good: remove them from one of the two."
_REFUSED = (
    "remove these sentences from one of the two, or name other data: the labels of target.gold are for the score, and "
    "nothing is trained or selected on them."
)
_IN_TRAIN = "the best epoch is selected on training sentences: remove them from one of the two."
_WANTED = "mlm.include_target_test asks for it; say so where you report the score."
_PAIRS: list[tuple[str, str, Level, str]] = [
    ("target.gold", "target.text", "warning", _IN_TEXT),
    ("target.gold", "target.test_text", "note", _WANTED),
    ("target.gold", "source.train", "warning", _LEARNED),
    ("target.gold", "source.mrc", "warning", _LEARNED),
    ("target.gold", "target.mrc", "warning", _LEARNED),
    ("target.gold", "source.validation", "error", _REFUSED),
    ("target.gold", "source.mrc_validation", "error", _REFUSED),
    ("source.validation", "source.train", "warning", _IN_TRAIN),
]


def look_for_overlaps(options: Mapping[str, Dataset]) -> tuple[list[OverlapRecord], list[Finding]]:
    """The sentences that options share by content; `options` maps those that could be read to their rows.

    Sentences of target.gold are an error in validation data (short ones if they are more than half of it), in
    source.train if they are more than half, and in questions that ask for their entities.
    """
    indices = {option: SentenceIndex(options[option]) for option in {pair[0] for pair in _PAIRS} & options.keys()}
    overlaps, findings = [], []
    for of, within, level, fix in _PAIRS:
        if of not in options or within not in options:
            continue
        index = indices[of]
        shared, total = index.found_in(options[within]), len(index.sentences)
        overlaps.append(OverlapRecord(of=of, within=within, shared=len(shared), total=total))
        if not shared:
            continue
        most = 2 * len(shared) > total and (level == "error" or within == "source.train")
        example = index.sentences[max(shared, key=lambda content: (len(content), content))]
        such = f", such as {textwrap.shorten(example, 60, placeholder=' ...')!r}"
        if asked := index.found_in(_asking_for_entities(options[within])):
            found = f"{within} asks for the entities of {len(asked):,} sentences of {of}{such}"
            findings.append(Finding("error", within, found, _REFUSED))
        elif of == "target.gold" and (most or (level == "error" and shared & index.long)):
            found = f"{within} holds {len(shared):,} of the {total:,} sentences of {of}{such}"
            findings.append(Finding("error", of, found, _REFUSED))
        else:
            found = (
                f"{len(shared):,} of {total:,} sentences ({100 * len(shared) / total:.1f} %) are also in {within}{such}"
            )
            findings.append(Finding("warning" if level == "error" else level, of, found, fix))
    return overlaps, findings


def copied_gold(labels: Dataset, gold: Dataset) -> str | None:
    """What shows that labels from elsewhere are the gold labels, or nearly: None if they are not.

    They are if, of the scored sentences with an entity in either, at most one in a hundred is labelled otherwise.
    """
    index = SentenceIndex(gold)

    def entities(rows: Dataset) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        words = (" ".join(words) for batch in rows.iter(batch_size=1_000) for words in batch["tokens"])
        for text, spans, texts in zip(words, entity_spans(rows), entity_texts(rows), strict=True):
            kinds = [span.label for span in spans]
            yield index.content(text), list(zip(map(index.content, texts), kinds, strict=True))

    scored = dict(entities(gold))
    pairs = [(found, scored[text]) for text, found in entities(labels) if text in scored]
    pairs = [(found, true) for found, true in pairs if found or true]
    different = sum(found != true for found, true in pairs)
    if not pairs or 100 * different > len(pairs):
        return None
    same = f"{len(pairs) - different:,} of {len(pairs):,}"
    return f"labels that are the gold ones in {same} sentences with entities that it shares with target.gold"


def _asking_for_entities(rows: Dataset) -> Dataset:
    """The questions with a label, whose answers are labels in another form."""
    labels = rows["label"][:] if "label" in rows.column_names else []
    return rows.select([number for number, label in enumerate(labels) if label is not None])


def gold_problems(data: TofData, gold: Dataset) -> Iterator[tuple[str, TargetLabelLeak]]:
    """The errors for labelled sentences and questions that reveal the target's gold labels to training, by option."""
    for labels in data.other_labels:
        if found := copied_gold(labels.rows, gold):
            fix = f"{_REFUSED} Machine-made labels belong in target.labels, gold ones in target.gold alone."
            yield "target.labels", TargetLabelLeak(f"{labels.name!r} in target.labels has {found}. What to do: {fix}")
    text = ("target.text", "target.test_text")
    options = {option: rows for option, rows in _options(data, gold).items() if option not in text}
    for finding in look_for_overlaps(options)[1]:
        if finding.level == "error":
            yield finding.subject, TargetLabelLeak(f"{finding.found}. What to do: {finding.fix}")


def _options(data: TofData, gold: Dataset | None) -> dict[str, Dataset]:
    """The data of a run by the option that names it."""
    named = {
        "source.train": data.source,
        "source.validation": data.validation,
        "source.mrc": data.source_qa,
        "source.mrc_validation": data.validation_qa,
        "target.text": data.target,
        "target.test_text": data.target_test,
        "target.mrc": data.target_qa,
        "target.gold": gold,
    }
    return {option: rows for option, rows in named.items() if rows is not None}


@dataclass(frozen=True)
class Leakage:
    """What training sees of the scored sentences: those that options share, and the text of the MLM stages."""

    overlaps: list[OverlapRecord]
    text: TargetTextRecord


def measure_leakage(config: TofConfig, data: TofData, gold: Mapping[str, Dataset]) -> Leakage:
    """What training sees of sentences that are scored or selected on; every overlap is a warning, none is removed."""
    overlaps, findings = look_for_overlaps(_options(data, gold.get("target")))
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
    index = None if gold is None else SentenceIndex(gold)
    return TargetTextRecord(
        sentences=len(text),
        fingerprint=content_hash(text),
        test_sentences=len(tested),
        test_fingerprint=content_hash(tested) if len(rows) > len(data.target) else None,
        gold_sentences=None if index is None else len(index.found_in(text) | index.found_in(tested)),
    )
