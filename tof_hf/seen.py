"""What a run saw of the sentences that it is scored on: measured before it starts, warned of, and recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from tof_hf.config import TofConfig
from tof_hf.data.fingerprint import content_hash
from tof_hf.data.mixing import cap, mix
from tof_hf.inputs import TofData
from tof_hf.overlap import look_for_overlaps
from tof_hf.preflight import sentences
from tof_hf.run_folder import say, warn


@dataclass(frozen=True)
class TextSeen:
    """The target sentences that every MLM stage sees, those of `target.test_text` by themselves.

    `gold_sentences`: how many of the scored ones are among them; None if there are none to score.
    """

    sentences: int
    fingerprint: str
    test_sentences: int
    test_fingerprint: str | None
    gold_sentences: int | None


@dataclass(frozen=True)
class Seen:
    """`overlaps`: of each pair of options, how many sentences of the first also stand in the second."""

    overlaps: list[dict[str, Any]]
    text: TextSeen

    def shared(self, of: str, within: str) -> int | None:
        """The sentences that two options share; None if one of them is not given."""
        return next((pair["shared"] for pair in self.overlaps if (pair["of"], pair["within"]) == (of, within)), None)


def measure(config: TofConfig, data: TofData, gold: Mapping[str, Dataset]) -> Seen:
    """What training sees of what is scored or chosen on; a warning for every overlap, nothing is left out."""
    named = {
        "source.train": data.source,
        "source.validation": data.validation,
        "target.text": data.target,
        "target.test_text": data.target_test,
        "target.gold": gold.get("target"),
    }
    overlaps, findings = look_for_overlaps({option: rows for option, rows in named.items() if rows is not None})
    for finding in findings:
        tell = say if finding.level == "note" else warn
        tell(f"{finding.subject}: {finding.found}; the run leaves nothing out. {finding.fix}")
    return Seen([dataclasses.asdict(pair) for pair in overlaps], text_seen(config, data, gold.get("target")))


def text_seen(config: TofConfig, data: TofData, gold: Dataset | None) -> TextSeen:
    """The rows that `mlm_task` takes of the target, drawn in the same way."""
    seed = config.seed if config.mlm.seed is None else config.mlm.seed
    test = data.target_test if config.mlm.include_target_test else None
    rows = mix([part for part in (data.target, test) if part is not None], columns=["id", "tokens"])
    numbers = cap(Dataset.from_dict({"n": list(range(len(rows)))}), config.mlm.max_sentences, seed=seed)["n"][:]
    text = rows.select([number for number in numbers if number < len(data.target)])
    tested = rows.select([number for number in numbers if number >= len(data.target)])
    return TextSeen(
        len(text),
        content_hash(text),
        len(tested),
        None if test is None else content_hash(tested),
        None if gold is None else len(sentences(gold) & (sentences(text) | sentences(tested))),
    )
