"""What sweeps and searches have in common: data that is read once, and runs that fail alone."""

import functools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from datasets import Dataset

from tof_hf.algorithm.training_data import TofData
from tof_hf.config import TofConfig
from tof_hf.errors import TofError
from tof_hf.run.inputs import Inputs
from tof_hf.utils.log import logger

T = TypeVar("T")


class SharedInputs:
    """The inputs of several runs: data that they have in common is read once."""

    def __init__(self, datasets: Mapping[str, Dataset] | None = None) -> None:
        self._datasets = datasets
        self._by_options: dict[str, ReadOnce] = {}

    def of(self, config: TofConfig) -> Inputs:
        """The inputs of a config, the same object for all that read the same."""
        key = json.dumps(config.read_options(), default=str)
        return self._by_options.setdefault(key, ReadOnce(config, self._datasets))


class ReadOnce(Inputs):
    """Inputs that keep what they have read."""

    _training = functools.cached_property(lambda self: super().training())
    _gold = functools.cached_property(lambda self: super().gold(self.training().label_names))

    def training(self) -> TofData:
        return self._training

    def gold(self, names: Sequence[str]) -> dict[str, Dataset]:
        return self._gold


def attempt(
    work: Callable[[], T], run: str, *, fatal: tuple[type[Exception], ...] = ()
) -> tuple[T | None, float, str | None]:
    """What `work` returns, its seconds, and its error, which is raised only if it is `fatal`.

    The log gets the traceback of an error that another package raised.
    """
    began = time.monotonic()
    try:
        return work(), time.monotonic() - began, None
    except fatal:
        raise
    except TofError as problem:
        error = str(problem)
    except Exception as problem:  # of other packages; the tables report it
        logger.exception("%s", run)
        error = f"{type(problem).__name__}: {problem}"
    return None, time.monotonic() - began, error
