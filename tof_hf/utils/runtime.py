"""Process-wide settings of a command: logging, garbage collection and memory. Importing the library changes none."""

import ctypes
import gc
import logging
import platform

from tof_hf.utils.log import logger
from tof_hf.utils.processes import is_main_process
from tof_hf.utils.text import printable

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # mallopt(3)


def configure_runtime() -> None:
    """Log progress to stderr, exclude imported objects from garbage collection, and keep freed memory for reuse."""
    # Accelerate collects garbage several times a stage, half a second each with a million imported objects.
    gc.collect()
    gc.freeze()
    _keep_freed_memory()
    _show_progress()


def _keep_freed_memory() -> None:
    """Have glibc keep large blocks that are freed.

    By default it returns them to the system, and the next training step on a CPU waits for the same pages to be
    allocated and zeroed: a tenth of the CPU time (benchmarks/freed_memory.py).
    """
    if (libc := _glibc()) is not None:
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, -1)


def release_freed_memory() -> None:
    """Return freed memory to the system, for example that of the previous stage; only with glibc."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


class _Printable(logging.Formatter):
    """Lines without control characters: a name in the data cannot colour, move or hide anything in the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def _show_progress() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Printable("%(asctime)s %(message)s", "%H:%M:%S"))
    logger.handlers = [handler]
    logger.setLevel(logging.INFO if is_main_process() else logging.WARNING)
    logger.propagate = False
    import datasets
    from transformers.utils import logging as transformers_logging

    datasets.disable_progress_bars()  # of loading and mapping; training has its own
    transformers_logging.disable_progress_bar()
