"""The templates of pages: reports, model cards, the files of a Space."""

from collections.abc import Callable
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tof_hf.utils.markdown import code, escape, in_block
from tof_hf.utils.text import printable


def shown(write: Callable[[str], str]) -> Callable[[Any], Any]:
    """How a page shows a value: numbers and markup as they are, all else as `write` returns its text."""
    return lambda value: value if isinstance(value, (int, float, Markup)) else write(str(value))


def templates(package: str, form: Literal["html", "markdown", "text"], folder: str = "pages") -> Environment:
    """The templates in a folder of a package. A missing value is an error.

    In HTML and Markdown every value is escaped, so that text of the data cannot become markup.
    """
    pages = Environment(
        loader=PackageLoader(package, folder),
        undefined=StrictUndefined,
        autoescape=form == "html",
        finalize={"html": shown(printable), "markdown": shown(escape), "text": None}[form],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters |= {
        "percent": lambda value: "" if value is None else f"{100 * value:.2f}",
        "thousands": lambda value: "" if value is None else f"{value:,}",
        "code": lambda value: code(str(value)),
        "in_block": lambda value: in_block(str(value)),
    }
    return pages
