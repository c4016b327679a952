"""`tof-hf induce-dictionary`: a dictionary from word vectors."""

from __future__ import annotations

import argparse
from pathlib import Path

from tof_hf.cli.arguments import Commands
from tof_hf.utils.runtime import configure_runtime


def add_induce_dictionary(commands: Commands) -> None:
    """Add the command to the program."""
    parser = commands.add_parser("induce-dictionary", help="make a dictionary from the word vectors of two languages")
    parser.set_defaults(command=_induce)
    parser.add_argument("source", metavar="SRC.vec", type=Path, help="source vectors (fastText text form, or .gz)")
    parser.add_argument("target", metavar="TGT.vec", type=Path, help="target vectors")
    parser.add_argument("out", metavar="OUT", type=Path, help="tab-separated pairs, source word first")
    parser.add_argument("--max-words", type=int, default=100_000, help="most frequent words of each side (100,000)")
    parser.add_argument("--refinements", type=int, default=3, help="rounds after the identical words (3)")
    parser.add_argument("--memory-mb", type=int, default=512, help="bound on the memory of one product (512)")


def _induce(options: argparse.Namespace) -> int:
    from tof_hf.data.translation.dictionary import BilingualDictionary
    from tof_hf.data.translation.induction import induce_dictionary
    from tof_hf.data.translation.translate_file import check_output

    configure_runtime()
    check_output(options.out, [options.source, options.target])
    sizes = {"max_words": options.max_words, "refinements": options.refinements, "memory_mb": options.memory_mb}
    induced = induce_dictionary(options.source, options.target, **sizes)
    dictionary = BilingualDictionary(induced.pairs)
    dictionary.save(options.out)
    print(f"{options.out}: {dictionary}")
    return 0
