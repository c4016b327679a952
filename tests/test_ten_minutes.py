"""The page "Your own language or domain in ten minutes", from top to bottom, as a reader would go through it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tof_hf.cli import main

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[1] / "docs" / "ten_minutes.md"


@pytest.fixture
def said(hub, tmp_path, monkeypatch, capsys):
    """What was printed on the way, in a folder where all is done; the reader has the account `user`."""
    hub.orgs.append("user")
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    printed = []
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S):
        if language == "python":
            exec(compile(text, str(PAGE), "exec"), namespace)
        elif language == "yaml":
            # The library's defaults, but for the machine: bfloat16 is slow in matrices as small as these.
            off = "".join(f"{stage}: {{bf16: false, num_train_epochs: 1}}\n" for stage in ("mlm", "mrc", "ner"))
            Path("mine.yaml").write_text(text + off, encoding="utf-8")
        else:
            for line in text.splitlines():
                program, *words = shlex.split(line, comments=True)
                assert program == "tof-hf"
                assert main(words) == 0, line
        printed.append(capsys.readouterr().out)
    return printed


def test_every_line_of_the_page_works(said, hub, tmp_path):
    assert (tmp_path / "runs/mine/report.html").stat().st_size > 10_000
    texts = (tmp_path / "data/target.txt").read_text(encoding="utf-8").splitlines()
    assert len((tmp_path / "tagged.jsonl").read_text(encoding="utf-8").splitlines()) == len(texts)
    card = hub.repos["model", "user/mine-tagger"].files()["README.md"].decode()
    assert "license: mit" in card and "- es" in card
    assert "README.md" in said[-2]  # the dry run's listing
    assert said[-1].startswith("[")  # what the tagger found in the last sentence
