"""The tables inside a page that somebody else wrote, such as a list of results; only they are replaced."""

from __future__ import annotations

from pathlib import Path

from tof_hf.ablation.formats import markdown
from tof_hf.ablation.table import Results
from tof_hf.errors import DataError
from tof_hf.run_folder import write_text

_END = "<!-- end of tof-hf ablate -->"


def put_into(page: Path, results: Results, command: str) -> None:
    """Put the tables into a Markdown page: in place of those of the same target, or at its end.

    They stand between two comments, which name the target, with the command that made them. Raises DataError for a
    page that cannot be read, or where the second comment is missing.
    """
    begin = f"<!-- tof-hf ablate: {results.ablation.target} -->"
    section = f"{begin}\n```bash\n{command}\n```\n\n{markdown(results, level=3)}{_END}\n"
    try:
        text = page.read_text(encoding="utf-8") if page.is_file() else ""
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"a page that cannot be read ({problem}).", fix="name a Markdown file.", path=page) from problem
    if begin not in text:
        write_text(page, "\n\n".join(filter(None, [text.rstrip("\n"), section])))
        return
    before, _, rest = text.partition(begin)
    old, end, after = rest.partition(f"{_END}\n")
    if not end or "<!-- tof-hf ablate: " in old:
        raise DataError(f"{begin} without {_END} behind it.", fix="put that line where the tables end.", path=page)
    write_text(page, before + section + after)
