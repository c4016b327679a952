"""The command `tof-hf`. Heavy packages are imported only once a command needs them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from tof_hf.errors import TofError
from tof_hf.utils.processes import is_main_process
from tof_hf.utils.versions import __version__

# Each is a module of this package with HELP, add_arguments(parser) and run(options) -> exit status, or None for 0.
COMMANDS = (
    "run", "config", "check", "predict", "report", "push", "export-onnx", "demo", "translate", "induce-dictionary",
    "ablate", "search",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, 2 if the input cannot be used (the message is on stderr), 130 if it was interrupted."""
    options = _parse(arguments)
    try:
        return options.run_command(options) or 0
    except KeyboardInterrupt:
        if is_main_process():
            print("tof-hf: stopped; the same command continues the run", file=sys.stderr)
        return 130
    except TofError as error:
        if not error.reported_by_main:
            who = "" if is_main_process() else f" (process {os.environ['RANK']} of {os.environ.get('WORLD_SIZE')})"
            print(f"tof-hf{who}: {error}", file=sys.stderr)
        return 2


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    # argparse ends a list of words at the first option, so KEY=VALUE after one are left over.
    if rest and ("overrides" not in options or any(word.startswith("-") for word in rest)):
        hint = "; options of a run are KEY=VALUE, such as ner.learning_rate=1e-5" if "overrides" in options else ""
        parser.error(f"unrecognized arguments: {' '.join(rest)}{hint}")
    if rest:
        options.overrides = [*options.overrides, *rest]
    return options


def _parser() -> argparse.ArgumentParser:
    about = "Train a named entity tagger for a language or domain without labels (TOF)."
    parser = argparse.ArgumentParser(prog="tof-hf", description=about)
    parser.add_argument("--version", action="version", version=f"tof-hf {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = import_module(f"tof_hf.cli.{name.replace('-', '_')}")
        about = f"{module.HELP[0].upper()}{module.HELP[1:]}."
        command = commands.add_parser(name, help=module.HELP, description=about, usage=getattr(module, "USAGE", None))
        module.add_arguments(command)
        command.set_defaults(run_command=module.run)
    return parser
