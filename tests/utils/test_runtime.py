"""What a command does to its own process."""

import platform
import subprocess
import sys

import pytest

PAGES = """
import resource, sys
import numpy
if sys.argv[1] == "command":
    from tof_hf.utils.runtime import configure_runtime
    configure_runtime()

def taken() -> int:
    for _ in range(5):
        numpy.ones(8_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

taken()
print(taken() - taken())
"""


def _new_pages(kind: str) -> int:
    run = subprocess.run([sys.executable, "-c", PAGES, kind], check=True, capture_output=True, text=True)
    return -int(run.stdout)


GIVEN_BACK = """
import pathlib, resource
import numpy
from tof_hf.utils.runtime import release_freed_memory, configure_runtime

def held() -> int:
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 2**20

configure_runtime()
arrays = [numpy.ones(4_000_000) for _ in range(10)]
small = [bytes(100) for _ in range(1000)]  # above the arrays, so that the heap has no end to cut off
del arrays
kept = held()
release_freed_memory()
print(kept - held())
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory as it likes")
def test_between_stages_what_was_freed_goes_back_to_the_system():
    run = subprocess.run([sys.executable, "-c", GIVEN_BACK], check=True, capture_output=True, text=True)
    assert int(run.stdout) > 250  # of 305 MB


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory as it likes")
def test_a_command_asks_the_system_once_for_memory_that_it_frees_and_takes_again():
    assert _new_pages("command") < _new_pages("library") / 10
