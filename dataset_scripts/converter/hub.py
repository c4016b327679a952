"""What the Hub needs of a converted release: the data card (README.md), and publishing where the terms allow it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import datasets
import pyarrow
from huggingface_hub import DatasetCardData

from tof_hf.hub.upload import Bundle, publish
from tof_hf.utils.versions import __version__

from .declaration import Converted, Release, check_may_share, shown


def card(release: Release, done: Sequence[Converted], folder: Path) -> str:
    """The text of README.md: the header that `load_dataset` reads, terms, counts and checksums."""
    licence = release.licence
    configs: dict[str, list[dict[str, str]]] = {}
    for item in done:
        file = item.file
        configs.setdefault(file.config, []).append({"split": file.split, "path": _path(item)})
    other = {"license_name": "see-card", "license_link": licence.url} if licence.hub_id == "other" else {}
    header = DatasetCardData(
        pretty_name=release.title,
        language=_languages(release, configs),
        license=licence.hub_id,
        task_categories=[release.task.category],
        configs=[{"config_name": name, "data_files": files} for name, files in configs.items()],
        **other,
    )
    missing = [f"{file.config}/{file.split}" for file in release.files if file not in {item.file for item in done}]
    notes = [
        release.task.how,
        *release.notes,
        *([f"Not in this folder, because the file was not there: {', '.join(missing)}."] if missing else []),
        f"Made with tof_hf {__version__}, datasets {datasets.__version__}, pyarrow {pyarrow.__version__}; with other "
        "versions the Parquet files may differ in their bytes, not in their rows.",
    ]
    example = next(iter(configs))
    return "\n".join(
        [
            f"---\n{header.to_yaml()}\n---\n",
            f"# {release.title}\n",
            f"A converted copy of <{release.url}>. The converter wrote this page, not the owners of the data.\n",
            f'```python\nload_dataset("path/of/this/folder", "{example}")\n```\n',
            "## Terms\n",
            f"[{licence.name}]({licence.url}). {licence.why}\n",
            "## How it was converted\n",
            *(f"- {note}" for note in notes),
            "\n## Counts\n",
            *_table(("split", "raw file", "found", "expected", "Table 5 of the paper", ""), map(_counts, done)),
            "\n## Checksums\n",
            *_table(("file", "bytes", "sha256"), _checksums(done, folder)),
            "",
        ]
    )


def push(release: Release, folder: Path, repo: str, *, private: bool = False) -> str:
    """Publish the folder as the data set `repo` of the Hub; the address. Raises `TofError` if it cannot be done."""
    check_may_share(release)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    message = f"{release.title}, converted by tof_hf"
    bundle = Bundle(repo, files, message=message, repo_type="dataset", replaces=["*.parquet", "*/*.parquet"])
    return publish(bundle, private=private)


def sha256(path: Path) -> str:
    """The checksum of a file, as `sha256sum` prints it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _languages(release: Release, configs: Iterable[str]) -> list[str]:
    """Those that are in the folder, where the configurations are named after languages (`es`, `en-es`)."""
    named = {part for config in configs for part in config.split("-")}
    return [language for language in release.languages if language in named] or list(release.languages)


def _path(item: Converted) -> str:
    return f"{item.file.config}/{item.file.split}.parquet"


def _counts(item: Converted) -> tuple[str, ...]:
    file = item.file
    paper = "not given" if file.paper is None else f"{file.paper:,}"
    if file.paper not in (None, item.found.get("sentences", item.found.get("questions"))):
        paper += " (differs)"
    split = f"{file.config}/{file.split}"
    return split, item.raw.name, shown(item.found), shown(file.expected) or "nothing known", paper, item.verdict


def _checksums(done: Sequence[Converted], folder: Path) -> Iterable[tuple[str, ...]]:
    for name, path in [(item.raw.name + " (raw)", item.raw) for item in done] + [
        (_path(item), folder / _path(item)) for item in done
    ]:
        yield name, f"{path.stat().st_size:,}", f"`{sha256(path)}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
