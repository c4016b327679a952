"""Folders where the user may have files too: the library replaces and removes only what it made there."""

import dataclasses
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from tof_hf.errors import ConfigError
from tof_hf.storage.files import read_object, remove_temporary, replace_folder, write_json

LEDGER = ".tof-hf.json"  # which paths of its folder are the library's


@dataclass(frozen=True)
class OwnFolder:
    """A folder in which some paths belong to the library. All other files in it are the user's and stay.

    `claim` lists the paths in a file in the folder; it fails if something else is there already. A symbolic link is
    always the user's, and nothing behind one is removed or replaced.

    Attributes:
        path: the folder.
        paths: what `claim` claims. A path that ends in `/` is a whole folder; `*` stands for any characters.
        later: paths that `replace` will make, as far as they are known. Nothing of the user's may be there when the
            folder is claimed, except at patterns with `*`.
        earlier: how to recognise a folder of an earlier release, which listed no paths: the name of a file and a key
            in its JSON, or None for an empty file. All of `paths` and `later` in such a folder is the library's.
    """

    path: Path
    paths: tuple[str, ...]
    later: tuple[str, ...] = ()
    earlier: Mapping[str, str | None] = dataclasses.field(default_factory=dict)

    def check(self, option: str = "output_dir") -> None:
        """Raise ConfigError if something that the library did not make is at one of the paths. Writes nothing.

        `option` is the option that the message says to change.
        """
        if found := list(dict.fromkeys(self._in_the_way())):
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            what = "is a link" if found[0].is_symlink() else "was not made by tof-hf"
            raise ConfigError(
                f"{option}: {found[0]}{more} {what}, and this command would have to replace it. What to do: move it "
                f"away, or choose another {option}. Nothing was changed."
            )

    def claim(self, option: str = "output_dir") -> None:
        """Claim the paths for the library; creates the folder if needed. Raises ConfigError as `check` does."""
        self.check(option)
        listed = self._listed()
        if listed is None:  # an earlier release made those files of `later` that exist
            listed = [found.relative_to(self.path).as_posix() for found in self.made() if found.is_file()]
        if not set(self.paths) <= set(listed):
            write_json(self.path / LEDGER, {"paths": list(dict.fromkeys([*listed, *self.paths]))})

    def made(self, below: str = "") -> list[Path]:
        """What the library made and is still there; only paths that start with `below`."""
        patterns = [pattern for pattern in self._claimed() if pattern.startswith(below)]
        found = [one for pattern in patterns for one in self._at(pattern) if _is_right_kind(one, pattern)]
        return list(dict.fromkeys(found))

    def remove(self, below: str = "") -> None:
        """Remove what the library made at paths that start with `below`, and folders that this leaves empty."""
        for found in self.made(below):
            shutil.rmtree(found) if found.is_dir() else found.unlink()
            for folder in self._between(found.relative_to(self.path)):
                if not any(folder.iterdir()):
                    folder.rmdir()

    def replace(self, part: Path, name: str) -> None:
        """Replace what the library made in its folder `name` by the finished folder `part`.

        If the user has no file in `name`, the new folder takes the place of the old one. Otherwise files are copied one
        by one, config.json last, because no model loads without it; `part` stays, so that this can be repeated.
        """
        files = sorted(path.relative_to(part) for path in part.rglob("*") if path.is_file())
        new = tuple(f"{name}/{file.as_posix()}" for file in files)
        OwnFolder(self.path, new).claim()
        folder, ours = self.path / name, set(self.made(f"{name}/"))
        if set(folder.rglob("*")) <= ours.union(*(one.parents for one in ours)):
            replace_folder(part, folder)
            return
        self.remove(f"{name}/")
        for file in sorted(files, key=lambda path: path.name == "config.json"):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(part / file, folder / file)

    def remove_temporary(self) -> None:
        """Remove the temporary files of a killed run. Only the process that holds the folder's lock may call this."""
        if self._listed() is None:
            return
        above = (folder for path in self.paths for folder in self._between(PurePath(path)))
        for folder in {self.path, *above, *(made for made in self.made() if made.is_dir())}:
            if not folder.is_symlink():
                remove_temporary(folder)

    def _in_the_way(self) -> Iterator[Path]:
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            yield self.path
            return
        made = set(self.made())
        for pattern in (*self.paths, *(path for path in self.later if "*" not in path)):
            above = self._between(PurePath(pattern))
            no_folders = [one for one in above if one.is_symlink() or (one.exists() and not one.is_dir())]
            yield from no_folders or (one for one in self._at(pattern) if one not in made)

    def _claimed(self) -> Sequence[str]:
        """The patterns of the library's paths."""
        listed = self._listed()
        if listed is not None:
            return listed
        known = any(_has(self.path / name, key) for name, key in self.earlier.items())
        return (*self.later, *self.paths) if known else ()

    def _listed(self) -> list[str] | None:
        listed = (read_object(self.path / LEDGER) or {}).get("paths")
        return listed if isinstance(listed, list) and all(map(_is_inside, listed)) else None

    def _at(self, pattern: str) -> list[Path]:
        """What exists at a path, including broken links, but nothing behind a link."""
        if any(folder.is_symlink() for folder in self._between(PurePath(pattern))):
            return []
        name = pattern.removesuffix("/")
        if "*" in name:
            return sorted(self.path.glob(name))
        return [self.path / name] if os.path.lexists(self.path / name) else []

    def _between(self, path: PurePath) -> list[Path]:
        """The folders between this one and the path in it, the innermost first."""
        return [self.path / parent for parent in path.parents[:-1]]


def _is_inside(path: object) -> bool:
    """Whether this is a path below a folder. Of other ledgers nothing is believed, as what they list is removed."""
    return isinstance(path, str) and not PurePath(path).is_absolute() and not {"..", "**"} & set(PurePath(path).parts)


def _is_right_kind(found: Path, pattern: str) -> bool:
    return not found.is_symlink() and found.is_dir() == pattern.endswith("/")


def _has(file: Path, key: str | None) -> bool:
    """Whether it is a JSON file with this key, or an empty file if there is no key."""
    if file.is_symlink() or not file.is_file():
        return False
    return file.stat().st_size == 0 if key is None else key in (read_object(file) or {})
