from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "examples" / "quickstart.py"


def test_the_quick_start_compares_the_systems_and_tags_a_sentence(tmp_path):
    short = [f"{stage}.num_train_epochs=1" for stage in ("mrc", "ner", "pseudo_ner", "continual_mrc", "continual_ner")]
    command = [sys.executable, str(SCRIPT), "--size", "tiny", "--folder", str(tmp_path), *short]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert "The corpus is generated" in printed
    last = printed[printed.index("F1 on the target") :]
    assert [line.split()[0] for line in last.splitlines() if line.startswith("  ")] == [
        "source_only", "adaptabert", "tof"]
    assert (tmp_path / "seed0" / "run" / "final" / "model.safetensors").is_file()
    assert printed.rstrip().endswith("}")  # the tagged sentence
