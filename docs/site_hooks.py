"""What MkDocs cannot be told in mkdocs.yml: anchors as GitHub makes them, and links to files outside docs/."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File
from pymdownx.slugs import slugify

DOCS = Path(__file__).parent
ROOT = DOCS.parent
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def on_config(config: Any) -> None:
    """Set the anchors of headings."""
    config.mdx_configs["toc"] = {"permalink": True, "slugify": slugify(case="lower")}


def on_files(files: Any, config: Any) -> None:
    """Add the files outside docs/ that pages link to: Markdown becomes pages, the rest is copied."""
    pages = [DOCS / file.src_uri for file in files.documentation_pages()]
    for page in pages:  # grows on the way
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            file = (page.parent / target).resolve()
            if file.is_relative_to(DOCS) or not file.is_file() or files.get_file_from_path(_uri(file)):
                continue
            if file.suffix == ".md":
                pages.append(file)
            files.append(File.generated(config, _uri(file), abs_src_path=str(file)))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point the links of the page at where the files are on the site."""
    uri = page.file.src_uri
    folder = (ROOT / uri.removeprefix("repository/") if uri.startswith("repository/") else DOCS / uri).parent

    def moved(match: re.Match[str]) -> str:
        return posixpath.relpath(_uri((folder / match[1]).resolve()), posixpath.dirname(uri) or ".")

    return LINK.sub(moved, markdown)


def _uri(file: Path) -> str:
    inside = file.is_relative_to(DOCS)
    return file.relative_to(DOCS).as_posix() if inside else f"repository/{file.relative_to(ROOT).as_posix()}"
