"""`tof-hf gazetteer`: mark a list of names in text."""

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from tof_hf.cli.common import columns_option, new_file_option, show
from tof_hf.cli.predict import FORMATS
from tof_hf.utils.runtime import configure_runtime

HELP = "mark the names of a list in text, as labels for target.labels"
_MOST_FREQUENT = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    names = "names with their types (TSV, CSV, JSON lines), with --type a name a line, or a folder of files LOC.txt"
    parser.add_argument("names", metavar="NAMES", type=Path, help=names)
    source = "*.txt, *.jsonl, *.conll (or .gz of these), *.parquet, - (text)"
    parser.add_argument("source", metavar="TEXT", type=Path, help=source)
    parser.add_argument(
        "out", metavar="OUT", type=new_file_option, help="the same formats, or - (JSON lines); a new file"
    )
    parser.add_argument("--type", dest="kind", metavar="TYPE", help="entity type of all names")
    case = "exact: as listed (default); capitals: also all in capitals; any: in any case"
    parser.add_argument("--case", choices=["exact", "capitals", "any"], default="exact", help=case)
    parser.add_argument("--stop", metavar="FILE", type=Path, help="texts that are never marked, one a line")
    rule = "how words are split: unicode (default), whitespace, characters or spacy:xx"
    parser.add_argument("--word-rule", default="unicode", help=rule)
    parser.add_argument("--from", dest="source_form", choices=FORMATS, help="format of TEXT, if its name does not say")
    parser.add_argument(
        "--columns", type=columns_option, metavar="tokens=N", help="column of the words, if TEXT is columns"
    )
    parser.add_argument("--encoding", help="encoding of TEXT (detected: UTF-8, UTF-16, Windows-1252 or Latin-1)")
    parser.add_argument("--to", dest="out_form", choices=FORMATS, help="format of OUT, if its name does not say")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.data.gazetteer import Gazetteer
    from tof_hf.data.readers.names import read_names
    from tof_hf.errors import DataError
    from tof_hf.inference.names import NameTagger
    from tof_hf.inference.predict_file import STANDARD, predict_file
    from tof_hf.storage.files import is_stream

    configure_runtime()
    if options.out != STANDARD and os.path.lexists(options.out) and not is_stream(options.out):
        raise DataError("a file or folder that is there already.", fix="name a new file.", path=options.out)
    stop = [] if options.stop is None else [name for name, _ in read_names(options.stop, "stop")]
    names = read_names(options.names, options.kind)
    gazetteer = Gazetteer(names, case=options.case, stop=stop, word_rule=options.word_rule)
    if gazetteer.ambiguous:
        name, kind = next(iter(gazetteer.ambiguous.items()))
        what = f"{len(gazetteer.ambiguous):,} names are listed with several types; the first counts: {name!r} is {kind}"
        show(what, file=sys.stderr)
    tagger = NameTagger(gazetteer, options.word_rule)
    named = {name: getattr(options, name) for name in ("source_form", "out_form", "encoding", "columns")}
    texts, marked = predict_file(tagger, options.source, options.out, **named)
    by_type: Counter[str] = Counter()
    for (_, kind), count in tagger.found.items():
        by_type[kind] += count
    of_type = ", ".join(f"{kind} {by_type[kind]:,}" for kind in gazetteer.types)
    hint = "" if marked else "; look at --case, --word-rule and the columns of NAMES"
    show(f"{marked:,} names in {texts:,} texts ({of_type}){hint}", file=sys.stderr)
    for (name, kind), count in tagger.found.most_common(_MOST_FREQUENT):
        show(f"{count:>9,}  {name} ({kind})", file=sys.stderr)
