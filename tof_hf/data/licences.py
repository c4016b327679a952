"""Licences of data: which one the data card names, and which ones allow derived data to be published."""

import re
from collections.abc import Mapping
from pathlib import Path

from tof_hf.config.yaml import packaged_yaml, parse_yaml
from tof_hf.errors import ConfigError


def may_share(license: str | None) -> bool:
    """Whether data made from data of this licence may be published; False if the licence is not known."""
    return license is not None and license.lower() in packaged_yaml("tof_hf.config", "licences.yaml")["shareable"]


def find_license(path: Path) -> str | None:
    """The licence in the data card (README.md) in the folder of Parquet data, or in the folder above; None without."""
    if path.is_file() and path.suffix != ".parquet":
        return None  # a page in the folder of a text file may be about anything
    folder = path if path.is_dir() else path.parent
    card = next((card for card in (folder / "README.md", folder.parent / "README.md") if card.is_file()), None)
    if card is None:
        return None
    try:
        block = re.match(r"\s*---\s*\n(.*?)\n---\s*(\n|$)", card.read_text(encoding="utf-8"), re.DOTALL)
        header = parse_yaml(block[1], name=str(card)) if block else None
    except (ConfigError, OSError, UnicodeDecodeError):  # a page with another kind of header, or in another encoding
        return None
    if not isinstance(header, Mapping):
        return None
    # A page one folder above may be about anything: it must look like a data card.
    about_data = card.parent == folder or {"configs", "dataset_info", "task_categories"} & set(header)
    license = header.get("license") if about_data else None
    return license if isinstance(license, str) else None
