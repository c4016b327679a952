"""TweetQA to Parquet, the questions whose answer is in the tweet: `python dataset_scripts/tweetqa.py --help`."""

import sys

from converter import MRC, Licence, RawFile, Release, main

RELEASE = Release(
    title="TweetQA",
    url="https://tweetqa.github.io/",
    licence=Licence(
        "see the site",
        "https://tweetqa.github.io/",
        "The files come without a licence (a copy on the Hub says CC BY-SA 4.0), and the terms of Twitter let others "
        "pass on the numbers of tweets, not their text.",
    ),
    languages=("en",),
    task=MRC,
    files=(
        RawFile("en", "train", ("train.json",), {"questions": 10692, "kept": 6152}, paper=10692),
        RawFile("en", "validation", ("dev.json",), {"questions": 1086}, paper=1086),
    ),
    notes=(
        "Answers are free text. Questions are kept if an answer is in the tweet, in upper or lower case.",
        "The test file (1,979 questions in Table 5) has no answers and is not converted.",
    ),
)

if __name__ == "__main__":
    sys.exit(main(RELEASE))
