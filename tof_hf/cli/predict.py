"""`tof-hf predict`: tag texts with a finished tagger."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tof_hf.cli.arguments import Commands, add_tagger
from tof_hf.utils.runtime import configure_runtime

_FORMS = ["txt", "jsonl", "conll", "parquet"]


def add_predict(commands: Commands) -> None:
    """Add the command to the program."""
    parser = commands.add_parser("predict", help="find the entities in texts with a finished tagger")
    parser.set_defaults(command=_predict)
    add_tagger(parser)
    parser.add_argument("source", metavar="IN", type=Path, help="*.txt, *.jsonl, *.conll, *.parquet, - (text)")
    parser.add_argument("out", metavar="OUT", type=Path, help="the same forms, or - (JSON lines)")
    parser.add_argument("--from", dest="source_form", choices=_FORMS, help="form of IN, if its name does not say")
    parser.add_argument("--to", dest="out_form", choices=_FORMS, help="form of OUT, if its name does not say")


def _predict(options: argparse.Namespace) -> int:
    from tof_hf.inference.predict_file import predict_file
    from tof_hf.inference.tagger import load_tagger

    configure_runtime()
    tagger = load_tagger(options.model, **({"revision": options.revision} if options.revision else {}))
    forms = {"source_form": options.source_form, "out_form": options.out_form}
    texts, entities = predict_file(tagger, options.source, options.out, **forms)
    print(f"{entities:,} entities in {texts:,} texts", file=sys.stderr)
    return 0
