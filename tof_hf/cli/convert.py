"""`tof-hf convert`: labelled data from one form to another."""

import argparse
import logging
import sys

from tof_hf.cli.common import columns_option, label_map_option, new_file_option, show
from tof_hf.utils.runtime import configure_runtime

HELP = "write labelled data in another form, and say what changed"
_FORMS = ["conll", "csv", "parquet", "jsonl", "spans", "doccano", "label-studio"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    source = "a file with tags or spans in any form (or .gz), *.parquet, a folder of those, a Hub id"
    parser.add_argument("source", metavar="IN", help=source)
    out = "a new file: *.conll, *.txt, *.tsv, *.csv, *.jsonl, *.json (or .gz of these), *.parquet, or - (JSON lines)"
    parser.add_argument("out", metavar="OUT", type=new_file_option, help=out)
    forms = "form of OUT, if its name does not say; the last three are rows with a text and its spans of characters"
    parser.add_argument("--to", dest="form", choices=_FORMS, help=forms)
    schemes = "tag scheme of OUT: IOB2, IOB1, IO, IOE, BIOES, BILOU or BMES (IOB2)"
    parser.add_argument("--to-scheme", default="IOB2", metavar="SCHEME", help=schemes)
    renamed = "types to rename or, as O, to drop; span makes all of them ENT"
    parser.add_argument("--label-map", type=label_map_option, metavar="PERSON=PER,DATE=O", help=renamed)
    parser.add_argument("--unique", action="store_true", help="leave out sentences that repeat an earlier one")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    where = "where IN has words and tags, as in a run file (found out)"
    parser.add_argument("--columns", type=columns_option, metavar="tokens=N,ner_tags=N", help=where)
    parser.add_argument("--encoding", help="encoding of IN (detected: UTF-8, UTF-16, Windows-1252 or Latin-1)")
    parser.add_argument("--scheme", help="tag scheme of IN (detected)")
    parser.add_argument("--labels", metavar="O,B-PER,I-PER", help="names of tags that are numbers, in their order")
    parser.add_argument("--word-rule", default="unicode", help="how a text with spans is split into words (unicode)")
    parser.add_argument("--split", help="split of a Hub data set")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.data.convert import convert_file

    configure_runtime()
    # The report has what the readers say.
    logging.getLogger("tof_hf").handlers[0].addFilter(lambda record: not record.name.endswith(".readers.notes"))
    done = convert_file(
        options.source,
        options.out,
        form=options.form,
        scheme=options.to_scheme,
        label_map=options.label_map,
        unique=options.unique,
        overwrite=options.overwrite,
        columns=options.columns,
        encoding=options.encoding,
        source_scheme=options.scheme,
        labels=options.labels.split(",") if options.labels else None,
        word_rule=options.word_rule,
        split=options.split,
    )
    show(done.as_text(), file=sys.stderr if str(options.out) == "-" else None)
