"""`tof-hf push`: publish a finished run on the Hub."""

import argparse
from pathlib import Path

from tof_hf.cli.common import show
from tof_hf.errors import DataError
from tof_hf.utils.runtime import configure_runtime

HELP = "publish the tagger of a finished run on the Hub, with its model card and record"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder (output_dir)")
    parser.add_argument("repo", metavar="USER/NAME", nargs="?", help="repository (release.repo of the run file)")
    parser.add_argument("--dry-run", action="store_true", help="list every file and its size, publish nothing")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument("--revision", help="branch, created if it does not exist")
    parser.add_argument("--license", help="licence of the tagger, by its id on the Hub")
    parser.add_argument("--language", nargs="+", help="language codes of the target")
    parser.add_argument("--seeds", nargs="+", metavar="RUN", default=[], help="runs with other seeds, for mean scores")
    parser.add_argument("--mrc-repo", metavar="USER/NAME", help="also publish the source data in MRC form")
    parser.add_argument("--pseudo-labels-repo", metavar="USER/NAME", help="also publish the pseudo-labelled text")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.config import load_config
    from tof_hf.hub.push import prepare, push

    configure_runtime()
    file = options.run / "config.yaml"
    if not file.is_file():
        raise DataError("no config.yaml.", fix="name the folder of a run (output_dir).", path=options.run)
    names = ("repo", "private", "revision", "license", "language", "mrc_repo", "pseudo_labels_repo")
    changes = {name: value for name in names if (value := getattr(options, name))}
    release = load_config(file).release.replace(**changes)
    bundles = prepare(options.run, release, other_seeds=options.seeds)
    if options.dry_run:
        show("\n".join(bundle.listing() for bundle in bundles))
    else:
        for address in push(bundles, private=release.private):
            show(f"published: {address}")
