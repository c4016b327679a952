"""`tof-hf induce-dictionary`: make a dictionary from word vectors."""

import argparse
from pathlib import Path

from tof_hf.cli.common import show
from tof_hf.utils.runtime import configure_runtime

HELP = "make a dictionary from the word vectors of two languages"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", metavar="SRC.vec", type=Path, help="source vectors (fastText's text format, or .gz)")
    parser.add_argument("target", metavar="TGT.vec", type=Path, help="target vectors")
    parser.add_argument("out", metavar="OUT", type=Path, help="tab-separated pairs, source word first")
    words = "how many of the most frequent words of each language to use (100,000)"
    parser.add_argument("--max-words", type=int, default=100_000, help=words)
    refinements = "rounds of refinement after the start from identical words (3)"
    parser.add_argument("--refinements", type=int, default=3, help=refinements)
    parser.add_argument("--memory-mb", type=int, default=512, help="most memory for one matrix product, in MB (512)")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.data.translation.dictionary import BilingualDictionary
    from tof_hf.data.translation.induction import induce_dictionary
    from tof_hf.data.translation.translate_file import check_output

    configure_runtime()
    check_output(options.out, [options.source, options.target])
    induced = induce_dictionary(
        options.source,
        options.target,
        max_words=options.max_words,
        refinements=options.refinements,
        memory_mb=options.memory_mb,
    )
    dictionary = BilingualDictionary(induced.pairs)
    dictionary.save(options.out)
    show(f"{options.out}: {dictionary}")
