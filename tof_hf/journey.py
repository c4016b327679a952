"""What a recipe went through, for the run's record."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FROM_PSEUDO_LABELS = {"pseudo", "pseudo_mrc", "taught"}  # kinds of training rows


@dataclass
class Journey:
    """What a recipe went through, in order: the names of its stages, what was labelled on the way, what was forgotten.

    Each labelling says which tagger gave it, the file, its counts, its health, which labels were chosen, and `used_by`:
    the stages that learned from it. `forgetting` has the stages that lost too much F1 on source validation.
    `soft_labels`: which taggers taught and voted, the file, the share of words that the voters agreed on, texts learned
    as no entity, `used_by`. `folders`: where the finished stages lie.
    """

    stages: list[str] = field(default_factory=list)
    pseudo_labels: list[dict[str, Any]] = field(default_factory=list)
    forgetting: list[dict[str, Any]] = field(default_factory=list)
    soft_labels: list[dict[str, Any]] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """What the record says of the journey: all but the folders of this machine."""
        return {name: value for name, value in asdict(self).items() if name != "folders"}
