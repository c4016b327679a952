"""Recipes that other packages announce by an entry point."""

from __future__ import annotations

import sys

import pytest

from tof_hf.config import load_config
from tof_hf.config.schema import run_file_schema
from tof_hf.errors import ConfigError
from tof_hf.utils.systems import SYSTEMS

VALUES = {
    "model": "encoder",
    "output_dir": "run",
    "source": {"train": "train.conll", "validation": "validation.conll"},
    "target": {"text": "target.txt"},
}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a package that announces the recipe `theirs`, with this code."""

    def install(code):
        (tmp_path / "their_module.py").write_text(code)
        facts = tmp_path / "their_package-1.2.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.2\n")
        (facts / "entry_points.txt").write_text("[tof_hf.recipes]\ntheirs = their_module\n")
        monkeypatch.syspath_prepend(tmp_path)

    return install


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import not_installed_anywhere", "cannot be loaded .ModuleNotFoundError: No module named"),
        ("1 / 0", "cannot be loaded .ZeroDivisionError: division by zero"),
        ("", "announces but does not register.*put @recipe"),
    ],
)
def test_a_broken_plug_in_ends_in_an_error_that_names_the_package(installed, code, problem):
    installed(code)
    with pytest.raises(ConfigError, match=f"systems.0 is 'theirs', .*the package their-package 1.2.*{problem}"):
        load_config(VALUES, ["systems=theirs"])
    sys.modules.pop("their_module", None)


def test_a_broken_plug_in_harms_nobody_who_does_not_name_it(installed):
    installed("1 / 0")
    assert load_config(VALUES).systems == ["tof"]
    assert "theirs" not in SYSTEMS


def test_editors_and_suggestions_know_plug_ins_without_importing_them(installed):
    installed("1 / 0")
    assert "theirs" in str(run_file_schema())
    with pytest.raises(ConfigError, match="Did you mean 'theirs'"):
        load_config(VALUES, ["systems=their"])
