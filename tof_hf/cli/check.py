"""`tof-hf check`: find what can go wrong before a run."""

from __future__ import annotations

import argparse
import logging

from tof_hf.cli.arguments import Commands, add_run_file
from tof_hf.utils.processes import is_main_process
from tof_hf.utils.runtime import configure_runtime


def add_check(commands: Commands) -> None:
    """Add the command to the program."""
    parser = commands.add_parser("check", help="find everything that can go wrong before a GPU is used")
    parser.set_defaults(command=_check)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--no-timing", dest="timing", action="store_false", help="measure no training steps")
    add_run_file(parser)


def _check(options: argparse.Namespace) -> int:
    import json

    from tof_hf.check import check_file, screen

    configure_runtime()
    # What the readers have to say, about every file, stands in the report.
    logging.getLogger("tof_hf").handlers[0].addFilter(lambda record: record.name == "tof_hf")
    report = check_file(options.config, options.overrides, timing=options.timing)
    if is_main_process():
        as_json = options.json and json.dumps(report.as_dict(), indent=2, ensure_ascii=False)
        print(as_json or screen(report))
    return report.exit_status
