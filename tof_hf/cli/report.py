"""`tof-hf report`: one page about a run. What it needs is imported only once it runs."""

import argparse
from pathlib import Path

from tof_hf.cli.common import show
from tof_hf.errors import DataError, as_data_error

HELP = "write one page about a run, or two runs side by side: sentences, scores, mistakes"
TITLES = (b": report of a TOF run</title>", b": two TOF runs</title>")  # every page written by this command has one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("run", metavar="RUN", type=Path, help="the run's folder (output_dir), finished or not")
    parser.add_argument("other", metavar="RUN", nargs="?", type=Path, help="a second run to put beside it")
    parser.add_argument("--out", metavar="FILE.html", type=Path, help="the page (RUN/report.html or comparison.html)")
    plots = "also write every chart as SVG and PNG (extra: report)"
    parser.add_argument("--plots", metavar="FOLDER", type=Path, help=plots)
    sentences = "how many sentences of each list to show (200)"
    parser.add_argument("--sentences", metavar="N", type=_count, default=200, help=sentences)


def _count(text: str) -> int:
    """A number of sentences, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"found {text!r}, needed 0 or a positive whole number")
    return int(text)


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    out = options.out or options.run / ("comparison.html" if options.other else "report.html")
    if out.suffix.lower() not in (".html", ".htm") or out.is_dir():
        raise DataError("not the name of a page.", fix="name a file that ends in .html.", path=out)
    with as_data_error("a page that cannot be read", OSError, fix="name another file with --out.", path=out):
        before = out.read_bytes() if out.is_file() else b""
    if out.exists() and not any(title in before for title in TITLES):
        raise DataError("a page that tof-hf did not write.", fix="name another file with --out.", path=out)
    if options.plots is not None and options.plots.exists() and not options.plots.is_dir():
        raise DataError("a file in the place of the charts.", fix="name a folder with --plots.", path=options.plots)

    from tof_hf.report.comparison import make_comparison
    from tof_hf.report.page import make_report
    from tof_hf.report.plots import check_plots, write_plots
    from tof_hf.storage.files import sha256, write_text

    if options.plots is not None:
        check_plots()
    found = "a place that cannot be written to"
    to_label = out.with_name(f"{out.stem}-to-label.conll")
    if options.other is None:
        report = make_report(options.run, sentences=options.sentences, to_label=to_label.name)
    else:
        report = make_comparison(options.run, options.other, sentences=options.sentences)
    with as_data_error(found, OSError, fix="name another place with --out.", path=out):
        write_text(out, report.html)
        show(f"written: {out} ({out.stat().st_size / 1000:,.0f} kB)")
        if (
            report.to_label
            and to_label.exists()
            and (not to_label.is_file() or sha256(to_label).encode() not in before)
        ):
            show(f"kept: {to_label}, which was changed; remove it to get the sentences to label of this run")
        elif report.to_label:
            write_text(to_label, report.to_label)
            show(f"written: {to_label}, the sentences most worth labelling")
    if options.plots is not None:
        with as_data_error(found, OSError, fix="name another place with --plots.", path=options.plots):
            files = write_plots(report.figures, options.plots)
        show(f"written: {len(files):,} files in {options.plots}")
