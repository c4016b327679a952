"""Mistakes in a run found before a GPU is used, without training or writing anything."""

from __future__ import annotations

from tof_hf.check.checking import check, check_file
from tof_hf.check.report import Report
from tof_hf.run.findings import Finding

__all__ = ["Finding", "Report", "check", "check_file"]
