"""`tof-hf demo`: a web page around a tagger."""

from __future__ import annotations

import argparse
from pathlib import Path

from tof_hf.cli.arguments import Commands, add_tagger
from tof_hf.utils.runtime import configure_runtime


def add_demo(commands: Commands) -> None:
    """Add the command to the program."""
    parser = commands.add_parser("demo", help="a page that highlights entities, or a Space of it (extra: demo)")
    parser.set_defaults(command=_demo)
    add_tagger(parser)
    parser.add_argument("--port", type=int, help="of the page on this machine (the first free one from 7860)")
    parser.add_argument("--space", metavar="FOLDER", type=Path, help="write a folder to push as a Gradio Space instead")


def _demo(options: argparse.Namespace) -> int:
    from tof_hf.integrations.demo import run_demo, write_space

    configure_runtime()
    if options.space is not None:
        print(f"written: {write_space(options.space, options.model, revision=options.revision)}")
    else:
        run_demo(options.model, port=options.port, revision=options.revision)
    return 0
