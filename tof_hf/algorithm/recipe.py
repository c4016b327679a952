"""Recipes: what a system is, and the registry of those that run files can name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tof_hf.config.stages import BY_RECIPE
from tof_hf.utils.systems import BENCHMARKS, SYSTEMS

if TYPE_CHECKING:
    from tof_hf.algorithm.steps import Steps
    from tof_hf.stages.stage import Checkpoint

LANGUAGES = BENCHMARKS[:3]

Need = Literal["dictionary", "labels"]


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
    spread: list[float | None] = [float(value) for value in deviations.split()]
    spread = spread or [None] * len(benchmarks)
    scores = zip(benchmarks, values.split(), spread, strict=True)
    return {name: Published(float(f1), deviation) for name, f1, deviation in scores}


@dataclass(frozen=True)
class Recipe:
    """A system that run files can name: how to train it, and all that the rest of the library needs to know about it.

    The allowed names in run files, the checks before a run, the rows of Table 1 and the model card come from here.

    Attributes:
        name: Its name in run files, results and folders.
        train: The function that trains it, from Steps to the last checkpoint.
        title: Its name in tables.
        full_name: Its name in sentences; empty if it has none.
        needs: What a run file must provide for it: `dictionary`, or `labels` from elsewhere.
        citation: The publication of the method, for the model card; empty for TOF and its reduced forms.
        published: The paper's Table 1, by benchmark.
        baseline: Whether Table 1 compares the other systems with it; of several, with the last that is among its rows.
        defaults: Options that all of its stages have where they are null in the run file, such as `freeze_layers`.

    Example:
        >>> RECIPES["tof"].title
        'TOF'
    """

    name: str
    train: Callable[[Steps], Checkpoint]
    title: str = ""
    needs: tuple[Need, ...] = ()
    citation: str = ""
    published: Mapping[str, Published] = field(default_factory=dict, repr=False)
    full_name: str = ""
    baseline: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, do: Steps) -> Checkpoint:
        """The checkpoint that the recipe ends with.

        Args:
            do: The steps of Algorithm 1, bound to the data and options of a run.

        Returns:
            The last checkpoint, a tagger.
        """
        return self.train(do.with_defaults(self.defaults) if self.defaults else do)


RECIPES: dict[str, Recipe] = SYSTEMS


def recipe(
    title: str,
    *,
    needs: tuple[Need, ...] = (),
    citation: str = "",
    published: Mapping[str, Published] | None = None,
    full_name: str = "",
    baseline: bool = False,
    defaults: Mapping[str, Any] | None = None,
) -> Callable[[Callable[[Steps], Checkpoint]], Recipe]:
    """A decorator that registers a function, under its own name, as a system that run files can name.

    Args:
        title: Name of the system in tables.
        needs: What a run file must provide: `dictionary`, `labels` from elsewhere, or nothing.
        citation: The publication of the method, for the model card.
        published: Published scores in percent, by benchmark.
        full_name: Name of the system in sentences.
        baseline: Whether Table 1 compares the other systems with it.
        defaults: Options that all of its stages have where they are null in the run file, such as `freeze_layers`.

    Returns:
        The decorator. It returns a Recipe, which can be called like the function.

    Raises:
        ValueError: The name is taken (by the decorator, not by this function), or a default is of no such option.

    Example:
        >>> @recipe("MRC alone")
        ... def mrc_alone(do):
        ...     return do.ner(do.mrc(do.pretrained))
    """

    if unknown := sorted((defaults or {}).keys() - BY_RECIPE):
        raise ValueError(f"a recipe has no default for {', '.join(unknown)}; it may have those of {set(BY_RECIPE)}.")

    def register(train: Callable[[Steps], Checkpoint]) -> Recipe:
        name = train.__name__
        if name in RECIPES:
            raise ValueError(f"there is already a recipe named {name}. Give the function another name.")
        facts = (title, needs, citation, published or {}, full_name, baseline, defaults or {})
        RECIPES[name] = Recipe(name, train, *facts)
        return RECIPES[name]

    return register
