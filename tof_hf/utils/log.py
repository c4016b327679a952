"""Progress and warnings, logged by the main process only."""

import logging

from tof_hf.utils.processes import is_main_process

logger = logging.getLogger("tof_hf")


def say(line: str) -> None:
    """Log a line of progress, in the main process only."""
    if is_main_process():
        logger.info(line)


def warn(line: str) -> None:
    """Log a warning, in the main process only."""
    if is_main_process():
        logger.warning(line)
