"""`tof-hf translate`: translate labelled data word by word."""

import argparse
from pathlib import Path

from tof_hf.cli.common import new_file_option, show
from tof_hf.utils.runtime import configure_runtime

HELP = "translate labelled sentences or questions word by word"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", metavar="IN", type=Path, help="NER, question-answering or unlabelled file")
    parser.add_argument(
        "out", metavar="OUT", type=new_file_option, help="*.parquet, *.jsonl, *.json, else one word a line"
    )
    parser.add_argument("--dictionary", type=Path, required=True, help="MUSE dictionary or tab-separated pairs")
    parser.add_argument("--reverse", action="store_true", help="use the dictionary in the other direction")
    parser.add_argument("--task", choices=["ner", "mrc", "text"], help="what IN holds (detected for ner and mrc)")
    parser.add_argument("--target-text", type=Path, help="raw target text, for the next two options")
    most_frequent = "of several translations, take the one that is most frequent in the target text"
    parser.add_argument("--most-frequent", action="store_true", help=most_frequent)
    parser.add_argument("--casing", choices=["source", "target"], default="source", help="whose casing words get")
    parser.add_argument("--copy-types", nargs="*", default=["PER"], help="entity types that are not translated (PER)")
    parser.add_argument("--seed", type=int, default=0, help="seed of --casing target")
    parser.add_argument("--report", type=Path, help="write a report of what changed (*.json, else Markdown)")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.data.translation.translate_file import check_output, translate_file
    from tof_hf.storage.files import write_json, write_text

    configure_runtime()
    if options.report:
        check_output(options.report, [options.source, options.dictionary, options.out])
    projection = translate_file(
        options.source,
        options.out,
        options.dictionary,
        task=options.task,
        target_text=options.target_text,
        most_frequent=options.most_frequent,
        reverse=options.reverse,
        casing=options.casing,
        copy_types=options.copy_types,
        seed=options.seed,
    )
    if options.report and options.report.suffix == ".json":
        write_json(options.report, projection.model_dump())
    elif options.report:
        write_text(options.report, projection.to_markdown())
    show(f"{options.out}: {projection.rows:,} rows, {projection.coverage:.1%} of {projection.words:,} words known")
