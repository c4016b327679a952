"""XQuAD in all its languages to Parquet: `python dataset_scripts/xquad.py --help`."""

import sys

from converter import CC_BY_SA_4, MRC, RawFile, Release, main

LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ro", "ru", "th", "tr", "vi", "zh")

RELEASE = Release(
    title="XQuAD",
    url="https://github.com/google-deepmind/xquad",
    licence=CC_BY_SA_4,
    languages=LANGUAGES,
    task=MRC,
    files=tuple(
        # The release calls its one file neither a validation nor a test set; the Hub calls it validation.
        RawFile(
            language,
            "validation",
            (f"xquad.{language}.json",),
            {"questions": 1190},
            paper=1190 if language == "de" else None,
        )
        for language in LANGUAGES
    ),
    notes=(
        "The paper trains on the German part. Its Table 5 also has 428 German validation questions, which the release "
        "does not have.",
        "All paragraphs come from the SQuAD v1.1 development set, with the same question ids.",
    ),
)

if __name__ == "__main__":
    sys.exit(main(RELEASE))
