"""`tof-hf export-onnx`: write a tagger as an ONNX file."""

import argparse
from pathlib import Path

from tof_hf.cli.common import add_tagger, show
from tof_hf.utils.runtime import configure_runtime

HELP = "write a tagger as an ONNX file and check it (extra: onnx)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_tagger(parser)
    parser.add_argument("out", metavar="OUT", type=Path, help="folder to write to")
    parser.add_argument("--int8", action="store_true", help="weights in 8-bit integers: smaller, faster, less exact")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.integrations.onnx import export_onnx

    configure_runtime()
    show(f"written: {export_onnx(options.model, options.out, revision=options.revision, int8=options.int8)}")
