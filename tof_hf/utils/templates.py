"""The templates of pages: reports, model cards, the files of a Space."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from tof_hf.utils.markdown import cell


def templates(package: str, folder: str = "pages", *, html: bool) -> Environment:
    """The templates in a folder of a package. A missing value is an error.

    `html`: whether values are escaped, so that text of the data cannot become markup.
    """
    pages = Environment(
        loader=PackageLoader(package, folder),
        undefined=StrictUndefined,
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters |= {
        "percent": lambda value: "" if value is None else f"{100 * value:.2f}",
        "thousands": lambda value: "" if value is None else f"{value:,}",
        "cell": lambda value: cell(str(value)),
    }
    return pages
