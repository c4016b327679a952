"""`tof-hf report`: one page about a run. What it needs is imported only once it runs."""

import argparse
from pathlib import Path

from tof_hf.cli.common import show
from tof_hf.errors import DataError, as_data_error

HELP = "write one page about a run: scores, mistakes, curves, sentences"
PAGE_TITLE = b": report of a TOF run</title>"  # what every page written by this command has


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder (output_dir), finished or not")
    parser.add_argument("--out", metavar="FILE.html", type=Path, help="the page (RUN/report.html)")
    plots = "also write every chart as SVG and PNG (extra: report)"
    parser.add_argument("--plots", metavar="FOLDER", type=Path, help=plots)
    sentences = "how many changed sentences to show (200)"
    parser.add_argument("--sentences", metavar="N", type=_count, default=200, help=sentences)


def _count(text: str) -> int:
    """A number of sentences, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"found {text!r}, needed 0 or a positive whole number")
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    out = options.out or options.run / "report.html"
    if out.suffix.lower() not in (".html", ".htm") or out.is_dir():
        raise DataError("not the name of a page.", fix="name a file that ends in .html.", path=out)
    if options.out is None and out.exists() and PAGE_TITLE not in out.read_bytes():
        raise DataError("a page that tof-hf did not write.", fix="name another file with --out.", path=out)
    if options.plots is not None and options.plots.exists() and not options.plots.is_dir():
        raise DataError("a file in the place of the charts.", fix="name a folder with --plots.", path=options.plots)

    from tof_hf.report.page import make_report
    from tof_hf.report.plots import check_plots, write_plots
    from tof_hf.storage.files import write_text

    if options.plots is not None:
        check_plots()
    found = "a place that cannot be written to"
    report = make_report(options.run, sentences=options.sentences)
    with as_data_error(found, OSError, fix="name another place with --out.", path=out):
        write_text(out, report.html)
        show(f"written: {out} ({out.stat().st_size / 1000:,.0f} kB)")
    if options.plots is not None:
        with as_data_error(found, OSError, fix="name another place with --plots.", path=options.plots):
            files = write_plots(report.figures, options.plots)
        show(f"written: {len(files):,} files in {options.plots}")
