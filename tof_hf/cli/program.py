"""The command `tof-hf`. Heavy packages are imported only once a command needs them."""

import argparse
import difflib
import io
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module

from tof_hf.errors import TofError
from tof_hf.utils.processes import is_main_process
from tof_hf.utils.text import printable
from tof_hf.utils.versions import __version__

# Each is a module of this package with HELP, add_arguments(parser) and run(options) -> exit status, or None for 0.
COMMANDS = (
    "init", "run", "config", "check", "predict", "convert", "report", "push", "export-onnx", "demo", "translate",
    "induce-dictionary", "gazetteer", "ablate", "search", "env",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, 2 if the input cannot be used (the message is on stderr), 130 if it was interrupted.

    It is 141, as of a program that SIGPIPE ends, if nobody reads the output any longer.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal shows what its encoding has. Files and pipes get UTF-8 in any locale, as all our files do.
        encoding = sys.stdout.encoding if sys.stdout.isatty() else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace", line_buffering=True)
    try:
        options = _parse(arguments)
        status = options.run_command(options) or 0
        print(end="", flush=True)
        return status
    except BrokenPipeError:
        return 141
    except UnicodeEncodeError as error:
        text = error.object[max(0, error.start - 20) : error.end + 20]
        fix = "use names without such characters or, if this locale is not UTF-8, set PYTHONUTF8=1."
        print(f"tof-hf: {text!a} cannot be written as {error.encoding}. What to do: {fix}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno is None:
            raise
        found = f"{error.filename}: {error.strerror}. What to do: check this path."
        if error.filename is None:
            found = f"{error.strerror}. What to do: make room or check the place where the output goes."
        print(f"tof-hf: {found}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if is_main_process():
            print("tof-hf: stopped; the same command continues the run", file=sys.stderr)
        return 130
    except TofError as error:
        if not error.reported_by_main:
            who = "" if is_main_process() else f" (process {os.environ['RANK']} of {os.environ.get('WORLD_SIZE')})"
            print(printable(f"tof-hf{who}: {error}"), file=sys.stderr)
        return 2
    finally:
        try:
            print(end="", flush=True)
        except OSError:  # Python would flush it once more when it exits
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    first = next(iter(sys.argv[1:] if arguments is None else arguments), "")
    known = (*COMMANDS, "--help", "--version")
    if first not in known and (near := difflib.get_close_matches(first, known, n=1)):
        parser.error(f"unknown command {first!r}. Did you mean {near[0]!r}?")
    if "_ARGCOMPLETE" in os.environ:  # the shell asks what may come next
        import argcomplete

        argcomplete.autocomplete(parser)
    options, rest = parser.parse_known_args(arguments)
    # argparse ends a list of words at the first option, so KEY=VALUE after one are left over.
    if rest and ("overrides" not in options or any(word.startswith("-") for word in rest)):
        options.parser.error(f"unrecognized arguments: {' '.join(rest)}{_hint(options, rest)}")
    if rest:
        options.overrides = [*options.overrides, *rest]
    return options


def _hint(options: argparse.Namespace, rest: Sequence[str]) -> str:
    """What was probably meant by words that the command does not take."""
    flags = re.findall(r"--([\w-]+)", options.parser.format_help())
    for word in rest:
        if word.startswith("-") and (near := difflib.get_close_matches(word.strip("-").split("=")[0], flags, n=1)):
            return f". Did you mean '--{near[0]}'?"
    if "overrides" not in options:
        return ""
    pairs = re.findall(r"--([\w.-]+)[ =]([^-\s]\S*)", " ".join(rest)) or [("ner.learning_rate", "1e-5")]
    example = " ".join(f"{key.replace('-', '_')}={value}" for key, value in pairs)
    return f"; options of a run are KEY=VALUE: write {example}"


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
        command.set_defaults(run_command=module.run, parser=command)
    return parser
