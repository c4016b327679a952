"""MLQA, questions in the language of the context, to Parquet: `python dataset_scripts/mlqa.py --help`."""

import sys

from converter import MRC, Licence, RawFile, Release, main

# Development and test questions of a language; the sizes in Table 5 of the paper for Spanish.
SIZES = {
    "ar": (517, 5335),
    "de": (512, 4517),
    "en": (1148, 11590),
    "es": (500, 5253),
    "hi": (507, 4918),
    "vi": (511, 5495),
    "zh": (504, 5137),
}
PAPER = {("es", "dev"): 500, ("es", "test"): 5254}


def _file(language, part, size):
    name = f"{part}-context-{language}-question-{language}.json"
    names = (name, f"{part}/{name}", f"MLQA_V1/{part}/{name}")
    split = "validation" if part == "dev" else "test"
    return RawFile(language, split, names, {"questions": size}, PAPER.get((language, part)))


RELEASE = Release(
    title="MLQA",
    url="https://github.com/facebookresearch/MLQA",
    licence=Licence(
        "CC BY-SA 3.0",
        "https://creativecommons.org/licenses/by-sa/3.0/",
        "Copies and changed versions may be published under the same licence if the authors and the changes are named.",
        hub_id="cc-by-sa-3.0",
        may_share=True,
    ),
    languages=tuple(SIZES),
    task=MRC,
    files=tuple(
        _file(language, part, size)
        for language, sizes in SIZES.items()
        for part, size in zip(("dev", "test"), sizes, strict=True)
    ),
    notes=(
        "Splits are named as in the release. The paper trains on the Spanish test split and validates on the "
        "development split.",
        "Spanish test split: Table 5 and the page of the release say 5,254 questions, copies of the files have 5,253.",
    ),
)

if __name__ == "__main__":
    sys.exit(main(RELEASE))
