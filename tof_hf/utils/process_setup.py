"""What a command does to its own process: a library must not do it to the process of whoever imports it."""

from __future__ import annotations

import ctypes
import gc
import logging
import platform
import sys

from tof_hf.utils.log import logger
from tof_hf.utils.processes import is_main_process

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # mallopt(3)


def set_up_process() -> None:
    """Progress on stderr, no search for garbage among what is imported, and freed memory kept for the next step."""
    _leave_imports_alone()
    _keep_freed_memory()
    _show_progress()


def _leave_imports_alone() -> None:
    """Accelerate looks for garbage several times a stage: half a second each among a million lasting objects."""
    gc.collect()
    gc.freeze()


def _keep_freed_memory() -> None:
    """Have the C library keep large blocks, where it is glibc.

    It gives every block of some MB back when it is freed, and the next training step on a processor waits for the
    same pages to be found and cleared again: a tenth of the processor's time (benchmarks/freed_memory.py).
    """
    if (libc := _glibc()) is not None:
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, -1)


def give_back_freed_memory() -> None:
    """Give the system back what was freed, for example by the stage before, where the C library is glibc."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def _show_progress() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger.handlers = [handler]
    logger.setLevel(logging.INFO if is_main_process() else logging.WARNING)
    logger.propagate = False
    if not (is_main_process() and sys.stderr.isatty()):
        # Bars are for people; in a log file each would be a thousand lines.
        import datasets
        from transformers.utils import logging as transformers_logging

        datasets.disable_progress_bars()
        transformers_logging.disable_progress_bar()
