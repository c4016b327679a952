"""The notebooks run from their first cell to their last, without jupyter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nightly import nightly_only

pytestmark = pytest.mark.slow

NOTEBOOKS = Path(__file__).parents[1] / "examples" / "notebooks"


def test_the_cells_of_the_notebook_about_a_first_tagger_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_cells("first_tagger")


@nightly_only
def test_the_cells_of_the_notebook_about_your_own_language_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_cells("own_language")


def run_cells(name):
    notebook = NOTEBOOKS / f"{name}.ipynb"
    namespace = {"__name__": "__main__"}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{notebook.name}, {cell['id']}", "exec"), namespace)
