"""`tof-hf run`: train, or show the plan of a run."""

import argparse

from tof_hf.cli.common import add_run_file, show
from tof_hf.utils.processes import same_in_all_processes
from tof_hf.utils.runtime import configure_runtime

HELP = "train; a run that was stopped continues where it was"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--plan", action="store_true", help="list what would be trained, resumed or reused, and why")
    add_run_file(parser)


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.config import load_config

    with same_in_all_processes():
        config = load_config(options.config, options.overrides)
    from tof_hf.pipeline import TofPipeline, run_tof  # takes seconds: mistakes in the run file are reported before

    configure_runtime()
    if options.plan:
        from tof_hf.run.plan import plan_table

        show(plan_table(TofPipeline(config).plan()))
    else:
        show(run_tof(config).table)
