"""Variants that only `make nightly` takes: they are built like the ones that every run of the tests takes."""

from __future__ import annotations

import os

import pytest

NIGHTLY = os.environ.get("TOF_NIGHTLY") == "1"


def nightly(*variants: str) -> tuple[str, ...]:
    """The variants in the nightly run, else none."""
    return variants if NIGHTLY else ()


nightly_only = pytest.mark.skipif(not NIGHTLY, reason="takes long: `make nightly` runs it")
