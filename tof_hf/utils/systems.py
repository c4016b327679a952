"""The systems that run files can name, and the paper's benchmarks: what the run file and the recipes both know."""

from importlib.metadata import entry_points
from typing import Any, Literal, get_args

from tof_hf.errors import ConfigError, reason_of

SYSTEMS: dict[str, Any] = {}
"""The recipe of each system by its name. Recipes register here; the package imports its own when it is imported."""

PLUG_INS = "tof_hf.recipes"
"""The group of entry points, each named after a recipe that another package registers when it is imported."""

DEFAULT_SYSTEM = "tof"
"""The system of a run file that names none; where it is among several, its tagger is the final one."""

Benchmark = Literal["es", "nl", "de", "cbs", "twitter", "wnut16"]
BENCHMARKS: tuple[str, ...] = get_args(Benchmark)
"""The benchmarks of the paper; the first three are languages."""


def known_systems() -> list[str]:
    """The names that run files may use, those of installed plug-ins among them; none is imported."""
    return [*SYSTEMS, *sorted(entry_points(group=PLUG_INS).names - SYSTEMS.keys())]


def load_plug_in(name: str) -> None:
    """Import the package that offers the system, if one does. Raises ConfigError if that registers no such recipe."""
    for entry in entry_points(group=PLUG_INS, name=name) if name not in SYSTEMS else ():
        package = f"the package {entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
        try:
            entry.load()
        except Exception as problem:  # somebody else's code can raise anything
            raise ConfigError(
                f"is {name!r}, a recipe of {package}, which cannot be loaded ({reason_of(problem)}). "
                "What to do: repair or update that package, or name another system."
            ) from problem
        if name not in SYSTEMS:
            raise ConfigError(
                f"is {name!r}, which {package} announces but does not register. What to do: in {entry.value}, put "
                "@recipe (tof_hf.algorithm.recipe) before a function of that name."
            )
