"""`python -m tof_hf.cli`, for launchers."""

import sys

from tof_hf.cli import main

sys.exit(main())
