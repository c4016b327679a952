"""Licences of data: which one the data card names, and which ones allow derived data to be published."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tof_hf.config.yaml import parse_yaml
from tof_hf.errors import ConfigError

# Ids of the Hub. All of them allow changed copies to be shared; the copy's card repeats their conditions (names, the
# same licence, no sale). No-derivatives licences (-nd) are missing on purpose.
SHAREABLE = frozenset(
    """
    apache-2.0 mit bsd bsd-2-clause bsd-3-clause unlicense wtfpl isc
    cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0
    cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    pddl odc-by odbl cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 gfdl etalab-2.0
    """.split()
)


def may_share(license: str | None) -> bool:
    """Whether data made from data of this licence may be published; False if the licence is not known."""
    return license is not None and license.lower() in SHAREABLE


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
    if card.parent != folder and not {"configs", "dataset_info", "task_categories"} & set(header):
        return None
    license = header.get("license")
    return license if isinstance(license, str) else None
