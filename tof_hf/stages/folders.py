"""Where the folders of stages lie: in their run, or in a store that many runs share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StageFolders:
    """The folders of a run's stages. `shared`: other runs have theirs here too, with other options perhaps.

    A stage is named after the stages that led to it (`mlm-mrc`); where runs share, the beginning of its key is added,
    so that no run replaces what another one made.
    """

    root: Path
    shared: bool = False

    def folder(self, name: str, key: str) -> Path:
        """The folder of the stage of this name and key."""
        return self.root / (f"{name}-{key[:12]}" if self.shared else name)
