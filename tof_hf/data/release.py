"""From a data set as its owners release it to a folder for `load_dataset`: what all of dataset_scripts/ share."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tof_hf.errors import DataError, TofError
from tof_hf.run_folder import replace_folder

if TYPE_CHECKING:  # the heavy packages wait until something is converted: --help takes no second
    from datasets import Dataset

UNITS = ("sentences", "tokens", "entities", "questions", "kept", "pairs")


@dataclass(frozen=True, eq=False)
class RawFile:
    """A file of the release: which split of which configuration it becomes, and what must be found in it.

    `names`: where it may lie under the folder, also with .gz behind it. `expected`: counts, empty if nobody counted.
    `paper`: the size in Table 5 of the paper. `options`: for the reader, such as label_map.
    """

    config: str
    split: str
    names: tuple[str, ...]
    expected: Mapping[str, int] = field(default_factory=dict)
    paper: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """How files become rows: `read` gives the rows of a file and its counts, `how` is the sentence for the card."""

    category: str
    read: Callable[[Path, RawFile], tuple[Dataset, dict[str, int]]]
    how: str


@dataclass(frozen=True)
class Licence:
    """Terms of use: `hub_id` as the Hub names them, `may_share` whether others may publish a copy, and `why`."""

    name: str
    url: str
    why: str
    hub_id: str = "other"
    may_share: bool = False


CC_BY_SA_4 = Licence(
    "CC BY-SA 4.0",
    "https://creativecommons.org/licenses/by-sa/4.0/",
    "Copies and changed versions may be published under the same licence if the authors and the changes are named.",
    hub_id="cc-by-sa-4.0",
    may_share=True,
)


@dataclass(frozen=True)
class Release:
    """A data set as its owners release it; `notes` go into the card, one point each."""

    title: str
    url: str
    licence: Licence
    languages: tuple[str, ...]
    task: Task
    files: tuple[RawFile, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Converted:
    """A converted file: where it was found, its counts, and what the comparison with the expected ones says."""

    file: RawFile
    raw: Path
    found: Mapping[str, int]

    @property
    def verdict(self) -> str:
        """Says ok, differs or, without expected counts, not verified."""
        if not self.file.expected:
            return "not verified"
        return "ok" if self.file.expected.items() <= self.found.items() else "differs"


def entities(sentences: int, tokens: int, types: Mapping[str, int]) -> dict[str, int]:
    """The counts of a labelled file from its entities per type."""
    return {"sentences": sentences, "tokens": tokens, "entities": sum(types.values()), **types}


def read_tagged(path: Path, file: RawFile) -> tuple[Dataset, dict[str, int]]:
    """The NER rows of a column file, and its sentences, tokens and entities of every type."""
    from tof_hf.data import read_ner

    rows = read_ner(path, **file.options)
    names = rows.features["ner_tags"].feature.names
    tags = Counter(names[tag] for tags in rows["ner_tags"][:] for tag in tags)
    types = {name[2:]: tags[name] for name in names if name.startswith("B-") and tags[name]}
    return rows, entities(len(rows), tags.total(), types)


def read_questions(path: Path, file: RawFile) -> tuple[Dataset, dict[str, int]]:
    """The MRC rows of a JSON file, the questions in it, and how many of them were kept."""
    import json

    from tof_hf.data import read_mrc
    from tof_hf.data.files import read_text_file

    rows = read_mrc(path, **file.options)
    content = json.loads(read_text_file(path))
    if isinstance(content, dict):
        content = [qa for article in content["data"] for part in article["paragraphs"] for qa in part["qas"]]
    return rows, {"questions": len(content), "kept": len(rows)}


NER = Task(
    "token-classification",
    read_tagged,
    "Words stand as in the release. Tags of any scheme became strict IOB2 (`ner_tags`, ClassLabel, types sorted); "
    "lines that hold no word (`-DOCSTART-`, `IMGID:`) were dropped.",
)
MRC = Task(
    "question-answering",
    read_questions,
    "`spans` are character offsets into `context`, end exclusive. Of several annotations of one answer the most "
    "frequent was kept. A question whose answers stand nowhere in the context was dropped. An empty list: no answer.",
)


def convert(
    release: Release,
    raw: Sequence[str | Path],
    out: str | Path,
    *,
    overwrite: bool = False,
    allow_other_counts: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """The folder `out` with one Parquet file a split and a README.md, from what of the release lies in `raw`.

    `say` gets a line for every file. The folder appears complete or not at all. Raises `DataError` if nothing of the
    release is there, if counts differ (unless `allow_other_counts`), and if `out` exists (unless `overwrite`).
    """
    out = Path(out).expanduser().resolve()
    _check_place(out, overwrite)
    located = _locate(release, [Path(folder).expanduser() for folder in raw], say)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    done: list[Converted] = []
    try:
        for config in dict.fromkeys(file.config for file in located):
            done += _convert_config(release, {f: p for f, p in located.items() if f.config == config}, part, say)
        different = [item for item in done if item.verdict == "differs"]
        if different and not allow_other_counts:
            raise DataError(
                f"other counts than expected in {', '.join(item.raw.name for item in different)}.",
                fix="download the release again, or look at the lines above and pass --allow-other-counts "
                "(allow_other_counts=True) if this version is the one you want; nothing was written.",
            )
        from tof_hf.data.release_hub import card  # it imports the library of the Hub

        (part / "README.md").write_text(card(release, done, part), encoding="utf-8")
        replace_folder(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out


def check_may_share(release: Release) -> None:
    """Raises `TofError` if the terms of the data set do not let others publish a copy of it."""
    if not release.licence.may_share:
        raise TofError(
            f"{release.title} cannot be published by this script ({release.licence.name}): {release.licence.why} "
            "What to do: leave --push-to-hub out and load the folder from your own disk. Others get the same rows from "
            "their own copy of the release with this script; the sha256 sums in the card show whether it is the same."
        )


def main(release: Release, arguments: Sequence[str] | None = None) -> int:
    """The exit status of a script: 0, or 2 if it cannot be done (the message is on stderr)."""
    parser = _parser(release)
    options = parser.parse_args(arguments)
    if options.private and not options.push_to_hub:
        parser.error("--private goes with --push-to-hub")
    try:
        if options.push_to_hub:
            check_may_share(release)
        import datasets

        datasets.disable_progress_bars()
        flags = {"overwrite": options.overwrite, "allow_other_counts": options.allow_other_counts}
        folder = convert(release, options.raw, options.out, **flags)
        print(f"written: {folder}")
        if options.push_to_hub:
            from tof_hf.data.release_hub import push

            print(f"published: {push(release, folder, options.push_to_hub, private=options.private)}")
    except TofError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


def shown(counts: Mapping[str, int]) -> str:
    """Counts for people: `2 sentences, 9 tokens, 3 entities (LOC 1, PER 2)`."""
    types = ", ".join(f"{key} {number:,}" for key, number in counts.items() if key not in UNITS)
    units = ", ".join(f"{counts[unit]:,} {unit}" for unit in UNITS if unit in counts)
    return f"{units} ({types})" if types else units


def _parser(release: Release) -> argparse.ArgumentParser:
    files = "".join(f"\n  {f.config} {f.split}: {' or '.join(f.names)}" for f in release.files)
    sharing = "may be published under the same terms" if release.licence.may_share else "not to be published"
    parser = argparse.ArgumentParser(
        description=f"{release.title} ({release.url}) to Parquet with a data card.",
        epilog=f"files looked for (also with .gz):{files}\n\nterms: {release.licence.name}; {sharing}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--raw", nargs="+", required=True, metavar="DIR", help="folders with the unpacked release")
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder to make")
    parser.add_argument("--overwrite", action="store_true", help="replace the folder if it is there")
    parser.add_argument("--allow-other-counts", action="store_true", help="accept files of other sizes than expected")
    parser.add_argument("--push-to-hub", metavar="REPO", help="publish the folder, where the terms allow it")
    parser.add_argument("--private", action="store_true", help="publish it in a private repository")
    return parser


def _check_place(out: Path, overwrite: bool) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not overwrite or not out.is_dir():
        raise DataError("something there already", fix="name another --out, or pass --overwrite", path=out)
    others = [path for path in out.rglob("*") if path.is_file() and path.suffix != ".parquet"]
    others = [path.name for path in others if path != out / "README.md"]
    if others:
        fix = "name another --out: --overwrite replaces only what such a script wrote"
        raise DataError(f"a folder with other files ({', '.join(sorted(others)[:3])})", fix=fix, path=out)


def _locate(release: Release, folders: Sequence[Path], say: Callable[[str], None]) -> dict[RawFile, Path]:
    places = ", ".join(map(str, folders))
    for folder in folders:
        if not folder.is_dir():
            raise DataError("no such folder", fix="name the folder with the unpacked release", path=folder)
    located: dict[RawFile, Path] = {}
    missing: dict[str, list[RawFile]] = {}
    for file in release.files:
        paths = (folder / (name + end) for name in file.names for folder in folders for end in ("", ".gz"))
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            missing.setdefault(file.config, []).append(file)
        else:
            located[file] = path
    if not located:
        names = dict.fromkeys(name for file in release.files for name in file.names)
        fix = "unpack the release, or name the folder where these files lie"
        raise DataError(f"no file of {release.title} in {places}: looked for {', '.join(names)}", fix=fix)
    for config, files in missing.items():
        names = ", ".join(name for file in files for name in file.names)
        say(f"{config}: no {' and no '.join(file.split for file in files)} in {places}, looked for {names}")
    return located


def _convert_config(
    release: Release, located: Mapping[RawFile, Path], part: Path, say: Callable[[str], None]
) -> list[Converted]:
    from tof_hf.data import align_labels
    from tof_hf.data.labels import entity_types, label_names

    read = {file: release.task.read(path, file) for file, path in located.items()}
    types: set[str] = set()
    for file, (rows, _) in read.items():
        if "ner_tags" in rows.features:
            types |= set(entity_types(rows.features["ner_tags"].feature.names)) | (set(file.expected) - set(UNITS))
    done = []
    for file, (rows, found) in read.items():
        # All splits need the same labels, also where a type is in one of them alone.
        rows = align_labels(rows, label_names(types)) if types else rows
        target = part / file.config / f"{file.split}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(target)
        item = Converted(file, located[file], found)
        expected = "the same" if file.expected == found else shown(file.expected) or "nothing known"
        name = f"{file.config}/{file.split} from {item.raw.name}"
        say(f"{name}: found {shown(found)}; expected {expected}: {item.verdict}")
        done.append(item)
    return done
