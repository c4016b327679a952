"""SQuAD-es, machine translated, to Parquet: `python dataset_scripts/squad_es.py --help`."""

import sys

from converter import MRC, Licence, RawFile, Release, main

RELEASE = Release(
    title="SQuAD-es (machine translated)",
    url="https://github.com/ccasimiro88/TranslateAlignRetrieve",
    licence=Licence(
        "CC BY 4.0",
        "https://creativecommons.org/licenses/by/4.0/",
        "Copies and changed versions may be published if the authors and the changes are named.",
        hub_id="cc-by-4.0",
        may_share=True,
    ),
    languages=("es",),
    task=MRC,
    files=(
        RawFile("v1.1-small", "train", ("train-v1.1-es_small.json",)),
        RawFile("v1.1-small", "validation", ("dev-v1.1-es_small.json",), {"questions": 6583}),
        RawFile("v1.1", "train", ("train-v1.1-es.json",)),
        RawFile("v1.1", "validation", ("dev-v1.1-es.json",)),
        RawFile("v2.0", "train", ("train-v2.0-es.json",)),
        RawFile("v2.0", "validation", ("dev-v2.0-es.json",)),
    ),
    notes=(
        "Not a data set of the paper; Spanish training data for those without other MRC data.",
        "Answers that the alignment lost (`answer_start` -1) are looked for, and dropped if the context has them "
        "not at all or more than once.",
    ),
)

if __name__ == "__main__":
    sys.exit(main(RELEASE))
