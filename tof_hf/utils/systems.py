"""The systems that run files can name, and the paper's benchmarks: what the run file and the recipes both know."""

from typing import Any, Literal, get_args

SYSTEMS: dict[str, Any] = {}
"""The recipe of each system by its name. Recipes register here; the package imports its own when it is imported."""

DEFAULT_SYSTEM = "tof"
"""The system of a run file that names none; where it is among several, its tagger is the final one."""

Benchmark = Literal["es", "nl", "de", "cbs", "twitter", "wnut16"]
BENCHMARKS: tuple[str, ...] = get_args(Benchmark)
"""The benchmarks of the paper; the first three are languages."""
