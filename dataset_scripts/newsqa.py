"""NewsQA, as its own tools build it, to Parquet: `python dataset_scripts/newsqa.py --help`."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

from converter import MRC, Licence, RawFile, Release, Task, main

from tof_hf.errors import DataError

PARTS = {"train": "train", "validation": "dev", "test": "test"}


def read_stories(path: Path, file: RawFile):
    """The MRC rows of a split, the questions it has, and how many of them were kept."""
    from datasets import Dataset

    from tof_hf.data import read_mrc
    from tof_hf.data.features import MRC_FEATURES
    from tof_hf.data.readers.files import read_text_file

    read = _from_tokens if file.config == "tokens" else _from_json
    text = read_text_file(path)
    try:
        questions = read(text, PARTS[file.split])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        fix = "build the file with the tools of the release and do not change it"
        raise DataError(f"another form than expected ({error!r})", fix=fix, path=path) from error
    rows = [dict(question, label=None) for question in questions if question["spans"]]
    if not rows:
        raise DataError(f"no question with an answer for {file.split}", fix="check the file", path=path)
    counts = {"questions": len(questions), "kept": len(rows)}
    return read_mrc(Dataset.from_list(rows, features=MRC_FEATURES)), counts


def _from_tokens(text: str, part: str) -> list[dict[str, Any]]:
    """Questions of split_data/*.csv, whose answers are ranges of words: `196:202,217:228`, `-1:-1` for none."""
    questions = []
    for number, line in enumerate(csv.DictReader(io.StringIO(text))):
        story = line["story_text"]
        words = [match.span() for match in re.finditer(r"\S+", story)]
        ranges = [map(int, one.split(":")) for one in line["answer_token_ranges"].split(",") if one]
        spans = [{"start": words[start][0], "end": words[end - 1][1]} for start, end in ranges if start >= 0]
        questions.append({"id": f"{part}-{number}", "question": line["question"], "context": story, "spans": spans})
    return questions


def _from_json(text: str, part: str) -> list[dict[str, Any]]:
    """Questions of combined-newsqa-data-v1.json with the answer that the annotators agreed on, if there is one."""
    questions = []
    for story in json.loads(text)["data"]:
        if story["type"] != part:
            continue
        for number, question in enumerate(story["questions"]):
            agreed, context = question["consensus"], story["text"]
            spans = []
            if "s" in agreed:
                answer = context[agreed["s"] : agreed["e"]]
                start = agreed["s"] + len(answer) - len(answer.lstrip())
                spans = [{"start": start, "end": start + len(answer.strip())}] if answer.strip() else []
            row_id = f"{story['storyId']}-{number}"
            questions.append({"id": row_id, "question": question["q"], "context": context, "spans": spans})
    return questions


RELEASE = Release(
    title="NewsQA",
    url="https://github.com/Maluuba/newsqa",
    licence=Licence(
        "texts of CNN, not licensed",
        "https://github.com/Maluuba/newsqa#legal",
        "The texts belong to CNN: the authors give out questions and tools, and everyone fetches the stories alone.",
    ),
    languages=("en",),
    task=Task(
        "question-answering",
        read_stories,
        f"{MRC.how} `tokens` has the words of the tokenizer of the release and every passage that was marked as the "
        "answer, `consensus` has the text as it is and the passage that the annotators agreed on; questions without "
        "one were dropped.",
    ),
    files=(
        # The sizes are those that the splitting tool of the release insists on.
        RawFile("tokens", "train", ("split_data/train.csv", "train.csv"), {"questions": 92549}, paper=92550),
        RawFile("tokens", "validation", ("split_data/dev.csv", "dev.csv"), {"questions": 5166}, paper=5167),
        RawFile("tokens", "test", ("split_data/test.csv", "test.csv"), {"questions": 5126}, paper=5127),
        *(RawFile("consensus", split, ("combined-newsqa-data-v1.json",)) for split in PARTS),
    ),
    notes=(
        "Written after the description and the tools of the release, and not yet tried on the files themselves.",
        "Table 5 has one question more in every split: probably the header line of the CSV file.",
    ),
)

if __name__ == "__main__":
    sys.exit(main(RELEASE))
