"""The command line that all scripts in dataset_scripts/ have."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tof_hf.errors import TofError

from .declaration import Release, check_may_share


def main(release: Release, arguments: Sequence[str] | None = None) -> int:
    """The exit status of a script: 0, or 2 if it cannot be done (the message is on stderr)."""
    parser = _parser(release)
    options = parser.parse_args(arguments)
    if options.private and not options.push_to_hub:
        parser.error("--private goes with --push-to-hub")
    try:
        if options.push_to_hub:
            check_may_share(release)
        import datasets  # large packages load only when something is converted, so that --help is fast

        from .convert import convert

        datasets.disable_progress_bars()
        flags = {"overwrite": options.overwrite, "allow_other_counts": options.allow_other_counts}
        folder = convert(release, options.raw, options.out, **flags)
        print(f"written: {folder}")
        if options.push_to_hub:
            from .hub import push

            print(f"published: {push(release, folder, options.push_to_hub, private=options.private)}")
    except TofError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


def _parser(release: Release) -> argparse.ArgumentParser:
    files = "".join(f"\n  {f.config} {f.split}: {' or '.join(f.names)}" for f in release.files)
    sharing = "may be published under the same terms" if release.licence.may_share else "not to be published"
    parser = argparse.ArgumentParser(
        description=f"{release.title} ({release.url}) to Parquet with a data card.",
        epilog=f"files looked for (also with .gz):{files}\n\nterms: {release.licence.name}; {sharing}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--raw", nargs="+", required=True, metavar="DIR", help="folders with the unpacked release")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder to make")
    parser.add_argument("--overwrite", action="store_true", help="replace the folder if it is there")
    parser.add_argument("--allow-other-counts", action="store_true", help="accept files of other sizes than expected")
    parser.add_argument("--push-to-hub", metavar="REPO", help="publish the folder, where the terms allow it")
    parser.add_argument("--private", action="store_true", help="publish it in a private repository")
    return parser
