"""WNUT-2016 Twitter NER, with types and as entity spans, to Parquet: `python dataset_scripts/wnut16.py --help`."""

import sys

from converter import NER, Licence, RawFile, Release, entities, main

TYPES = "company facility geo-loc movie musicartist other person product sportsteam tvshow".split()


def _files(split, name, sentences, tokens, numbers, paper):
    """The two forms of one file: config "types", and config "spans" (the paper's task), where all types are ENT."""
    types = entities(sentences, tokens, dict(zip(TYPES, numbers, strict=True)))
    spans = entities(sentences, tokens, {"ENT": sum(numbers)})
    return (
        RawFile("types", split, name, types, paper),
        RawFile("spans", split, name, spans, paper, {"label_map": "span"}),
    )


RELEASE = Release(
    title="WNUT-2016 named entities in tweets",
    url="https://github.com/aritter/twitter_nlp/tree/master/data/annotated/wnut16",
    licence=Licence(
        "terms of the platform",
        "https://developer.x.com/en/developer-terms/policy",
        "No licence of the annotation is known, and the terms of Twitter let others pass on the numbers of tweets, "
        "not their text.",
    ),
    languages=("en",),
    task=NER,
    files=(
        *_files("train", ("train",), 2394, 46469, (171, 104, 276, 34, 55, 225, 449, 97, 51, 34), 2394),
        *_files("validation", ("dev",), 1000, 16261, (39, 38, 116, 15, 41, 132, 171, 37, 70, 2), 1000),
        *_files("test", ("test",), 3850, 61908, (621, 253, 882, 34, 191, 584, 482, 246, 147, 33), 3856),
    ),
    notes=(
        "`spans` is the task of the paper: one type, ENT. Neighbours that were two entities stay two.",
        "Table 5 has 3,856 test sentences; the release has 3,850.",
    ),
)

if __name__ == "__main__":
    sys.exit(main(RELEASE))
