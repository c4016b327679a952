"""What several commands share: arguments, and how they print."""

import argparse
import os
from collections import Counter
from pathlib import Path
from typing import TextIO

from tof_hf.utils.processes import is_main_process
from tof_hf.utils.text import printable


def add_run_file(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add CONFIG and its KEY=VALUE overrides."""
    parser.add_argument("config", metavar="CONFIG", nargs="?" if optional else None, help="run file (YAML)")
    overrides = "options that override the file, such as mrc.learning_rate=2e-6 source.train.limit=100"
    parser.add_argument("overrides", metavar="KEY=VALUE", nargs="*", default=[], help=overrides)


def add_tagger(parser: argparse.ArgumentParser) -> None:
    """Add MODEL and --revision."""
    parser.add_argument("model", metavar="MODEL", help="a tagger: a folder (final/ of a run) or a Hub id")
    parser.add_argument("--revision", help="branch, tag or commit of the Hub id")


def columns_option(text: str) -> dict[str, int | str]:
    """The value of --columns, such as tokens=1,ner_tags=2."""
    pairs = _pairs(text, "tokens=1,ner_tags=2")
    return {key: int(value) if value.lstrip("-").isdecimal() else value for key, value in pairs.items()}


def label_map_option(text: str) -> dict[str, str] | str:
    """The value of --label-map: `span`, or pairs such as PERSON=PER,DATE=O."""
    return text if text == "span" else _pairs(text, "PERSON=PER,DATE=O")


def _pairs(text: str, example: str) -> dict[str, str]:
    if not all("=" in pair for pair in text.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r} has no pairs such as {example}")
    pairs = [pair.split("=", 1) for pair in text.split(",")]
    if twice := [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]:
        raise argparse.ArgumentTypeError(f"{text!r} has {twice[0]} twice; keep one of them")
    return dict(pairs)


def new_file_option(text: str) -> Path:
    """The path of a file to write."""
    if text.endswith(("/", os.sep)):
        raise argparse.ArgumentTypeError(f"{text!r} is the name of a folder; name a file in it")
    return Path(text)


def show(text: str, *, end: str = "\n", file: TextIO | None = None) -> None:
    """Print the text without control characters, in a launch from its main process alone."""
    if is_main_process():
        print(printable(text), end=end, file=file)
