"""The versions of the installed packages."""

import platform
from importlib.metadata import version

__version__ = "0.1.0"
LIBRARIES = ("accelerate", "datasets", "huggingface_hub", "seqeval", "tokenizers", "torch", "transformers")


def versions() -> dict[str, str]:
    """The versions of this package, of Python and of the libraries that affect the results of a run."""
    return {"tof_hf": __version__, "python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
