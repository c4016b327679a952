"""CoNLL-2003 NER, English and German, to Parquet: `python dataset_scripts/conll2003.py --help`."""

import sys

from converter import NER, Licence, RawFile, Release, entities, main

RELEASE = Release(
    title="CoNLL-2003 named entities (English, German)",
    url="https://www.clips.uantwerpen.be/conll2003/ner/",
    licence=Licence(
        "research only",
        "https://trec.nist.gov/data/reuters/reuters.html",
        "The texts (Reuters corpus RCV1; ECI Multilingual Text) are given out for research under agreements that do "
        "not let their holders pass them on.",
    ),
    languages=("en", "de"),
    task=NER,
    files=(
        RawFile(
            "en",
            "train",
            ("eng.train", "train.txt"),
            entities(14041, 203621, {"LOC": 7140, "MISC": 3438, "ORG": 6321, "PER": 6600}),
            paper=14987,
        ),
        RawFile(
            "en",
            "validation",
            ("eng.testa", "valid.txt", "dev.txt"),
            entities(3250, 51362, {"LOC": 1837, "MISC": 922, "ORG": 1341, "PER": 1842}),
            paper=3466,
        ),
        RawFile(
            "en",
            "test",
            ("eng.testb", "test.txt"),
            entities(3453, 46435, {"LOC": 1668, "MISC": 702, "ORG": 1661, "PER": 1617}),
            paper=3684,
        ),
        RawFile(
            "de",
            "train",
            ("deu.train", "deu.train.utf8.iob2", "deu.train.utf8"),
            entities(12152, 206931, {"LOC": 4363, "MISC": 2288, "ORG": 2427, "PER": 2773}),
            paper=12705,
        ),
        RawFile(
            "de",
            "validation",
            ("deu.testa", "deu.testa.utf8.iob2", "deu.testa.utf8"),
            entities(2867, 51444, {"LOC": 1181, "MISC": 1010, "ORG": 1241, "PER": 1401}),
            paper=3068,
        ),
        RawFile(
            "de",
            "test",
            ("deu.testb", "deu.testb.utf8.iob2", "deu.testb.utf8"),
            entities(3005, 51943, {"LOC": 1035, "MISC": 670, "ORG": 773, "PER": 1195}),
            paper=3160,
        ),
    ),
    notes=(
        "Table 5 counts the `-DOCSTART-` lines as sentences; here they are dropped.",
        "German: the annotation of 2003 (not the revision of 2006), as Latin-1 with 5 columns or as UTF-8.",
    ),
)

if __name__ == "__main__":
    sys.exit(main(RELEASE))
