"""Licences of data: where they are written down, and which of them let others publish what was made of the data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tof_hf.config.yaml import parse_yaml
from tof_hf.errors import ConfigError

# Ids of the Hub. All of them allow changed copies to be shared; what they ask for (names, the same licence, no sale)
# the card of the copy takes over. No-derivatives licences (-nd) are missing on purpose.
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


def license_beside(path: Path) -> str | None:
    """The licence that the data card (README.md) in the folder of Parquet data, or in the one above it, names."""
    if path.is_file() and path.suffix != ".parquet":
        return None  # a page beside a text file may be about anything
    folder = path if path.is_dir() else path.parent
    for place in (folder, folder.parent):
        card = place / "README.md"
        if card.is_file():
            # One folder up there may be a page about anything: it must show that it is a data card.
            return _license_of(card, must_be_a_data_card=place != folder)
    return None


def _license_of(card: Path, *, must_be_a_data_card: bool) -> str | None:
    try:
        block = re.match(r"\s*---\s*\n(.*?)\n---\s*(\n|$)", card.read_text(encoding="utf-8"), re.DOTALL)
        header = parse_yaml(block[1], name=str(card)) if block else None
    except (ConfigError, OSError, UnicodeDecodeError):  # a page with another kind of header, or in another encoding
        return None
    if not isinstance(header, Mapping):
        return None
    if must_be_a_data_card and not {"configs", "dataset_info", "task_categories"} & set(header):
        return None
    license = header.get("license")
    return license if isinstance(license, str) else None
