"""NER data sets beyond the paper's to Parquet: `python dataset_scripts/further.py --help`."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from converter import CC_BY_SA_4, NER, Licence, RawFile, Release, entities, main

SEE_PAGE = "What is known of the terms is not enough to publish a copy: see the data set's page."
CC_BY_4 = Licence(
    "CC BY 4.0",
    "https://creativecommons.org/licenses/by/4.0/",
    "Copies and changed versions may be published if the authors and the changes are named.",
    hub_id="cc-by-4.0",
    may_share=True,
)


@dataclass(frozen=True)
class DataSet:
    """A data set with many parts of one form; `{part}` in the names of its files stands for the part.

    `parts`: those converted unless others are named. `files`: where each split may lie. `counts`: those known, by part
    and split. `options`: for the reader.
    """

    title: str
    url: str
    licence: Licence
    parts: Sequence[str]
    files: Mapping[str, Sequence[str]]
    counts: Mapping[tuple[str, str], Mapping[str, int]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    languages: Sequence[str] = ()
    notes: tuple[str, ...] = ()

    def release(self, parts: Sequence[str] = ()) -> Release:
        """The release with these parts."""
        chosen = tuple(parts or self.parts)
        return Release(
            title=self.title,
            url=self.url,
            licence=self.licence,
            languages=tuple(self.languages or dict.fromkeys(part.partition("_")[0] for part in chosen)),
            task=NER,
            files=tuple(
                RawFile(
                    part,
                    split,
                    tuple(name.format(part=part) for name in names),
                    self.counts.get((part, split), {}),
                    options=self.options,
                )
                for part in chosen
                for split, names in self.files.items()
            ),
            notes=self.notes,
        )


DATA_SETS = {
    "wikiann": DataSet(
        title="WikiANN (PAN-X), balanced splits",
        url="https://github.com/afshinrahimi/mmner",
        licence=Licence("not certain", "https://github.com/afshinrahimi/mmner", SEE_PAGE),
        parts="ar ca cs de en es fa fr id it ja nl pl pt ru sv tr uk vi zh".split(),
        files={
            "train": ["{part}/train", "wikiann-{part}/train"],
            "validation": ["{part}/dev", "wikiann-{part}/dev"],
            "test": ["{part}/test", "wikiann-{part}/test"],
        },
        notes=(
            "Made from the links of Wikipedia, not by people. The language before every word (`de:Rio`) was taken off.",
            "As published, large languages have 20,000, 10,000 and 10,000 sentences.",
        ),
    ),
    "masakhaner2": DataSet(
        title="MasakhaNER 2.0",
        url="https://github.com/masakhane-io/masakhane-ner",
        licence=Licence("AFL 3.0 says the Hub", "https://github.com/masakhane-io/masakhane-ner", SEE_PAGE),
        parts="bam bbj ewe fon hau ibo kin lug luo mos nya pcm sna swa tsn twi wol xho yor zul".split(),
        files={
            "train": ["{part}/train.txt", "data/{part}/train.txt", "MasakhaNER2.0/data/{part}/train.txt"],
            "validation": ["{part}/dev.txt", "data/{part}/dev.txt", "MasakhaNER2.0/data/{part}/dev.txt"],
            "test": ["{part}/test.txt", "data/{part}/test.txt", "MasakhaNER2.0/data/{part}/test.txt"],
        },
        notes=("Types PER, ORG, LOC and DATE.",),
    ),
    "multiconer2": DataSet(
        title="MultiCoNER 2",
        url="https://multiconer.github.io",
        licence=CC_BY_4,
        parts="bn de en es fa fr hi it pt sv uk zh".split(),
        files={
            "train": ["{part}_train.conll", "{part}/train.conll", "train_dev/{part}-train.conll"],
            "validation": ["{part}_dev.conll", "{part}/dev.conll", "train_dev/{part}-dev.conll"],
            "test": ["{part}_test.conll", "{part}/test.conll", "test/{part}-test.conll"],
        },
        notes=("33 fine types. The licence is that of the copy of the owners on the Hub.",),
    ),
    "universalner": DataSet(
        title="Universal NER v1",
        url="https://www.universalner.org",
        licence=CC_BY_SA_4,
        parts=(
            "ceb_gja da_ddt de_pud en_ewt en_pud hr_set pt_bosque pt_pud ru_pud sk_snk sr_set sv_pud sv_talbanken "
            "tl_trg tl_ugnayan zh_gsd zh_gsdsimp zh_pud"
        ).split(),
        files={
            "train": ["{part}-ud-train.iob2"],
            "validation": ["{part}-ud-dev.iob2"],
            "test": ["{part}-ud-test.iob2"],
        },
        options={"label_map": {"OTH": "O"}},
        notes=(
            "Types PER, ORG and LOC; OTH, which is not part of the task, became O.",
            "The licence is that of the copy of the owners on the Hub; each treebank has terms of its own.",
            "As published, en_ewt has 12,543, 2,001 and 2,077 sentences, the PUD treebanks a test set of 1,000.",
        ),
    ),
    "crossner": DataSet(
        title="CrossNER",
        url="https://github.com/zliucr/CrossNER",
        licence=Licence("MIT says the repository", "https://github.com/zliucr/CrossNER", SEE_PAGE),
        parts="politics science music literature ai".split(),
        languages=["en"],
        files={
            "train": ["{part}/train.txt", "ner_data/{part}/train.txt"],
            "validation": ["{part}/dev.txt", "ner_data/{part}/dev.txt"],
            "test": ["{part}/test.txt", "ner_data/{part}/test.txt"],
        },
        notes=("Each domain has types of its own beside person, organisation, location and misc.",),
    ),
    "wnut17": DataSet(
        title="WNUT-2017, new and rare entities",
        url="https://github.com/leondz/emerging_entities_17",
        licence=Licence("terms of the platforms", "https://github.com/leondz/emerging_entities_17", SEE_PAGE),
        parts=["en"],
        files={
            "train": ["wnut17train.conll"],
            "validation": ["emerging.dev.conll"],
            "test": ["emerging.test.annotated"],
        },
        notes=("Tweets to train on, comments and posts of other platforms to validate and test on.",),
    ),
    "europarl": DataSet(
        title="Europarl named entities (test sets)",
        url="https://github.com/ixa-ehu/ner-evaluation-corpus-europarl",
        licence=Licence("no restrictions known", "https://www.statmt.org/europarl/", SEE_PAGE),
        parts="de en es it".split(),
        files={"test": ["{part}-europarl.test.conll02"]},
        counts={
            ("de", "test"): entities(799, 20187, {"LOC": 91, "MISC": 191, "ORG": 325, "PER": 86}),
            ("es", "test"): entities(799, 23279, {"LOC": 99, "MISC": 186, "ORG": 328, "PER": 84}),
        },
        notes=("A pivot of this project: options are chosen on it, and no table reports it.",),
    ),
}


def run(arguments: Sequence[str]) -> int:
    """The exit status: of the help, of a mistake, or of the conversion of `NAME [PART ...]`."""
    name, *rest = arguments or ["--help"]
    if name not in DATA_SETS:
        known = "\n".join(f"  {key:13} {one.title}: {' '.join(one.parts)}" for key, one in DATA_SETS.items())
        wanted = name in ("-h", "--help")
        print(
            *([] if wanted else [f"no data set {name!r}."]),
            f"usage: further.py NAME [PART ...] --raw DIR --out DIR\n\n{known}\n\n"
            "further.py NAME --help shows files, terms and options. Without PART all that are listed are looked for; "
            "WikiANN\nhas more languages, which can be named too.",
            file=sys.stdout if wanted else sys.stderr,
        )
        return 0 if wanted else 2
    first = next((place for place, word in enumerate(rest) if word.startswith("-")), len(rest))
    return main(DATA_SETS[name].release(rest[:first]), rest[first:])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
