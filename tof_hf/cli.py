"""The command `tof-hf`. Heavy packages are imported only once a command needs them."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from tof_hf import __version__
from tof_hf.errors import TofError
from tof_hf.run_folder import is_main_process

_OVERRIDES = "options stronger than the file, such as mrc.learning_rate=2e-6 source.train.limit=100"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 2 if the input cannot be used (the message is on stderr)."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except TofError as error:
        if is_main_process():  # every process of a launch meets the same error; one message is enough
            print(f"tof-hf: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tof-hf",
        description="Train a named entity tagger for a language or domain without labels (TOF).",
    )
    parser.add_argument("--version", action="version", version=f"tof-hf {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="carry out a run; a stopped one goes on where it was")
    run.set_defaults(command=_run)
    show = commands.add_parser("config", help="check a run file and print it with every option spelled out")
    show.set_defaults(command=_config)
    for command in (run, show):
        command.add_argument("config", metavar="CONFIG", help="run file (YAML)")
        command.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help=_OVERRIDES)
    return parser


def _run(options: argparse.Namespace) -> int:
    from tof_hf.config import load_config

    config = load_config(options.config, options.overrides)
    from tof_hf.pipeline import run_tof  # takes seconds, so after the run file proved to be right

    show_progress()
    result = run_tof(config)
    if is_main_process():
        print(result.table)
    return 0


def _config(options: argparse.Namespace) -> int:
    from tof_hf.config import load_config

    config = load_config(options.config, options.overrides)
    if is_main_process():
        print(config.to_yaml(), end="")
    return 0


def show_progress() -> None:
    """Send the package's progress lines to stderr; a library must not do this, a command must."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("tof_hf")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO if is_main_process() else logging.WARNING)
    logger.propagate = False
    if not (is_main_process() and sys.stderr.isatty()):
        # Bars are for people; in a log file each would be a thousand lines.
        import datasets
        from transformers.utils import logging as transformers_logging

        datasets.disable_progress_bars()
        transformers_logging.disable_progress_bar()


if __name__ == "__main__":
    sys.exit(main())
