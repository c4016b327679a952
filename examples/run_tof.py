"""A whole run, on one device or many.

accelerate launch examples/run_tof.py CONFIG.yaml [key=value ...]
"""

from __future__ import annotations

import sys

from tof_hf.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
