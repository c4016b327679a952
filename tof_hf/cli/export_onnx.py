"""`tof-hf export-onnx`: write a tagger as an ONNX file."""

from __future__ import annotations

import argparse
from pathlib import Path

from tof_hf.cli.arguments import Commands, add_tagger
from tof_hf.utils.runtime import configure_runtime


def add_export_onnx(commands: Commands) -> None:
    """Add the command to the program."""
    parser = commands.add_parser("export-onnx", help="write a tagger as an ONNX file and check it (extra: onnx)")
    parser.set_defaults(command=_export_onnx)
    add_tagger(parser)
    parser.add_argument("out", metavar="OUT", type=Path, help="the folder to make")


def _export_onnx(options: argparse.Namespace) -> int:
    from tof_hf.integrations.onnx import export_onnx

    configure_runtime()
    print(f"written: {export_onnx(options.model, options.out, revision=options.revision)}")
    return 0
