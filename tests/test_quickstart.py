from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "examples" / "quickstart.py"


def test_the_quick_start_compares_the_systems_and_tags_a_sentence(tmp_path, run_processes):
    short = [f"{stage}.num_train_epochs=1" for stage in ("mrc", "ner", "pseudo_ner", "continual_mrc", "continual_ner")]
    command = [sys.executable, str(SCRIPT), "--size", "tiny", "--folder", str(tmp_path), *short]
    done = run_processes(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    printed = done.stdout
    assert "The corpus is generated" in printed
    last = printed[printed.index("F1 on the target") :]
    assert [line.split()[0] for line in last.splitlines() if line.startswith("  ")] == [
        "source_only",
        "adaptabert",
        "tof",
    ]
    assert (tmp_path / "seed0" / "run" / "final" / "model.safetensors").is_file()
    assert printed.rstrip().endswith("}")  # the tagged sentence
