"""Settings that hold before any library is imported: no network, no leftovers, no crowded processor."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from hypothesis import settings

_HOME = tempfile.mkdtemp(prefix="tof_hf_tests_")
os.environ.update(
    HF_HOME=_HOME,
    HF_DATASETS_CACHE=os.path.join(_HOME, "datasets"),
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    # Two OpenMP threads on a busy core are up to a hundred times slower than one.
    OMP_NUM_THREADS="1",
    TOKENIZERS_PARALLELISM="false",
    ACCELERATE_USE_CPU="true",
)

# Examples take longer on a busy machine; a shared CI must not fail at random.
settings.register_profile("tof_hf", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tof_hf")


def pytest_sessionfinish(session: pytest.Session) -> None:
    shutil.rmtree(_HOME, ignore_errors=True)
