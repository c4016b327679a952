"""Twitter NER of Zhang et al. 2018 to Parquet, OTHER as MISC: `python dataset_scripts/twitter.py --help`."""

import sys

from converter import NER, Licence, RawFile, Release, entities, main

MISC = {"label_map": {"OTHER": "MISC"}}

RELEASE = Release(
    title="Twitter named entities (Zhang et al. 2018)",
    url="https://github.com/jefferyYu/UMT",
    licence=Licence(
        "none stated",
        "https://github.com/jefferyYu/UMT",
        "No licence is known, and the terms of Twitter let others pass on the numbers of tweets, not their text.",
    ),
    languages=("en",),
    task=NER,
    files=(
        RawFile(
            "en",
            "train",
            ("train.txt",),
            entities(4000, 64439, {"LOC": 2135, "MISC": 975, "ORG": 957, "PER": 2285}),
            4000,
            MISC,
        ),
        RawFile(
            "en",
            "validation",
            ("valid.txt", "dev.txt"),
            entities(1000, 16177, {"LOC": 543, "MISC": 233, "ORG": 251, "PER": 567}),
            1000,
            MISC,
        ),
        RawFile(
            "en",
            "test",
            ("test.txt",),
            entities(3257, 52822, {"LOC": 1720, "MISC": 754, "ORG": 860, "PER": 1873}),
            3256,
            MISC,
        ),
    ),
    notes=(
        "The type OTHER of the release is called MISC here, as in CoNLL-2003.",
        "Some entities start with I- in the release: they count as entities and start with B- here.",
        "Table 5 has 3,256 test sentences; the release has 3,257.",
    ),
)

if __name__ == "__main__":
    sys.exit(main(RELEASE))
