"""Where trackers (`report_to`) keep the logs of a stage, and under which names."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from tof_hf.config.stages import StageConfig
from tof_hf.utils.processes import is_main_process


def logs_folder(stage: Path) -> Path:
    """The folder of a stage's logs, outside that of the stage, which is replaced when the stage is trained again."""
    return stage.parent.parent / "logs" / stage.name


@contextmanager
def tracked(config: StageConfig, stage: Path) -> Iterator[None]:
    """Train within this: wandb and MLflow log into the run's folder, a run of theirs a stage, grouped by the TOF run.

    What the environment sets itself is left as it is. `stage`: the stage's folder.
    """
    wanted = config.training.get("report_to") or "none"
    trackers = {wanted} if isinstance(wanted, str) else set(wanted)
    logs = logs_folder(stage.absolute())
    run = logs.parent.parent.name
    with ExitStack() as open_trackers:
        if is_main_process() and trackers & {"wandb", "all"} and find_spec("wandb"):
            logs.mkdir(parents=True, exist_ok=True)  # without it wandb writes elsewhere
            open_trackers.enter_context(_wandb_run(logs, run, config.training.get("run_name")))
        if trackers & {"mlflow", "all"}:
            logs.parent.mkdir(parents=True, exist_ok=True)
            place = f"sqlite:///{logs.parent / 'mlflow.db'}"
            open_trackers.enter_context(_environment(MLFLOW_TRACKING_URI=place, MLFLOW_EXPERIMENT_NAME=run))
        yield


@contextmanager
def _wandb_run(logs: Path, group: str, name: str | None) -> Iterator[None]:
    """An open run, which transformers logs into; it would open one only for the first stage of a process."""
    import wandb

    if wandb.run is not None:  # of the caller
        yield
        return
    project, folder = os.environ.get("WANDB_PROJECT", "tof_hf"), os.environ.get("WANDB_DIR", logs)
    with wandb.init(project=project, group=group, name=name, dir=folder, settings=wandb.Settings(quiet=True)):
        yield


@contextmanager
def _environment(**defaults: str) -> Iterator[None]:
    """Variables that are set in here, unless they are already."""
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
