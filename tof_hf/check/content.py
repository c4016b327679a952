"""What the data files of a run hold, each read on its own, and what in them does not fit together."""

import difflib
import textwrap
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tof_hf.check.report import FileFacts, LanguageFacts, Side
from tof_hf.config import DataFile, LabelFile, TofConfig
from tof_hf.config.yaml import dump_yaml
from tof_hf.data.labels import LabelMap, entity_types, spans_from_tags
from tof_hf.data.mixing import cap
from tof_hf.data.mrc_conversion import without_query
from tof_hf.data.readers.notes import collect_notes
from tof_hf.data.readers.read import FileKind
from tof_hf.data.type_names import extended, suggest_label_map
from tof_hf.data.words import split_words
from tof_hf.run.findings import Finding
from tof_hf.run.inputs import Inputs, numbered

ALIKE = 0.9  # two queries that differ in less than a tenth hardly say which type they ask for
MOST_SENTENCES = 20_000  # of each side, for the tokenizer
MUCH_UNKNOWN = 0.01  # share of pieces
MUCH_JOINED = 0.01  # share of words that look like sentences
MANY_WORDS = 8  # in a sentence
MUCH_REPEATED = 0.2  # share of sentences; news and tweets repeat less


@dataclass(frozen=True)
class ReadFile:
    """A file that was read: its rows, facts about them, and for NER files the types before any label map.

    `warnings` are those of the reader.
    """

    file: DataFile
    rows: Dataset
    facts: FileFacts
    raw_types: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def types(self) -> list[str]:
        """The entity types that occur in it."""
        return [kind for kind, count in (self.facts.entities or {}).items() if count]


def read_file(inputs: Inputs, option: str, file: DataFile, kind: FileKind) -> ReadFile:
    """The file as a run would read it. Raises DataError if it cannot."""
    with collect_notes() as notes:
        rows = inputs.one(option, file, kind)
    raw_types: tuple[str, ...] = ()
    if kind == "ner":
        mapped = file.label_map is not None or inputs.config.label_map is not None
        raw = inputs.one(option, file, kind, mapped=False) if mapped else rows
        raw_types = tuple(name for name, count in entities(raw).items() if count)
    facts = FileFacts(
        option=option,
        path=file.path,
        kind=kind,
        understood="; ".join(notes.summaries),
        first=shown(rows, kind),
        rows=len(rows),
        words=None if kind == "mrc" else sum(map(len, rows["tokens"][:])),
        entities=entities(rows) if kind == "ner" else None,
        answers=sum(map(len, rows["spans"][:])) if kind == "mrc" else None,
    )
    return ReadFile(file, rows, facts, raw_types, tuple(notes.warnings))


def entities(rows: Dataset) -> dict[str, int]:
    """Entities of each type in NER rows, which are in IOB2."""
    names = rows.features["ner_tags"].feature.names
    counts = Counter(chain.from_iterable(rows["ner_tags"][:]))
    return {kind: counts[names.index(f"B-{kind}")] for kind in entity_types(names)}


def shown(rows: Dataset, kind: FileKind) -> str:
    """The first row as it was understood: words with blanks between them, `[entity](TYPE)`; of questions the answer."""
    first = rows[0]
    if kind == "mrc":
        answers = [first["context"][span["start"] : span["end"]] for span in first["spans"]]
        return f"{first['question']} -> {' / '.join(answers) or 'no answer'}"
    words = list(first["tokens"])
    if kind == "ner":
        names = rows.features["ner_tags"].feature.names
        for span in spans_from_tags([names[tag] for tag in first["ner_tags"]]):
            words[span.start] = f"[{words[span.start]}"
            words[span.end - 1] += f"]({span.label})"
    return " ".join(words)


def check_repeats(option: str, rows: Dataset) -> Iterator[Finding]:
    """Sentences that are there several times."""
    counts = Counter(map(tuple, rows["tokens"][:]))
    repeated = len(rows) - len(counts)
    if repeated > MUCH_REPEATED * len(rows):
        words, times = counts.most_common(1)[0]
        example = textwrap.shorten(" ".join(words), 60, placeholder=" ...")
        found = f"{repeated:,} of {len(rows):,} sentences repeat others; {example!r} is there {times:,} times"
        yield Finding("warning", option, found, "remove the repeats if they are no part of the text: they weigh more.")


