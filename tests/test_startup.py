"""Modules that only handle names, labels, files and records start at once, so that their tests do too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tof_hf

LIBRARIES = {"datasets", "evaluate", "seqeval", "torch", "transformers"}
STORAGE = [f"tof_hf.storage.{file.stem}" for file in Path(tof_hf.__file__).parent.glob("storage/[a-z]*.py")]
MODULES = [
    "tof_hf",
    "tof_hf.algorithm.recipe",
    "tof_hf.algorithm.recipes",
    "tof_hf.cli.program",
    "tof_hf.config",
    "tof_hf.data",
    "tof_hf.data.labels",
    "tof_hf.data.words",
    "tof_hf.errors",
    "tof_hf.evaluation.entity_scores",
    "tof_hf.report.reading",
    "tof_hf.run.record",
    "tof_hf.config.stage_name",
    *STORAGE,
]


@pytest.mark.slow
def test_what_needs_no_model_imports_none_of_the_large_libraries():
    code = (
        "import importlib, sys\n"
        f"for name in {MODULES}:\n"
        "    importlib.import_module(name)\n"
        f"    if found := {LIBRARIES} & {{*sys.modules}}:\n"
        "        sys.exit(f'{name} imports {found}')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
