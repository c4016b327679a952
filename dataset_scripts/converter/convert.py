"""From the files of a release to a folder with Parquet files and a data card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tof_hf.data import align_labels
from tof_hf.data.labels import entity_types, label_names
from tof_hf.errors import DataError
from tof_hf.storage.files import replace_folder, temporary_folder

from .declaration import UNITS, Converted, RawFile, Release, shown
from .hub import card


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
    done: list[Converted] = []
    with temporary_folder(out.parent) as part:
        for config in dict.fromkeys(file.config for file in located):
            done += _convert_config(release, {f: p for f, p in located.items() if f.config == config}, part, say)
        different = [item for item in done if item.verdict == "differs"]
        if different and not allow_other_counts:
            raise DataError(
                f"other counts than expected in {', '.join(item.raw.name for item in different)}.",
                fix="download the release again, or look at the lines above and pass --allow-other-counts "
                "(allow_other_counts=True) if this version is the one you want; nothing was written.",
            )
        (part / "README.md").write_text(card(release, done, part), encoding="utf-8")
        _check_place(out, overwrite)
        replace_folder(part, out)
    return out


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
