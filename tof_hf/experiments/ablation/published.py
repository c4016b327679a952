"""The paper's tables: paper.yaml has the rows and numbers of Tables 2 to 4, the recipes have those of Table 1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tof_hf.algorithm.recipe import Published
from tof_hf.algorithm.recipes import RECIPES
from tof_hf.config.yaml import read_yaml

PAPER: Mapping[int, Mapping[str, Any]] = read_yaml(Path(__file__).with_name("paper.yaml"))


def _numbers(row: Mapping[str, Any]) -> dict[str, Published]:
    scores = {benchmark: Published(f1=f1) for benchmark, f1 in row.get("f1", {}).items()}
    return scores | {benchmark: Published(change=change) for benchmark, change in row.get("change", {}).items()}


TABLES: Mapping[int, Mapping[str, Mapping[str, Published]]] = {
    1: {name: recipe.published for name, recipe in RECIPES.items() if recipe.published},
    **{table: {name: _numbers(row) for name, row in PAPER[table]["rows"].items()} for table in (2, 3, 4)},
}


def published(table: int, row: str, benchmark: str | None) -> Published | None:
    """The paper's number for a row, if it has one for the benchmark."""
    return TABLES.get(table, {}).get(row, {}).get(benchmark or "")
