"""CBS SciTech News NER (the test set) to Parquet: `python dataset_scripts/cbs_scitech.py --help`."""

import sys

from converter import NER, Licence, RawFile, Release, entities, main

RELEASE = Release(
    title="CBS SciTech News named entities (Jia et al. 2019)",
    url="https://github.com/jiachenwestlake/Cross-Domain_NER",
    licence=Licence(
        "none stated",
        "https://github.com/jiachenwestlake/Cross-Domain_NER",
        "No licence is known, and the texts belong to CBS.",
    ),
    languages=("en",),
    task=NER,
    files=(
        RawFile(
            "en",
            "test",
            ("tech_test", "tech_test.txt", "news_tech/tech_test"),
            entities(2000, 54116, {"LOC": 489, "MISC": 365, "ORG": 875, "PER": 1095}),
            paper=2000,
        ),
    ),
    notes=("BIOES in the release. Its unlabelled text for training lies elsewhere and is not part of this folder.",),
)

if __name__ == "__main__":
    sys.exit(main(RELEASE))
