"""`tof-hf config`: check a run file and print it with every option."""

from __future__ import annotations

import argparse

from tof_hf.cli.arguments import Commands, add_run_file
from tof_hf.utils.processes import is_main_process, same_in_all_processes


def add_config(commands: Commands) -> None:
    """Add the command to the program."""
    parser = commands.add_parser("config", help="check a run file and print it with every option")
    parser.set_defaults(command=_config)
    add_run_file(parser)


def _config(options: argparse.Namespace) -> int:
    from tof_hf.config import load_config

    with same_in_all_processes():
        config = load_config(options.config, options.overrides)
    if is_main_process():
        print(config.to_yaml(), end="")
    return 0
