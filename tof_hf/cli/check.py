"""`tof-hf check`: find mistakes before a run."""

import argparse
import json
import logging

from tof_hf.cli.common import add_run_file, show
from tof_hf.utils.runtime import configure_runtime

HELP = "find mistakes in a run file and its data, and estimate time, disk and memory, before a GPU is used"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--no-timing", dest="timing", action="store_false", help="do not time any training steps")
    add_run_file(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from tof_hf.check import check_file

    configure_runtime()
    # The report has what the readers warn about.
    logging.getLogger("tof_hf").handlers[0].addFilter(lambda record: record.name == "tof_hf")
    report = check_file(options.config, options.overrides, timing=options.timing)
    show(json.dumps(report.as_dict(), indent=2, ensure_ascii=False) if options.json else report.as_text())
    return report.exit_status
