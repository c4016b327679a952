"""MUSE bilingual dictionaries to Parquet: `python dataset_scripts/muse.py --help`."""

from __future__ import annotations

import sys
from pathlib import Path

from converter import Licence, RawFile, Release, Task, main

# Pairs of the whole dictionary, of its training words (the 5,000 most frequent) and of its test words (the next 1,500).
PAIRS = {"en-es": (112580, 11977, 2975), "en-de": (101930, 14677, 3660), "en-nl": (None, None, None)}
PARTS = {"full": "", "train": ".0-5000", "test": ".5000-6500"}


def read_pairs(path: Path, file: RawFile):
    """Rows with `source` and `target`, the translations of a word one after the other, and their number."""
    from datasets import Dataset

    from tof_hf.data.translation.dictionary import BilingualDictionary

    entries = BilingualDictionary.from_file(path).entries
    pairs = [{"source": word, "target": target} for word, targets in entries.items() for target in targets]
    return Dataset.from_list(pairs), {"pairs": len(pairs)}


RELEASE = Release(
    title="MUSE bilingual dictionaries",
    url="https://github.com/facebookresearch/MUSE",
    licence=Licence(
        "CC BY-NC 4.0",
        "https://creativecommons.org/licenses/by-nc/4.0/",
        "Copies and changed versions may be published and used for purposes that are not commercial if the authors and "
        "the changes are named.",
        hub_id="cc-by-nc-4.0",
        may_share=True,
    ),
    languages=("en", "es", "de", "nl"),
    task=Task(
        "translation",
        read_pairs,
        "One row a pair of words. Source words are case-folded and the translations of a word follow each other, in "
        "the order of the file; a pair that then occurs twice is kept once.",
    ),
    files=tuple(
        RawFile(pair, split, (f"{pair}{ending}.txt",), {} if size is None else {"pairs": size})
        for pair, sizes in PAIRS.items()
        for (split, ending), size in zip(PARTS.items(), sizes, strict=True)
    ),
    notes=("`full` is the whole dictionary and holds `train` and `test`.",),
)

if __name__ == "__main__":
    sys.exit(main(RELEASE))
