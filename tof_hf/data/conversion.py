"""What a conversion of labelled data changed, as a report."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tabulate import tabulate

from tof_hf.data.labels import LabelMap


@dataclass
class Conversion:
    """What a conversion changed: how files were understood, warnings, counts before and after.

    `before` and `after` count `sentences`, `words` and, by type in brackets, entities; `repeated` sentences occur
    before with the same tags, and are left out if `unique`.
    """

    source: list[str]
    warnings: list[str]
    form: str
    scheme: str
    label_map: LabelMap = None
    unique: bool = False
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    repeated: int = 0

    def as_text(self) -> str:
        """The report as a page of text."""
        label_map = self.label_map if isinstance(self.label_map, Mapping) else {}
        kinds = sorted(name for name in self.before | self.after if name.startswith("["))
        names = ["sentences", "words", *kinds]
        rows = [[name.strip("[]"), self.before[name], self.after[name], self._renamed(name)] for name in names]
        table = tabulate(
            rows, headers=["", "in", "out", ""], disable_numparse=True, colalign=("left", "right", "right")
        )
        unused = ", ".join(old for old in label_map if not self.before[f"[{old}]"])
        again = "left out" if self.unique else "kept; --unique leaves them out"
        return "\n".join(
            [
                *(f"read: {line}" for line in self.source),
                *(f"! {line}" for line in self.warnings),
                *([f"! {self.repeated:,} sentences repeat an earlier one ({again})"] if self.repeated else []),
                *([f"! no entity is of the types {unused}, which label_map names"] if unused else []),
                f"wrote: {self.form}, tags in {self.scheme}",
                *(line.rstrip() for line in table.splitlines()),
            ]
        )

    def _renamed(self, name: str) -> str:
        old = name.strip("[]")
        mapped = self.label_map.get(old, old) if isinstance(self.label_map, Mapping) else old
        if not self.before[name] or mapped == old:
            return ""
        return "left out" if mapped == "O" else f"now {mapped}"
