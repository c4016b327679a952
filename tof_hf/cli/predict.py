"""`tof-hf predict`: tag texts with a finished tagger."""

import argparse
import sys
from pathlib import Path

from tof_hf.cli.common import add_tagger, columns_option, new_file_option
from tof_hf.utils.runtime import configure_runtime

HELP = "find the entities in texts with a finished tagger"
FORMATS = ["txt", "jsonl", "conll", "parquet"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_tagger(parser)
    parser.add_argument(
        "source", metavar="IN", type=Path, help="*.txt, *.jsonl, *.conll (or .gz of these), *.parquet, - (text)"
    )
    parser.add_argument("out", metavar="OUT", type=new_file_option, help="the same formats, or - (JSON lines)")
    parser.add_argument("--from", dest="source_form", choices=FORMATS, help="format of IN, if its name does not say")
    parser.add_argument(
        "--columns", type=columns_option, metavar="tokens=N", help="column of the words, if IN is columns"
    )
    parser.add_argument("--encoding", help="encoding of IN (detected: UTF-8, UTF-16, Windows-1252 or Latin-1)")
    parser.add_argument("--to", dest="out_form", choices=FORMATS, help="format of OUT, if its name does not say")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.inference.predict_file import predict_file
    from tof_hf.inference.tagger import load_tagger

    configure_runtime()
    tagger = load_tagger(options.model, **({"revision": options.revision} if options.revision else {}))
    named = {name: getattr(options, name) for name in ("source_form", "out_form", "encoding", "columns")}
    texts, entities = predict_file(tagger, options.source, options.out, **named)
    print(f"{entities:,} entities in {texts:,} texts", file=sys.stderr)
