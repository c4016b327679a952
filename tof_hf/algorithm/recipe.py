"""What a recipe is, and the register of those that a run file can name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tof_hf.algorithm.steps import Steps
    from tof_hf.stages.stage import Checkpoint

BENCHMARKS = ("es", "nl", "de", "cbs", "twitter", "wnut16")  # of the paper; the first three are languages
LANGUAGES, DOMAINS = BENCHMARKS[:3], BENCHMARKS[3:]

Need = Literal["dictionary"]


@dataclass(frozen=True)
class Published:
    """One number of the paper in percent: `f1` with its standard deviation, or the `change` against the first row."""

    f1: float | None = None
    deviation: float | None = None
    change: float | None = None

    def __str__(self) -> str:
        if self.f1 is None:
            return f"{self.change:+.2f}"
        return f"{self.f1:.2f}" + ("" if self.deviation is None else f" ± {self.deviation:.2f}")


def published_f1(
    values: str, deviations: str = "", *, benchmarks: tuple[str, ...] = BENCHMARKS
) -> dict[str, Published]:
    """F1 in percent on each benchmark, from texts with one number for each."""
    spread = [float(value) for value in deviations.split()] or [None] * len(benchmarks)
    scores = zip(benchmarks, values.split(), spread, strict=True)
    return {name: Published(float(f1), deviation) for name, f1, deviation in scores}


@dataclass(frozen=True)
class Recipe:
    """A system that a run file can name: how it is trained, and what the rest of the library says about it.

    Attributes:
        name: its name in run files, results and folders.
        train: the steps, a function from Steps to the last checkpoint.
        title: its name in tables.
        needs: what a run file must have for it.
        citation: whose method it is, for the model card; empty for TOF and its reduced forms.
        published: the paper's Table 1, by benchmark.
    """

    name: str
    train: Callable[[Steps], Checkpoint]
    title: str = ""
    needs: tuple[Need, ...] = ()
    citation: str = ""
    published: Mapping[str, Published] = field(default_factory=dict, repr=False)

    def __call__(self, do: Steps) -> Checkpoint:
        """Train the system with these steps."""
        return self.train(do)


RECIPES: dict[str, Recipe] = {}


def recipe(
    title: str,
    *,
    needs: tuple[Need, ...] = (),
    citation: str = "",
    published: Mapping[str, Published] | None = None,
) -> Callable[[Callable[[Steps], Checkpoint]], Recipe]:
    """Register the decorated function, under its own name, as a system that run files can name.

    Raises ValueError if the name is taken.

    Example:
        >>> @recipe("Self-training")
        ... def self_training(do):
        ...     tagger = do.ner(do.pretrained)
        ...     return do.pseudo_ner(tagger, do.label(tagger))
    """

    def register(train: Callable[[Steps], Checkpoint]) -> Recipe:
        name = train.__name__
        if name in RECIPES:
            raise ValueError(f"there is a recipe named {name} already. Give the function another name.")
        RECIPES[name] = Recipe(name, train, title, needs, citation, published or {})
        return RECIPES[name]

    return register
