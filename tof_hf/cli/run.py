"""`tof-hf run`: a whole run, or its plan."""

from __future__ import annotations

import argparse

from tof_hf.cli.arguments import Commands, add_run_file
from tof_hf.utils.processes import is_main_process, same_in_all_processes
from tof_hf.utils.runtime import configure_runtime


def add_run(commands: Commands) -> None:
    """Add the command to the program."""
    parser = commands.add_parser("run", help="train; a run that was stopped continues where it was")
    parser.set_defaults(command=_run)
    parser.add_argument("--plan", action="store_true", help="say what would be trained, resumed or reused, and why")
    add_run_file(parser)


def _run(options: argparse.Namespace) -> int:
    from tof_hf.config import load_config

    with same_in_all_processes():
        config = load_config(options.config, options.overrides)
    from tof_hf.pipeline import TofPipeline, run_tof  # takes seconds, so after the run file proved to be right

    configure_runtime()
    if options.plan:
        from tof_hf.run.plan import plan_table

        if is_main_process():  # a plan is the same in all
            print(plan_table(TofPipeline(config).plan()))
        return 0
    result = run_tof(config)
    if is_main_process():
        print(result.table)
    return 0