def training_types(config: TofConfig, read: Sequence[ReadFile]) -> list[str]:
    """The entity types that the tagger will know; none if the source cannot be read."""
    return sorted(config.labels or chain(*(one.types for one in read if one.facts.option == "source.train")))


def check_types(config: TofConfig, read: Sequence[ReadFile]) -> Iterator[Finding]:
    """Types that only one side has, files without an entity, and label maps that rename nothing."""
    known = training_types(config, read)
    whose = "labels" if config.labels else "source.train"
    after_own_maps: set[str] = set()
    for one in read:
        if one.facts.kind != "ner":
            continue
        option, own_map = one.facts.option, one.file.label_map if isinstance(one.file.label_map, dict) else {}
        if not one.types:
            fix = "give labelled sentences, and name the column of the tags; label_map may drop too much."
            yield Finding("error", option, f"{one.file.path}: no entity", fix)
        elif known:
            yield from _compared(config, read, one, known, whose)
        yield from _unused(f"{option}.label_map", own_map, one.raw_types, "the file has")
        after_own_maps |= {own_map.get(kind, kind) for kind in one.raw_types}
    if isinstance(config.label_map, dict):
        yield from _unused("label_map", config.label_map, sorted(after_own_maps), "the files have")


def _compared(
    config: TofConfig, read: Sequence[ReadFile], one: ReadFile, known: Sequence[str], whose: str
) -> Iterator[Finding]:
    option, types = one.facts.option, one.types
    suggested = suggest_label_map(types, known)
    if unknown := [kind for kind in types if kind not in known]:
        found = f"entity types {', '.join(unknown)}, which are not among those of {whose}: {', '.join(known)}"
        fix = "rename or drop them with label_map ({OTHER: MISC}, {OTHER: O}), or name all types in labels."
        lines = ""
        if suggested:
            fix = "rename or drop them (O), or name all types in labels. As their names suggest"
            lines = _to_paste(config, read, option, known)
        yield Finding("error", option, found, fix, lines)
    missing = [kind for kind in known if kind not in types and kind not in suggested.values()]
    if missing and not isinstance(one.file, LabelFile):  # which has no say about them
        found = f"no entity of the types {', '.join(missing)}, which the tagger learns"
        fix = "if the file does not label them, drop them with label_map ({MISC: O}): each one found counts as wrong."
        yield Finding("warning", option, found, fix)


def _to_paste(config: TofConfig, read: Sequence[ReadFile], option: str, known: Sequence[str]) -> str:
    """The lines of all files beside that of the option, each with the label map that its types suggest."""
    section, key, *_ = option.split(".")
    files = getattr(getattr(config, section), key)
    suggested = {one.facts.option: suggest_label_map(one.types, known) for one in read}
    named = numbered(f"{section}.{key}", [files] if isinstance(files, DataFile) else files)
    listed = [
        file.to_dict() | ({"label_map": extended(file.label_map, suggested[name])} if suggested.get(name) else {})
        for name, file in named
    ]
    return dump_yaml({section: {key: listed if len(listed) > 1 else listed[0]}})


def _unused(option: str, label_map: Mapping[str, str], types: Collection[str], whose: str) -> Iterator[Finding]:
    if unused := [kind for kind in label_map if kind not in types]:
        found = f"it renames {', '.join(unused)}, but {whose} {', '.join(types) or 'no entity'}"
        yield Finding("warning", option, found, "correct the name, or remove the entry.")


