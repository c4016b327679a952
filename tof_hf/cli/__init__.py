"""The command `tof-hf`, one file a command."""
