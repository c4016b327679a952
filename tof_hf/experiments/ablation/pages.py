"""The tables inside a page that somebody else wrote, such as a list of results; only they are replaced."""

from __future__ import annotations

import re
from pathlib import Path

from tof_hf.errors import ConfigError, DataError
from tof_hf.experiments.ablation.formats import markdown
from tof_hf.experiments.ablation.table import Results
from tof_hf.run.validation import check_place
from tof_hf.storage.files import write_text

_END = "<!-- end of tof-hf ablate -->"


def place(named: str | None, target: str) -> tuple[Path, str] | None:
    """The page of `PAGE` or `PAGE#NAME`, and what its tables go by: the name, or else the target.

    Raises ConfigError for a name that no comment could hold.
    """
    if named is None:
        return None
    page, hash_, name = named.partition("#")
    if hash_ and not re.fullmatch(r"\w+(-\w+)*", name):
        raise ConfigError(f"--into {named}: name the tables with letters, digits and single hyphens behind the #.")
    return Path(page), name or target


def check_page(page: Path, name: str) -> None:
    """Raise ConfigError or DataError if tables of this name could not be put into the page; nothing is written.

    It must be a Markdown page, in a folder that can be written to, with both comments or neither.
    """
    if page.suffix != ".md":
        raise ConfigError(f"--into {page}: name a Markdown page (*.md).")
    _around(page, name)
    check_place(page.parent, f"--into {page}")


def put_into(page: Path, name: str, results: Results, command: str) -> None:
    """Put the tables into a Markdown page: in place of those of the same name, or at its end.

    They stand between two comments, which tell the name, with the command that made them. Raises DataError for a
    page that cannot be read or written, or where the second comment is missing.
    """
    before, after = _around(page, name)
    section = f"{_begin(name)}\n```bash\n{command}\n```\n\n{markdown(results, level=3)}{_END}\n"
    try:
        write_text(page, before + section + after)
    except OSError as problem:
        raise DataError(
            f"a page that cannot be written ({problem.strerror}).", fix="name another one with --into.", path=page
        ) from problem


def _around(page: Path, name: str) -> tuple[str, str]:
    """What stands before and behind the tables of this name; a page that is not there yet is empty."""
    begin = _begin(name)
    try:
        text = page.read_text(encoding="utf-8") if page.exists() else ""
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"a page that cannot be read ({problem}).", fix="name a Markdown file.", path=page) from problem
    if begin not in text:
        return (f"{kept}\n\n" if (kept := text.rstrip("\n")) else ""), ""
    before, _, rest = text.partition(begin)
    old, end, after = rest.partition(_END)
    if not end or "<!-- tof-hf ablate: " in old:
        raise DataError(f"{begin} without {_END} behind it.", fix="put that line where the tables end.", path=page)
    return before, after.removeprefix("\n")


def _begin(name: str) -> str:
    return f"<!-- tof-hf ablate: {name} -->"
