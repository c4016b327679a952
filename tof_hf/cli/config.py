"""`tof-hf config`: check a run file and print it with every option."""

import argparse
import json

from tof_hf.cli.common import add_run_file, show
from tof_hf.errors import ConfigError
from tof_hf.utils.processes import same_in_all_processes

HELP = "check a run file and print it with every option"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of run files, for editors")
    add_run_file(parser, optional=True)


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.algorithm.recipes import RECIPES
    from tof_hf.config import load_config
    from tof_hf.config.schema import run_file_schema

    if options.schema:
        show(json.dumps(run_file_schema(), indent=2, ensure_ascii=False))
        return
    if options.config is None:
        raise ConfigError("config needs a run file: tof-hf config CONFIG, or --schema.")
    with same_in_all_processes():
        config = load_config(options.config, options.overrides)
    show(config.to_yaml(), end="")
    for system in config.systems:
        for name, value in RECIPES[system].defaults.items():
            show(f"# {system}: {name} is {value} where it is null")
