"""`tof-hf init`: write a run file for data of your own."""

import argparse
import os
import sys
from pathlib import Path

from tof_hf.cli.common import new_file_option, show
from tof_hf.utils.runtime import configure_runtime

HELP = "write a run file for your data, with comments, and sizes and rates that suit it"
_REQUIRED = {
    "train": "labelled sentences of the source, to train on",
    "validation": "labelled sentences of the source, to choose the best epochs",
    "text": "unlabelled text of the target",
}
_OPTIONAL = {
    "target_language": "code of the target's language, such as es",
    "questions": "questions and answers in the target (SQuAD form)",
    "dictionary": "dictionary from the source's to the target's language, a pair of words a line",
    "gold": "labelled sentences of the target, for the score only",
    "model": "encoder, a folder or a Hub id",
}
_LISTS = ("text", "questions", "source_questions")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "out", metavar="OUT", type=new_file_option, nargs="?", default=Path("run.yaml"), help="new file (run.yaml)"
    )
    asks = "; what is missing is asked for in a terminal. A file is a path, a Hub id, or {path: ..., columns: ...}"
    for name, about in _REQUIRED.items():
        help = about + asks * (name == "train")
        parser.add_argument(f"--{name}", metavar="FILE", nargs="+" if name in _LISTS else None, help=help)
    for name, about in _OPTIONAL.items():
        flag = f"--{name.replace('_', '-')}"
        metavar = {"target_language": "CODE", "model": "MODEL"}.get(name, "FILE")
        parser.add_argument(flag, metavar=metavar, nargs="+" if name in _LISTS else None, help=about)
    about = "questions and answers in the source's language (SQuAD form)"
    parser.add_argument("--source-questions", metavar="FILE", nargs="+", help=about)
    parser.add_argument("--source-language", metavar="CODE", default="en", help="code of the source's language (en)")
    parser.add_argument("--output-dir", metavar="FOLDER", help="the run's folder (runs/ with the name of OUT)")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.errors import ConfigError
    from tof_hf.run.new_run_file import Wishes, new_run_file

    configure_runtime()
    if os.path.lexists(options.out):
        raise ConfigError(f"{options.out}: found a file or folder of this name. What to do: name a new file.")
    given = {name: value for name, value in vars(options).items() if name in Wishes.__annotations__ and value}
    if any(name not in given for name in _REQUIRED) and sys.stdin.isatty():
        given |= _asked(given)
    if missing := [name for name in _REQUIRED if name not in given]:
        flags = ", ".join(f"--{name} FILE ({_REQUIRED[name]})" for name in missing)
        raise ConfigError(f"a run needs more data. What to do: add {flags}.")
    text = new_run_file(Wishes(**given), options.output_dir or f"runs/{options.out.stem}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("x", encoding="utf-8") as file:
        file.write(text)
    show(f"{options.out} is written. Next:\n  tof-hf check {options.out}\n  tof-hf run {options.out}")


def _asked(given: dict[str, object]) -> dict[str, object]:
    """What the user types for options that were not given; an empty line leaves one out."""
    answers = {}
    for name, about in (_REQUIRED | _OPTIONAL).items():
        if name in given:
            continue
        show(f"{about}{'' if name in _REQUIRED else ' (empty: none)'}:", end=" ")
        sys.stdout.flush()
        if answer := sys.stdin.readline().strip():
            answers[name] = [answer] if name in _LISTS else answer
    return answers
