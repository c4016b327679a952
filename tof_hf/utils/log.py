"""Lines of progress and warnings, from the main process only."""

from __future__ import annotations

import logging

from tof_hf.utils.processes import is_main_process

logger = logging.getLogger("tof_hf")


def say(line: str) -> None:
    """One line of progress, from the main process alone."""
    if is_main_process():
        logger.info(line)


def warn(line: str) -> None:
    """One line of warning, from the main process alone."""
    if is_main_process():
        logger.warning(line)
