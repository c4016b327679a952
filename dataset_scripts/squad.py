"""SQuAD v1.1 and v2.0 to Parquet: `python dataset_scripts/squad.py --help`."""

import sys

from converter import CC_BY_SA_4, MRC, RawFile, Release, main

RELEASE = Release(
    title="SQuAD",
    url="https://rajpurkar.github.io/SQuAD-explorer/",
    licence=CC_BY_SA_4,
    languages=("en",),
    task=MRC,
    files=(
        RawFile("v1.1", "train", ("train-v1.1.json",), {"questions": 87599}, paper=10000),
        RawFile("v1.1", "validation", ("dev-v1.1.json",), {"questions": 10570, "kept": 10570}, paper=1000),
        RawFile("v2.0", "train", ("train-v2.0.json",), {"questions": 130319}),
        RawFile("v2.0", "validation", ("dev-v2.0.json",), {"questions": 11873}),
    ),
    notes=(
        "Table 5: the paper samples 10,000 and 1,000 questions.",
        "All paragraphs of XQuAD come from the validation split of v1.1: drop them there where both are used "
        "(`exclude_contexts_of` of `read_mrc`).",
    ),
)

if __name__ == "__main__":
    sys.exit(main(RELEASE))
