"""`tof-hf env`: what a bug report needs to say."""

import argparse
import platform
from importlib.metadata import version
from importlib.util import find_spec

from tof_hf.cli.common import show

HELP = "print versions, platform and devices for a bug report, without paths and names"
_OPTIONAL = ("gradio", "mlflow", "onnx", "onnxruntime", "optuna", "spacy", "tensorboard", "wandb")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: there are none."""


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from tof_hf.utils.devices import device_names
    from tof_hf.utils.versions import versions

    facts = versions() | {name: version(name) for name in _OPTIONAL if find_spec(name)}
    facts |= {"platform": f"{platform.system()} {platform.machine()}", "devices": ", ".join(device_names())}
    show("\n".join(f"- {name}: {value}" for name, value in facts.items()))
