"""The command `tof-hf`, one file a command."""

from tof_hf.cli.program import main

__all__ = ["main"]
