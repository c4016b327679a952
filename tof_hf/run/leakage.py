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
_SENTENCES_OF_TYPES = 10  # fewer that are equal in some of the types may be chance
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


def copied_labels(data: TofData, gold: Dataset) -> Iterator[Finding]:
    """The labels from elsewhere that are the gold labels (errors), or resemble them more than usual (warnings)."""
    for labels in data.other_labels:
        if copied := copied_gold(labels.rows, gold):
            level, found = copied
            fix = f"{_REFUSED} Machine-made labels belong in target.labels, gold ones in target.gold alone."
            if level == "warning":
                fix = "if these labels were made with the gold ones, remove them: the score would be too good."
            yield Finding(level, "target.labels", f"{labels.name!r} in target.labels has {found}", fix)


def copied_gold(labels: Dataset, gold: Dataset) -> tuple[Level, str] | None:
    """Whether labels from elsewhere are the gold labels, or nearly, and what shows it: None if they are not.

    It is an error if, of the scored sentences with an entity in either, at most one in a hundred is labelled otherwise,
    in all types or in those that the labels have. It is a warning if it is one in ten, also in a single type.
    """
    index = SentenceIndex(gold)

    def entities(rows: Dataset) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        words = (" ".join(words) for batch in rows.iter(batch_size=1_000) for words in batch["tokens"])
        for text, spans, texts in zip(words, entity_spans(rows), entity_texts(rows), strict=True):
            kinds = [span.label for span in spans]
            yield index.content(text), list(zip(map(index.content, texts), kinds, strict=True))

    scored = dict(entities(gold))
    pairs = [(found, scored[text]) for text, found in entities(labels) if text in scored]
    own = {kind for found, _ in pairs for _, kind in found}
    every = own.union(kind for _, true in pairs for _, kind in true)
    levels: list[tuple[Level, int, list[set[str]]]] = [
        ("error", 99, [every, own]),
        ("warning", 90, [every, own, *({kind} for kind in sorted(own))]),
    ]
    for level, percent, choices in levels:
        for kinds in choices:
            both = [[[one for one in side if one[1] in kinds] for side in pair] for pair in pairs]
            both = [pair for pair in both if any(pair)]
            same = sum(found == true for found, true in both)
            if len(both) >= (1 if kinds == every else _SENTENCES_OF_TYPES) and 100 * same >= percent * len(both):
                of = "" if kinds == every else f" of the types {', '.join(sorted(kinds))}"
                sentences = f"{same:,} of {len(both):,} sentences with entities{of}"
                return level, f"labels that are the gold ones in {sentences} that it shares with target.gold"
    return None


def _asking_for_entities(rows: Dataset) -> Dataset:
    """The questions with a label, whose answers are labels in another form."""
    labels = rows["label"][:] if "label" in rows.column_names else []
    return rows.select([number for number, label in enumerate(labels) if label is not None])


def gold_problems(data: TofData, gold: Dataset) -> Iterator[tuple[str, TargetLabelLeak]]:
    """The errors for labelled sentences and questions that reveal the target's gold labels to training, by option."""
    text = ("target.text", "target.test_text")
    options = {option: rows for option, rows in _options(data, gold).items() if option not in text}
    for finding in [*copied_labels(data, gold), *look_for_overlaps(options)[1]]:
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
    if "target" in gold:
        findings += copied_labels(data, gold["target"])
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
