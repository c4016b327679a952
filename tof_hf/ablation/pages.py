"""The tables inside a page that somebody else wrote, such as a list of results; only they are replaced."""

from __future__ import annotations

from pathlib import Path

from tof_hf.ablation.formats import markdown
from tof_hf.ablation.table import Results
from tof_hf.errors import ConfigError, DataError
from tof_hf.preflight import check_place
from tof_hf.run_folder import write_text

_END = "<!-- end of tof-hf ablate -->"


def check_page(page: Path, target: str) -> None:
    """Raise ConfigError or DataError if the tables of this target could not be put into the page; nothing is written.

    It must be a Markdown page, in a folder that can be written to, with both comments or neither.
    """
    if page.suffix != ".md":
        raise ConfigError(f"--into {page}: name a Markdown page (*.md).")
    _around(page, target)
    check_place(page.parent, f"--into {page}")


def put_into(page: Path, results: Results, command: str) -> None:
    """Put the tables into a Markdown page: in place of those of the same target, or at its end.

    They stand between two comments, which name the target, with the command that made them. Raises DataError for a
    page that cannot be read or written, or where the second comment is missing.
    """
    target = results.ablation.target
    before, after = _around(page, target)
    section = f"{_begin(target)}\n```bash\n{command}\n```\n\n{markdown(results, level=3)}{_END}\n"
    try:
        write_text(page, before + section + after)
    except OSError as problem:
        raise DataError(
            f"a page that cannot be written ({problem.strerror}).", fix="name another one with --into.", path=page
        ) from problem


def _around(page: Path, target: str) -> tuple[str, str]:
    """What stands before and behind the tables of the target; a page that is not there yet is empty."""
    begin = _begin(target)
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


def _begin(target: str) -> str:
    return f"<!-- tof-hf ablate: {target} -->"
