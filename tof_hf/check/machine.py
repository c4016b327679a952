"""Versions and devices of this machine, and what is too old."""

import configparser
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path

import torch
from packaging.requirements import Requirement

from tof_hf.check.report import MachineFacts
from tof_hf.run.findings import Finding
from tof_hf.utils.devices import device_names, has_bf16
from tof_hf.utils.versions import __version__

PACKAGES = ("torch", "transformers", "datasets", "accelerate")


def check_machine() -> tuple[MachineFacts, list[Finding]]:
    """Versions, devices and processes; warnings for old packages and idle GPUs."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    versions = {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}
    facts = MachineFacts(versions | {"tof_hf": __version__}, tuple(device_names()), has_bf16(), processes)
    findings = list(outdated(_requirements(), metadata.version))
    gpus = torch.cuda.device_count()
    if gpus > processes:
        found = f"{processes} of {gpus} GPUs would be used"
        findings.append(Finding("note", "launch", found, "start the run with accelerate launch to use them all."))
    return facts, findings


def outdated(requirements: Sequence[str], version_of: Callable[[str], str]) -> Iterator[Finding]:
    """A warning for every requirement (`torch>=2.13`) that the installed packages do not meet."""
    for requirement in map(Requirement, requirements):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue  # of an extra, or of another Python
        try:
            version = version_of(requirement.name)
        except metadata.PackageNotFoundError:
            version = None
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            found = f"{version or 'nothing'} is installed, tof_hf needs {requirement.specifier}"
            fix = f"pip install '{requirement.name}{requirement.specifier}'."
            yield Finding("warning", requirement.name, found, fix)


def _requirements() -> list[str]:
    """The packages that tof_hf needs, from setup.cfg of a checkout or else from what was installed."""
    checkout = configparser.ConfigParser()
    if checkout.read(Path(__file__).parents[2] / "setup.cfg", encoding="utf-8") and "options" in checkout:
        return checkout["options"].get("install_requires", "").split("\n")[1:]
    try:
        return metadata.requires("tof-hf") or []
    except metadata.PackageNotFoundError:
        return []