def check_queries(types: Sequence[str], queries: Mapping[str, str], label_map: LabelMap) -> Iterator[Finding]:
    """Types without a query, and queries so alike that the reader cannot tell the types apart."""
    missing, sets = without_query(types, queries)
    if missing:
        found = f"no query for the entity types {', '.join(missing)}"
        fix, lines = f"add them, e.g. `queries: {{{missing[0]}: <what an annotator should look for>}}`.", ""
        if sets:
            fix = f"take those that come with the package, `queries: {' or '.join(sets)}`, or {fix}"
        if suggested := suggest_label_map(missing, queries):
            fix = f"{fix.removesuffix('.')}; or rename or drop types, as their names suggest"
            lines = dump_yaml({"label_map": extended(label_map, suggested)})
        yield Finding("error", "queries", found, fix, lines)
    for one, other in combinations([kind for kind in types if kind in queries], 2):
        ratio = difflib.SequenceMatcher(None, queries[one].lower(), queries[other].lower(), autojunk=False).ratio()
        if ratio > ALIKE:
            how = "the same" if ratio == 1 else f"{100 * ratio:.0f} % alike"
            found = f"the queries of {one} and {other} are {how}: {queries[one]!r}, {queries[other]!r}"
            yield Finding("warning", "queries", found, "say in each how the type differs from the other.")


def language_facts(
    side: Side, rows: Dataset, tokenizer: PreTrainedTokenizerBase, *, windows: Mapping[str, int], seed: int
) -> tuple[LanguageFacts, Counter[str]]:
    """What the tokenizer makes of the sentences, and the words that become no piece.

    `windows`: the windows of the stages, in pieces.
    """
    sample = cap(rows, MOST_SENTENCES, seed=seed)
    facts = LanguageFacts(side, sentences=len(sample), of=len(rows), over_window=dict.fromkeys(windows, 0))
    special = tokenizer.num_special_tokens_to_add()
    lost: Counter[str] = Counter()
    unknown = 0
    for batch in sample.iter(batch_size=1000):
        sentences = batch["tokens"]
        encoded = tokenizer(
            sentences, is_split_into_words=True, add_special_tokens=False, truncation=False, verbose=False
        )
        for number, (words, ids) in enumerate(zip(sentences, encoded["input_ids"], strict=True)):
            facts.words += len(words)
            facts.pieces += len(ids)
            unknown += ids.count(tokenizer.unk_token_id)
            for name, window in windows.items():
                facts.over_window[name] += len(ids) + special > window
            in_pieces = set(encoded.word_ids(number))
            lost.update(word for place, word in enumerate(words) if place not in in_pieces)
            facts.sentence_words.update(filter(is_sentence, words))
    facts.lost_words, facts.unknown_share = lost.total(), unknown / max(1, facts.pieces)
    return facts, lost


def is_sentence(word: str) -> bool:
    """Whether the rule `unicode` would find many words in this one, punctuation aside."""
    return len(word) >= MANY_WORDS and sum(one[0].isalnum() for one in split_words(word)) >= MANY_WORDS


def check_language(
    option: str, facts: LanguageFacts, lost: Counter[str], windows: Mapping[str, int]
) -> Iterator[Finding]:
    """Lost words, many unknown pieces, and sentences longer than the windows."""
    if lost:
        examples = ", ".join(ascii(word) for word, _ in lost.most_common(3))
        found = f"{facts.lost_words:,} of {facts.words:,} words become no piece at all, e.g. {examples}"
        fix = "the tagger cannot see them and gives them O; remove them, or choose an encoder that knows them."
        yield Finding("warning", option, found, fix)
    if facts.sentence_words.total() > MUCH_JOINED * facts.words:
        most = facts.sentence_words.most_common(2)
        examples = ", ".join(f"{word[:30]!r} ({len(word)} characters)" for word, _ in most)
        found = f"{facts.sentence_words.total():,} of {facts.words:,} words look like whole sentences, e.g. {examples}"
        fix = "a tagger gives one label a word: split the text, or for plain text set word_rule: unicode."
        yield Finding("warning", option, found, fix)
    if facts.unknown_share > MUCH_UNKNOWN:
        found = f"{100 * facts.unknown_share:.1f} % of all pieces are unknown to the tokenizer"
        yield Finding("warning", option, found, "choose an encoder whose vocabulary has this language and its letters.")
    over = [f"{count:,} over {windows[name]} pieces ({name})" for name, count in facts.over_window.items() if count]
    if over:
        found = f"sentences longer than a window: {', '.join(over)}; they are split into windows, nothing is lost"
        yield Finding("note", option, found)
