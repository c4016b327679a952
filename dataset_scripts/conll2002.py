"""CoNLL-2002 NER, Spanish and Dutch, to Parquet: `python dataset_scripts/conll2002.py --help`."""

import sys

from converter import NER, Licence, RawFile, Release, entities, main

RELEASE = Release(
    title="CoNLL-2002 named entities (Spanish, Dutch)",
    url="https://www.clips.uantwerpen.be/conll2002/ner/",
    licence=Licence(
        "research only",
        "https://www.clips.uantwerpen.be/conll2002/ner/",
        "The texts belong to the news agency EFE and to the newspaper De Morgen, which gave them to the shared "
        "task for research.",
    ),
    languages=("es", "nl"),
    task=NER,
    files=(
        RawFile(
            "es",
            "train",
            ("esp.train",),
            entities(8323, 264715, {"LOC": 4914, "MISC": 2173, "ORG": 7390, "PER": 4321}),
            paper=8323,
        ),
        RawFile(
            "es",
            "validation",
            ("esp.testa",),
            entities(1915, 52923, {"LOC": 985, "MISC": 445, "ORG": 1700, "PER": 1222}),
            paper=1915,
        ),
        RawFile(
            "es",
            "test",
            ("esp.testb",),
            entities(1517, 51533, {"LOC": 1084, "MISC": 340, "ORG": 1400, "PER": 735}),
            paper=1517,
        ),
        # Dutch: counted on the gzipped files, with the 287, 74 and 119 -DOCSTART- lines taken off the words.
        RawFile(
            "nl",
            "train",
            ("ned.train",),
            entities(15806, 202644, {"LOC": 3208, "MISC": 3338, "ORG": 2082, "PER": 4716}),
            paper=15806,
        ),
        RawFile(
            "nl",
            "validation",
            ("ned.testa",),
            entities(2895, 37687, {"LOC": 479, "MISC": 748, "ORG": 686, "PER": 703}),
            paper=2895,
        ),
        RawFile(
            "nl",
            "test",
            ("ned.testb",),
            entities(5195, 68875, {"LOC": 774, "MISC": 1187, "ORG": 882, "PER": 1098}),
            paper=5195,
        ),
    ),
    notes=(
        "Dutch: the corrected annotation. The files in OldFiles/ have the same names and other entities.",
        "Some sentences are very long, up to 1,238 words in Spanish and 859 in Dutch.",
    ),
)

if __name__ == "__main__":
    sys.exit(main(RELEASE))
