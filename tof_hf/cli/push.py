"""`tof-hf push`: publish a finished run on the Hub."""

from __future__ import annotations

import argparse
from pathlib import Path

from tof_hf.cli.arguments import Commands
from tof_hf.errors import DataError
from tof_hf.utils.runtime import configure_runtime


def add_push(commands: Commands) -> None:
    """Add the command to the program."""
    parser = commands.add_parser("push", help="publish the tagger of a finished run on the Hub, with card and record")
    parser.set_defaults(command=_push)
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder (output_dir)")
    parser.add_argument("repo", metavar="USER/NAME", nargs="?", help="if left out release.repo of the run file")
    parser.add_argument("--dry-run", action="store_true", help="list every file and its size, publish nothing")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument("--revision", help="branch, made if need be")
    parser.add_argument("--license", help="licence of the tagger, by its id on the Hub")
    parser.add_argument("--language", nargs="+", help="language codes of the target")
    parser.add_argument("--seeds", nargs="+", metavar="RUN", default=[], help="the run with other seeds, for means")
    parser.add_argument("--mrc-repo", metavar="USER/NAME", help="publish the source in MRC form as well")
    parser.add_argument("--pseudo-labels-repo", metavar="USER/NAME", help="publish the pseudo-labelled text as well")


def _push(options: argparse.Namespace) -> int:
    from tof_hf.config import load_config
    from tof_hf.hub.push import prepare, push

    configure_runtime()
    file = options.run / "config.yaml"
    if not file.is_file():
        raise DataError("no config.yaml.", fix="name the folder of a run (output_dir).", path=options.run)
    names = ("repo", "private", "revision", "license", "language", "mrc_repo", "pseudo_labels_repo")
    given = {name: value for name in names if (value := getattr(options, name))}
    release = load_config(file).release.replace(**given)
    bundles = prepare(options.run, release, other_seeds=options.seeds)
    if options.dry_run:
        print("\n".join(bundle.listing() for bundle in bundles))
        return 0
    for address in push(bundles, private=release.private):
        print(f"published: {address}")
    return 0
