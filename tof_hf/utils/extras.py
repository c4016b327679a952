"""Optional dependencies."""

from importlib.util import find_spec

from tof_hf.errors import TofError


def require(extra: str, *packages: str) -> None:
    """Raise TofError, with the command that installs the extra, if one of its packages is not installed."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        fix = f'run pip install ".[{extra}]" in the checkout of tof_hf.'
        raise TofError(f"not installed: {', '.join(missing)}. What to do: {fix}")
