"""`tof-hf demo`: a web page that shows what a tagger finds."""

import argparse
from pathlib import Path

from tof_hf.cli.common import add_tagger, show
from tof_hf.utils.runtime import configure_runtime

HELP = "start a web page that highlights entities, or write it as a Gradio Space (extra: demo)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_tagger(parser)
    parser.add_argument("--port", type=int, help="port of the page on this machine (the first free one from 7860)")
    parser.add_argument("--space", metavar="FOLDER", type=Path, help="write a folder to push as a Gradio Space instead")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.integrations.demo import run_demo, write_space
    from tof_hf.report.target import run_of_tagger

    configure_runtime()
    if options.space is not None:
        show(f"written: {write_space(options.space, options.model, revision=options.revision)}")
    else:
        target, examples = run_of_tagger(Path(options.model))
        run_demo(options.model, port=options.port, revision=options.revision, target=target, examples=examples)
