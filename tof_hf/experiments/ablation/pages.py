"""Tables inside a page that somebody wrote, such as a list of results; nothing else in it is changed."""

import re
from pathlib import Path

from tof_hf.errors import ConfigError, DataError, as_data_error
from tof_hf.experiments.ablation.formats import markdown
from tof_hf.experiments.ablation.table import Results
from tof_hf.run.validation import check_place
from tof_hf.storage.files import write_text

_END = "<!-- end of tof-hf ablate -->"


def parse_page(named: str | None, target: str) -> tuple[Path, str] | None:
    """The page of `PAGE` or `PAGE#NAME`, and the name of its tables, by default the target.

    Raises ConfigError for a name that cannot be part of a comment.
    """
    if named is None:
        return None
    page, hash_, name = named.partition("#")
    if hash_ and not re.fullmatch(r"\w+(-\w+)*", name):
        raise ConfigError(f"--into {named}: after the #, use letters, digits and single hyphens.")
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
    """Put the tables and the command that made them into a Markdown page, in place of those of this name or at its end.

    They are between two comments, the first with the name. Raises DataError for a page that cannot be read or written,
    or that lacks the second comment.
    """
    before, after = _around(page, name)
    section = f"{_begin(name)}\n```bash\n{command}\n```\n\n{markdown(results, level=3)}{_END}\n"
    with as_data_error("a page that cannot be written", OSError, fix="name another one with --into.", path=page):
        write_text(page, before + section + after)


def _around(page: Path, name: str) -> tuple[str, str]:
    """The text before and after the tables of this name; a page that does not exist yet is empty."""
    begin = _begin(name)
    with as_data_error("a page that cannot be read", OSError, UnicodeError, fix="name a Markdown file.", path=page):
        text = page.read_text(encoding="utf-8") if page.exists() else ""
    if begin not in text:
        return (f"{before}\n\n" if (before := text.rstrip("\n")) else ""), ""
    before, _, rest = text.partition(begin)
    old, end, after = rest.partition(_END)
    if not end or "<!-- tof-hf ablate: " in old:
        raise DataError(f"{begin} without {_END} after it.", fix="put that line where the tables end.", path=page)
    return before, after.removeprefix("\n")


def _begin(name: str) -> str:
    return f"<!-- tof-hf ablate: {name} -->"
