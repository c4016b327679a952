"""What the tokenizer makes of the sentences of each side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tof_hf.check.report import LanguageFacts
from tof_hf.data.mixing import cap
from tof_hf.run.findings import Finding

MOST_SENTENCES = 20_000  # of each side
MUCH_UNKNOWN = 0.01  # share of pieces
_BATCH = 1000


def check_language(
    side: Literal["source", "target"],
    option: str,
    rows: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    *,
    windows: Mapping[str, int],
    seed: int,
) -> tuple[LanguageFacts, list[Finding]]:
    """Pieces a word, lost words, unknown pieces, and sentences longer than the `windows` (in pieces) of the stages."""
    tokens = cap(rows, MOST_SENTENCES, seed=seed)["tokens"][:]
    special = tokenizer.num_special_tokens_to_add()
    lost: Counter[str] = Counter()
    pieces = unknown = 0
    over = dict.fromkeys(windows, 0)
    for begin in range(0, len(tokens), _BATCH):
        batch = tokens[begin : begin + _BATCH]
        encoded = tokenizer(batch, is_split_into_words=True, add_special_tokens=False, truncation=False, verbose=False)
        for number, words in enumerate(batch):
            ids = encoded["input_ids"][number]
            pieces += len(ids)
            unknown += sum(piece == tokenizer.unk_token_id for piece in ids)
            for name, window in windows.items():
                over[name] += len(ids) + special > window
            kept = set(encoded.word_ids(number))
            lost.update(word for place, word in enumerate(words) if place not in kept)
    facts = LanguageFacts(
        side=side,
        sentences=len(tokens),
        of=len(rows),
        words=sum(map(len, tokens)),
        pieces=pieces,
        lost_words=lost.total(),
        unknown_share=unknown / max(1, pieces),
        over_window=over,
    )
    return facts, _findings(option, facts, lost, windows)


def _findings(option: str, facts: LanguageFacts, lost: Counter[str], windows: Mapping[str, int]) -> list[Finding]:
    findings = []
    if lost:
        examples = ", ".join(ascii(word) for word, _ in lost.most_common(3))
        found = f"{facts.lost_words:,} of {facts.words:,} words become no piece at all, e.g. {examples}"
        fix = "the tagger cannot see them and gives them O; remove them, or choose an encoder that knows them."
        findings.append(Finding("warning", option, found, fix))
    if facts.unknown_share > MUCH_UNKNOWN:
        found = f"{100 * facts.unknown_share:.1f} % of all pieces are unknown to the tokenizer"
        fix = "choose an encoder whose vocabulary has this language and its letters."
        findings.append(Finding("warning", option, found, fix))
    over = [f"{count:,} over {windows[name]} pieces ({name})" for name, count in facts.over_window.items() if count]
    if over:
        found = f"sentences longer than a window: {', '.join(over)}; they are split into windows, nothing is lost"
        findings.append(Finding("note", option, found))
    return findings
