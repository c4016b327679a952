"""`tof-hf translate`: translate labelled data word by word."""

from __future__ import annotations

import argparse
from pathlib import Path

from tof_hf.cli.arguments import Commands
from tof_hf.storage.files import write_json, write_text
from tof_hf.utils.runtime import configure_runtime


def add_translate(commands: Commands) -> None:
    """Add the command to the program."""
    parser = commands.add_parser("translate", help="translate labelled sentences or questions word by word")
    parser.set_defaults(command=_translate)
    parser.add_argument("source", metavar="IN", type=Path, help="NER, question-answering or unlabelled file")
    parser.add_argument("out", metavar="OUT", type=Path, help="*.parquet, *.jsonl, *.json, else one word a line")
    parser.add_argument("--dictionary", type=Path, required=True, help="MUSE dictionary or tab-separated pairs")
    parser.add_argument("--reverse", action="store_true", help="turn the dictionary round")
    parser.add_argument("--task", choices=["ner", "mrc", "text"], help="what IN holds (found out for ner and mrc)")
    parser.add_argument("--target-text", type=Path, help="raw target text, for the two options below")
    parser.add_argument("--most-frequent", action="store_true", help="of several translations the most frequent")
    parser.add_argument("--casing", choices=["source", "target"], default="source", help="whose case words take")
    parser.add_argument("--copy-types", nargs="*", default=["PER"], help="entity types whose words stay")
    parser.add_argument("--seed", type=int, default=0, help="of --casing target")
    parser.add_argument("--report", type=Path, help="where to write what changed (*.json, else Markdown)")


def _translate(options: argparse.Namespace) -> int:
    from tof_hf.data.translation.translate_file import check_output, translate_file

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
    if options.report:
        as_json = options.report.suffix == ".json"
        write = write_json if as_json else write_text
        write(options.report, projection.as_dict() if as_json else projection.to_markdown())
    print(f"{options.out}: {projection.rows:,} rows, {projection.coverage:.1%} of {projection.words:,} words known")
    return 0
