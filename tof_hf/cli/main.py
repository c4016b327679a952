"""The command `tof-hf`. Heavy packages are imported only once a command needs them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from tof_hf import __version__
from tof_hf.cli.ablate import add_ablate
from tof_hf.cli.check import add_check
from tof_hf.cli.config import add_config
from tof_hf.cli.demo import add_demo
from tof_hf.cli.export_onnx import add_export_onnx
from tof_hf.cli.induce_dictionary import add_induce_dictionary
from tof_hf.cli.predict import add_predict
from tof_hf.cli.push import add_push
from tof_hf.cli.report import add_report
from tof_hf.cli.run import add_run
from tof_hf.cli.search import add_search
from tof_hf.cli.translate import add_translate
from tof_hf.errors import TofError
from tof_hf.utils.processes import is_main_process

_COMMANDS = (
    add_run,
    add_config,
    add_check,
    add_predict,
    add_report,
    add_push,
    add_export_onnx,
    add_demo,
    add_translate,
    add_induce_dictionary,
    add_ablate,
    add_search,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, 2 if the input cannot be used (the message is on stderr), 130 if it was interrupted."""
    options = _parse(arguments)
    try:
        return options.command(options)
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
    # argparse takes no more of a list of words once an option stood between them.
    if rest and ("overrides" not in options or any(word.startswith("-") for word in rest)):
        hint = "; options of a run are KEY=VALUE, such as ner.learning_rate=1e-5" if "overrides" in options else ""
        parser.error(f"unrecognized arguments: {' '.join(rest)}{hint}")
    if rest:
        options.overrides = [*options.overrides, *rest]
    return options


class _Commands(argparse._SubParsersAction):
    """The help of a command in the list of commands is also what its own --help begins with."""

    def add_parser(self, name: str, *, help: str, **options: Any) -> argparse.ArgumentParser:
        options.setdefault("description", f"{help[0].upper()}{help[1:]}.")
        return super().add_parser(name, help=help, **options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tof-hf",
        description="Train a named entity tagger for a language or domain without labels (TOF).",
    )
    parser.add_argument("--version", action="version", version=f"tof-hf {__version__}")
    commands = parser.add_subparsers(action=_Commands, required=True, metavar="COMMAND")
    for add_command in _COMMANDS:
        add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
